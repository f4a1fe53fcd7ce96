//! What happened lately, by hash: flows that were seen, doors that were tried or open.

use super::{table::table, time::Tenths};

/// Hashes and when they were last noted. One that finds its place taken takes it over.
#[derive(Debug)]
pub(super) struct Recent<const PLACES: usize>(Box<[(u32, Tenths); PLACES]>);

impl<const PLACES: usize> Recent<PLACES> {
    pub(super) fn new() -> Self {
        Self(table())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    pub(super) fn note(&mut self, hash: u64, now: Tenths) {
        let (place, tag) = Self::place(hash);
        self.0[place] = (tag, now);
    }

    /// Whether `hash` was noted in the last `tenths` of a second.
    pub(super) fn within(&self, hash: u64, now: Tenths, tenths: u32) -> bool {
        let (place, tag) = Self::place(hash);
        let (known, at) = self.0[place];
        known == tag && now.since(at) <= tenths
    }

    #[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
    const fn place(hash: u64) -> (usize, u32) {
        (hash as usize % PLACES, (hash >> 32) as u32 | 1)
    }
}
