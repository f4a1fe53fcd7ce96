//! Counts of more values than there is room for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Values told apart; when there are more, the rarer half is counted together. What there is much of
/// stays, whenever it began.
pub(super) const MOST: usize = 200_000;

/// What is counted: a source, a port, a name, or some of them. Small and without a share in anything, since
/// millions are compared and forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) source: [u64; 2],
    pub(super) v6: bool,
    pub(super) port: u16,
    /// Its place among the names.
    pub(super) name: u16,
}

impl Key {
    pub(super) fn of_source(address: IpAddr) -> Self {
        let (bits, v6) = match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), false),
            IpAddr::V6(v6) => (v6.to_bits(), true),
        };
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of it")]
        let source = [(bits >> 64) as u64, bits as u64];
        Self { source, v6, port: 0, name: 0 }
    }

    pub(super) fn address(&self) -> IpAddr {
        let [high, low] = self.source.map(u128::from);
        let bits = high << 64 | low;
        match u32::try_from(bits) {
            Ok(bits) if !self.v6 => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

/// A value and its count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) count: u64,
    /// By how much the count can be too low: it may have been forgotten before it came again.
    pub(super) missed: u64,
}

/// The counts, in the order of their keys.
///
/// What is added comes in order as well, a file's worth at a time, and is merged in: that reads and writes memory from one
/// end to the other. A hash table of this size misses the processor's caches several times for each packet.
#[derive(Debug, Default)]
pub(super) struct Counts {
    entries: Vec<Entry>,
    /// What has been counted together.
    pub(super) others: u64,
    /// The most that a value can have had which is not there.
    pub(super) missed: u64,
}

impl Counts {
    /// Adds values, each once, in the order of their keys.
    pub(super) fn add(&mut self, mut run: Vec<Entry>) {
        for entry in &mut run {
            entry.missed = self.missed;
        }
        self.join(run, |known, new| known.count += new.count);
    }

    /// Adds what was counted elsewhere, in any order.
    pub(super) fn merge(&mut self, mut other: Self) {
        for entry in &mut self.entries {
            entry.missed += other.missed;
        }
        for entry in &mut other.entries {
            entry.missed += self.missed;
        }
        // In the entries of both, that was too much.
        let both = self.missed + other.missed;
        self.others += other.others;
        self.missed = both;
        other.entries.sort_unstable_by_key(|entry| entry.key);
        self.join(other.entries, |known, new| {
            known.count += new.count;
            known.missed = (known.missed + new.missed).saturating_sub(both);
        });
    }

    fn join(&mut self, mut run: Vec<Entry>, add: impl Fn(&mut Entry, &Entry)) {
        let entries = &mut self.entries;
        let mut at = 0;
        run.retain(|new| {
            while entries.get(at).is_some_and(|known| known.key < new.key) {
                at += 1;
            }
            let known = entries.get_mut(at).filter(|known| known.key == new.key);
            known.map(|known| add(known, new)).is_none()
        });
        // From the back, in place: nothing is overwritten that is still to be moved.
        let (mut known, mut new) = (entries.len(), run.len());
        entries.resize(known + new, Entry::default());
        while new > 0 {
            if known > 0 && entries[known - 1].key > run[new - 1].key {
                entries[known + new - 1] = entries[known - 1];
                known -= 1;
            } else {
                entries[known + new - 1] = run[new - 1];
                new -= 1;
            }
        }
        if self.entries.len() > MOST {
            self.forget_the_rare();
        }
    }

    fn forget_the_rare(&mut self) {
        let mut counts: Vec<u64> = self.entries.iter().map(|entry| entry.count).collect();
        let mut to_forget = counts.len() - MOST / 2;
        let (_, &mut limit, _) = counts.select_nth_unstable(to_forget - 1);
        let Self { entries, others, missed } = self;
        // Of those that have just as many, as many as have to go.
        to_forget -= entries.iter().filter(|entry| entry.count < limit).count();
        entries.retain(|entry| {
            let keep = entry.count > limit || entry.count == limit && to_forget == 0;
            if !keep {
                *others += entry.count;
                *missed = (*missed).max(entry.count + entry.missed);
                to_forget -= usize::from(entry.count == limit);
            }
            keep
        });
    }

    /// All that are told apart.
    pub(super) fn entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Changes the names' places; what has none any more is counted together.
    pub(super) fn rename(&mut self, place: impl Fn(u16) -> Option<u16>) {
        let Self { entries, others, .. } = self;
        entries.retain_mut(|entry| {
            let place = place(entry.key.name);
            entry.key.name = place.unwrap_or(0);
            *others += if place.is_some() { 0 } else { entry.count };
            place.is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn key(n: u32) -> Key {
        Key::of_source(Ipv4Addr::from_bits(n).into())
    }

    fn run(counts: impl IntoIterator<Item = (u32, u64)>) -> Vec<Entry> {
        counts.into_iter().map(|(n, count)| Entry { key: key(n), count, missed: 0 }).collect()
    }

    #[test]
    fn a_key_holds_its_address() {
        for address in ["0.0.0.0", "203.0.113.9", "::", "::203.0.113.9", "::ffff:203.0.113.9", "2001:db8::7"]
        {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(Key::of_source(address).address(), address);
        }
    }

    /// Against counts of everything: each is as told, or too low by no more than told; what is missing
    /// has no more than told, and nothing is lost on the way.
    #[test]
    fn what_is_told_is_true_of_more_than_fits() {
        let mut exact: BTreeMap<Key, u64> = BTreeMap::new();
        // Two halves, as two threads count them; a few values in each file, and many only once.
        let mut half = |from: u32| {
            let mut counts = Counts::default();
            for file in from..from + 12 {
                let often = (0..1000).map(|n| (n, u64::from(n)));
                let late = (file > 6).then_some((5000, 10_000));
                let once = (0..50_000).map(|n| (100_000 + file * 50_000 + n, u64::from(n % 3)));
                let run = run(often.chain(late).chain(once));
                for entry in &run {
                    *exact.entry(entry.key).or_default() += entry.count;
                }
                counts.add(run);
                assert!(counts.entries.len() <= MOST && counts.entries.is_sorted_by_key(|entry| entry.key));
            }
            counts
        };
        let (mut counts, other) = (half(0), half(12));
        counts.merge(other);
        let (missed, others) = (counts.missed, counts.others);
        let entries = counts.entries();
        let total: u64 = entries.iter().map(|entry| entry.count).sum();
        assert_eq!(total + others, exact.values().sum::<u64>());
        for Entry { key, count, missed } in entries {
            let exact = exact.remove(&key).unwrap();
            assert!(count <= exact && exact <= count + missed, "{key:?}: {count}, {missed}, {exact}");
        }
        assert!(exact.values().all(|&count| count <= missed));
        assert!(
            !exact.contains_key(&key(999)) && !exact.contains_key(&key(5000)),
            "the most frequent are there"
        );
    }
}
