//! Doors, whoever tries them: many sources at one, and floods.

use super::{
    busiest::{Busiest, Entry},
    time::{Fading, Tenths},
};

/// The doors that are tried most: 512 of them.
pub(super) type Doors = Busiest<Crowd, 128>;

/// What is known of a door.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Crowd {
    /// New sources that were turned away; fades in minutes.
    pub(super) strangers: Fading,
    /// Contacts that were turned away; fades in seconds.
    pub(super) refused: Fading,
    /// Handshakes that were not completed; fades in seconds.
    pub(super) unfinished: Fading,
    /// Handshakes that were; fades in seconds.
    pub(super) completed: Fading,
    /// Sources, as bits by their hash.
    pub(super) faces: u64,
    pub(super) first_packet: u64,
    pub(super) first: Tenths,
}

impl Crowd {
    /// About how many sources there are, from how many bits they have set (linear counting; Whang et
    /// al. 1990): 64 bits tell up to some two hundred.
    pub(super) fn sources(&self) -> f32 {
        match self.faces.count_zeros() {
            0 => 266.0,
            #[expect(clippy::cast_precision_loss, reason = "at most 64")]
            unset => 64.0 * (64.0 / unset as f32).ln(),
        }
    }
}

impl Entry for Crowd {
    fn begin(now: Tenths, packet: u64) -> Self {
        Self { first_packet: packet, first: now, ..Self::default() }
    }
}
