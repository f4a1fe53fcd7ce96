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
    /// Whether there are so many sources, about ([`bits_of`]).
    pub(super) const fn is_many(&self, bits: u32) -> bool {
        self.faces.count_ones() >= bits
    }
}

/// How many of 64 bits so many sources set at least, by their hash: that they are as many is seen without a
/// logarithm (linear counting; Whang et al. 1990: `n` sources set some `64 * (1 - exp(-n / 64))` of them).
pub(super) const fn bits_of(sources: u32) -> u32 {
    match sources {
        12 => 11,
        14 => 13,
        40 => 30,
        _ => panic!("not worked out yet"),
    }
}

impl Entry for Crowd {
    fn begin(now: Tenths, packet: u64) -> Self {
        Self { first_packet: packet, first: now, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_tell_how_many_sources_there_are() {
        for sources in [12, 14, 40] {
            let bits = 64.0 * (1.0 - (-f64::from(sources) / 64.0).exp());
            assert!((bits - f64::from(bits_of(sources))).abs() < 1.0, "{sources}: {bits}");
            assert!(f64::from(bits_of(sources)) >= bits, "{sources}: {bits}");
        }
    }
}
