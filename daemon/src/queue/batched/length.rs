//! How many packets may wait in a queue.
//!
//! A long queue takes in bursts, and what comes while one daemon follows another. When more comes than can be
//! judged, it is always full, and does nothing but harm: each packet waits for all before it, and by the
//! time that it is judged, no processor has it in its cache any more, which makes it half as dear again.
//! So a queue that does not become empty is made short, until it does (the thought is that of RFC 8289, CoDel,
//! where what tells a standing queue from a burst is that its shortest length over a while is not zero).

use super::{BATCH, LENGTH};

/// Packets that may wait while more comes than can be judged.
const SHORT: u32 = 256;
/// So many full batches in a row are no burst: a whole long queue has been judged since it was empty, and another
/// has come meanwhile.
const STANDING: usize = 2 * LENGTH as usize / BATCH;

/// One queue's length, by what its worker receives.
#[derive(Debug, Default)]
pub(super) struct Length {
    /// Full batches since the last one that was not: then the queue was empty.
    full: usize,
    short: bool,
}

impl Length {
    /// So many packets were received at once. Returns the length that the queue should have from now on, if
    /// it is to be another.
    pub(super) const fn after(&mut self, packets: usize) -> Option<u32> {
        if packets < BATCH {
            self.full = 0;
            return if std::mem::replace(&mut self.short, false) { Some(LENGTH) } else { None };
        }
        self.full = self.full.saturating_add(1);
        if self.short || self.full < STANDING {
            return None;
        }
        self.short = true;
        Some(SHORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_finds_a_long_queue() {
        let mut length = Length::default();
        for _ in 0..10 {
            assert!((1..STANDING).all(|_| length.after(BATCH).is_none()), "as many as can wait, and more");
            assert_eq!(length.after(BATCH - 1), None);
        }
    }

    #[test]
    fn a_standing_queue_is_short_until_it_is_empty() {
        let mut length = Length::default();
        let told: Vec<u32> = (0..10 * STANDING).filter_map(|_| length.after(BATCH)).collect();
        assert_eq!(told, [SHORT], "told once");
        assert_eq!(length.after(0), Some(LENGTH));
        assert_eq!(length.after(1), None);
        assert_eq!((0..STANDING).filter_map(|_| length.after(BATCH)).last(), Some(SHORT), "and again");
    }
}
