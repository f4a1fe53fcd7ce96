//! What is seen most often, in a table that never grows.

use super::{table::table, time::Tenths};

/// Entries in a bucket: what is looked at to find one is 64 bytes, one line of the cache.
const WAYS: usize = 4;
/// A minute, in tenths of a second: who comes rarely is forgotten slowly.
const HALF: u32 = 600;
/// What one call is worth; half of it is what a call costs that finds no room.
const CALL: u16 = 2;
/// Being busy is no reason to stay for ever.
const MOST_RANK: u16 = 1000 * CALL;

/// What a table keeps of something.
pub(super) trait Entry: Copy + Default {
    /// What is known of it at its first call.
    fn begin(now: Tenths, packet: u64) -> Self;
}

/// Where something stands.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    key: u64,
    last: Tenths,
    /// How often it was seen; halves every minute, in whole steps.
    rank: u16,
    /// The open incident, and one; 0 for none.
    incident: u8,
}

impl Head {
    /// How worth keeping it is, roughly and quickly: it is asked of all in a bucket.
    #[inline]
    fn worth(&self, now: Tenths) -> u16 {
        // In any case, and without asking which: a rank has 16 bits.
        let rank = self.rank >> (now.since(self.last) / HALF).min(15);
        if self.incident == 0 { rank } else { u16::MAX }
    }
}

/// A bucket: one line of the cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Heads([Head; WAYS]);

const _: () = assert!(size_of::<Heads>() == 64);

/// What is seen most often, by the hash of what it is.
#[derive(Debug)]
pub(super) struct Busiest<T, const BUCKETS: usize> {
    heads: Box<[Heads; BUCKETS]>,
    entries: Box<[[T; WAYS]; BUCKETS]>,
}

impl<T: Entry, const BUCKETS: usize> Busiest<T, BUCKETS> {
    pub(super) fn new() -> Self {
        Self { heads: table(), entries: table() }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.heads) + size_of_val(&*self.entries)
    }

    /// The entry with this hash, and its incident's number. The one that is seen least makes room for it,
    /// unless all of a bucket are busier than a first call.
    #[inline]
    pub(super) fn at(&mut self, key: u64, now: Tenths, packet: u64) -> Option<(&mut u8, &mut T)> {
        let bucket = (key >> 20) as usize % BUCKETS;
        let (Heads(heads), entries) = (&mut self.heads[bucket], &mut self.entries[bucket]);
        // All are looked at, without asking each time: which one it is nobody can foresee.
        let mut found = 0_u32;
        for (way, head) in heads.iter().enumerate() {
            found |= u32::from(head.key == key) << way;
        }
        let way = match found {
            1.. => found.trailing_zeros() as usize,
            0 => {
                let mut least = (u16::MAX, 0);
                for (way, head) in heads.iter().enumerate().rev() {
                    let worth = head.worth(now);
                    least = if worth <= least.0 { (worth, way) } else { least };
                }
                let (worth, least) = least;
                if worth >= CALL {
                    // Who comes often enough wears it down (Misra and Gries 1982).
                    heads[least].rank = heads[least].rank.saturating_sub(CALL / 2);
                    return None;
                }
                heads[least] = Head { key, last: now, rank: 0, incident: 0 };
                entries[least] = T::begin(now, packet);
                least
            }
        };
        let head = &mut heads[way];
        if head.incident == 0 {
            head.rank = head.worth(now).min(MOST_RANK) + CALL;
        }
        head.last = head.last.max(now);
        Some((&mut head.incident, &mut entries[way]))
    }

    /// Forgets what belongs to an incident that is over.
    pub(super) fn release(&mut self, incident: u8, forget: impl Fn(&mut T)) {
        for (Heads(heads), entries) in self.heads.iter_mut().zip(self.entries.iter_mut()) {
            for (head, entry) in heads.iter_mut().zip(entries) {
                if head.incident == incident {
                    head.incident = 0;
                    forget(entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type OneBucket = Busiest<u64, 1>;

    impl Entry for u64 {
        fn begin(_: Tenths, packet: u64) -> Self {
            packet
        }
    }

    #[test]
    fn the_busy_stay_and_the_rare_go() {
        let mut table = OneBucket::new();
        let now = Tenths(10_000);
        for call in 0..100 {
            for busy in 1..=4 {
                assert!(table.at(busy, now, call).is_some());
            }
        }
        assert!(table.at(5, now, 7).is_none(), "everybody is busier than a first call");
        let later = Tenths(10_000 + 10 * HALF);
        assert_eq!(table.at(5, later, 7).map(|(_, packet)| *packet), Some(7));
        let kept = table.entries[0].iter().filter(|&&first| first == 0).count();
        assert_eq!(kept, 3, "one has made room, the others are as they were");
    }

    #[test]
    fn what_belongs_to_an_incident_stays() {
        let mut table = OneBucket::new();
        let (incident, _) = table.at(1, Tenths(1), 1).unwrap();
        *incident = 3;
        for other in 2..1000 {
            table.at(other, Tenths(1_000_000), other);
        }
        assert_eq!(
            table.at(1, Tenths(1_000_000), 5).map(|(incident, first)| (*incident, *first)),
            Some((3, 1))
        );
        table.release(3, |first| *first = 0);
        assert_eq!(
            table.at(1, Tenths(1_000_000), 5).map(|(incident, first)| (*incident, *first)),
            Some((0, 0))
        );
    }
}
