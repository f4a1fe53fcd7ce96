//! How often one source comes to one door: guesses of passwords, floods.

use super::time::{Fading, RATE, Tenths};

/// Five minutes: how long a guess of a password is remembered.
pub(super) const GUESSES: f32 = 3_000.0;
/// Buckets of the table.
const BUCKETS: usize = 512;
/// Pairs in a bucket.
const WAYS: usize = 4;

/// What one source does at one door, or at all of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    key: u64,
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
    /// The open incident, and one; 0 for none.
    pub(super) incident: u8,
}

impl Rate {
    fn worth(&self, now: Tenths) -> f32 {
        if self.incident != 0 {
            return f32::INFINITY;
        }
        let quick = [&self.completed, &self.unfinished, &self.refused];
        self.sessions.at(now, GUESSES) + quick.iter().map(|sum| sum.at(now, RATE)).sum::<f32>()
    }
}

/// The busiest pairs of source and door: 128 KiB.
#[derive(Debug)]
pub(super) struct Rates(Box<[[Rate; WAYS]]>);

impl Rates {
    pub(super) fn new() -> Self {
        Self(vec![[Rate::default(); WAYS]; BUCKETS].into_boxed_slice())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// The pair with this hash, in the place of the least busy one if need be.
    pub(super) fn at(&mut self, key: u64, now: Tenths, packet: u64) -> &mut Rate {
        let bucket = &mut self.0[(key >> 20) as usize % BUCKETS];
        let known = bucket.iter().position(|rate| rate.key == key);
        let way = known.unwrap_or_else(|| {
            let worth = |way: &usize| bucket[*way].worth(now);
            let least = (0..WAYS).min_by(|a, b| worth(a).total_cmp(&worth(b))).unwrap_or(0);
            let first_packet = u32::try_from(packet).unwrap_or(u32::MAX);
            bucket[least] = Rate { key, first_packet, first: now, ..Rate::default() };
            least
        });
        &mut bucket[way]
    }

    /// Forgets what belongs to an incident that is over.
    pub(super) fn release(&mut self, incident: u8) {
        for rate in self.0.iter_mut().flatten().filter(|rate| rate.incident == incident) {
            rate.incident = 0;
        }
    }
}
