//! What happened lately, by hash: flows that were seen, doors that were tried or open.

use super::time::Tenths;

/// Hashes and when they were last noted. One that finds its place taken takes it over.
#[derive(Debug)]
pub(super) struct Recent(Box<[(u32, Tenths)]>);

impl Recent {
    /// Room for `places`, 8 bytes each.
    pub(super) fn new(places: usize) -> Self {
        Self(vec![(0, Tenths(0)); places].into_boxed_slice())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    pub(super) fn note(&mut self, hash: u64, now: Tenths) {
        let (place, tag) = self.place(hash);
        self.0[place] = (tag, now);
    }

    /// Whether `hash` was noted in the last `tenths` of a second.
    pub(super) fn within(&self, hash: u64, now: Tenths, tenths: u32) -> bool {
        let (place, tag) = self.place(hash);
        let (known, at) = self.0[place];
        known == tag && now.since(at) <= tenths
    }

    #[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
    fn place(&self, hash: u64) -> (usize, u32) {
        (hash as usize % self.0.len(), (hash >> 32) as u32 | 1)
    }
}
