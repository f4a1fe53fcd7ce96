//! Who knocked before, though there was no room for a record.

use super::equal_bytes;
use crate::detect::table::table;

/// Remembers sources by a byte of their hash, eight in a bucket, the oldest goes first: 1 MiB. It
/// takes one stranger in 32 for somebody that it knows.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    buckets: Box<[u64; GREETED]>,
}

/// A MiB of them.
const GREETED: usize = 1 << 17;

impl Doorkeeper {
    pub(super) fn new() -> Self {
        Self { buckets: table() }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    /// Whether it has seen this one before; from now on it has.
    #[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
    pub(super) fn greet(&mut self, hash: u64) -> bool {
        let bucket = &mut self.buckets[(hash >> 32) as usize % GREETED];
        let face = ((hash >> 24) as u8).max(1);
        let known = equal_bytes(*bucket, face) != 0;
        if !known {
            *bucket = *bucket << 8 | u64::from(face);
        }
        known
    }
}
