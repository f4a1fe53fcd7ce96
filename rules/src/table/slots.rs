//! A place for each of some known keys.

/// A perfect hash: keys fall into groups, and a seed for each group leads its keys to slots that nobody else has, as in
/// Belazzougui, Botelho, Dietzfelbinger: Hash, Displace, and Compress (ESA 2009).
#[derive(Debug, Clone)]
pub(super) struct Slots {
    /// By group.
    seeds: Box<[u16]>,
    /// How many slots there are, some more than keys.
    count: u64,
}

/// At most so many keys to a group, on average.
const IN_GROUP: usize = 4;

impl Slots {
    /// Slots for these keys, and which is whose. `None` where no seeds are found, as for a key that comes twice.
    pub(super) fn new(keys: impl Iterator<Item = u128>) -> Option<(Self, Vec<usize>)> {
        let keys: Vec<u64> = keys.map(mix).collect();
        let groups = (keys.len() / IN_GROUP + 1).next_power_of_two();
        let count = keys.len() + keys.len() / 4 + 1;
        let mut slots = Self { seeds: vec![0; groups].into(), count: count as u64 };
        let mut by_group: Vec<(usize, usize)> =
            keys.iter().enumerate().map(|(place, &key)| (slots.group(key), place)).collect();
        by_group.sort_unstable();
        let mut groups: Vec<&[(usize, usize)]> = by_group.chunk_by(|one, other| one.0 == other.0).collect();
        // The largest are the hardest to find room for.
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let mut taken = vec![false; count];
        let mut slot_of = vec![0; keys.len()];
        for group in groups {
            let seed = (0..=u16::MAX).find(|&seed| {
                let placed = group.iter().take_while(|&&(_, place)| {
                    slot_of[place] = slots.seeded(keys[place], seed);
                    !std::mem::replace(&mut taken[slot_of[place]], true)
                });
                let placed = placed.count();
                if placed < group.len() {
                    group[..placed].iter().for_each(|&(_, place)| taken[slot_of[place]] = false);
                }
                placed == group.len()
            })?;
            slots.seeds[group[0].0] = seed;
        }
        Some((slots, slot_of))
    }

    /// How many slots there are.
    pub(super) fn count(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// The slot of `key`, if it has one, or else any.
    #[inline]
    pub(super) fn of(&self, key: u128) -> usize {
        let mixed = mix(key);
        self.seeded(mixed, self.seeds[self.group(mixed)])
    }

    #[inline]
    fn group(&self, mixed: u64) -> usize {
        (mixed >> 32) as usize & (self.seeds.len() - 1)
    }

    #[inline]
    fn seeded(&self, mixed: u64, seed: u16) -> usize {
        let seeded = (mixed ^ u64::from(seed)).wrapping_mul(ODDER);
        (((seeded >> 32) * self.count) >> 32) as usize
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.seeds)
    }
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const ODDER: u64 = 0xbf58_476d_1ce4_e5b9;

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
const fn mix(key: u128) -> u64 {
    let (high, low) = ((key >> 64) as u64, key as u64);
    (high.rotate_left(29) ^ low).wrapping_mul(ODD) ^ high.wrapping_mul(ODDER)
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn each_key_has_its_slot() {
        for count in [0, 1, 2, 3, 7, 1000, 20_000] {
            let keys = || (0..count).map(|n: u128| ((n % 7) << 77) | (n << 3));
            let (slots, slot_of) = Slots::new(keys()).unwrap();
            assert!(keys().zip(&slot_of).all(|(key, &slot)| slots.of(key) == slot), "{count}");
            let mut different = slot_of.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), slot_of.len());
            assert!(slots.of(u128::MAX) < slots.count() && slots.count() <= slot_of.len() * 5 / 4 + 1);
        }
        assert!(Slots::new([1, 1].into_iter()).is_none());
    }
}
