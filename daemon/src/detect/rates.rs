//! How often one source comes to one door: guesses of passwords, floods.

use super::{
    busiest::{Busiest, Entry},
    time::{Fading, Tenths},
};

/// The busiest pairs of source and door: 2048 of them.
pub(super) type Rates = Busiest<Rate, 512>;

/// Five minutes: how long a guess of a password is remembered.
pub(super) const GUESSES: f32 = 3_000.0;

/// What one source does at one door, or at all of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    /// Sessions; fades in minutes.
    pub(super) sessions: Fading,
    /// Completed connections; fades in seconds.
    pub(super) completed: Fading,
    /// Handshakes given up; fades in seconds.
    pub(super) unfinished: Fading,
    /// Contacts turned away; fades in seconds.
    pub(super) refused: Fading,
    /// The source port of the last one: a client that asks again keeps it.
    pub(super) port: u16,
    /// The first packet's number.
    pub(super) first_packet: u32,
    pub(super) first: Tenths,
}

impl Entry for Rate {
    fn begin(now: Tenths, packet: u64) -> Self {
        let first_packet = u32::try_from(packet).unwrap_or(u32::MAX);
        Self { first_packet, first: now, ..Self::default() }
    }
}
