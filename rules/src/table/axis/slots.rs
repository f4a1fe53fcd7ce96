//! A table of known keys in which each has a slot of its own.

/// A perfect hash: keys fall into groups, and a seed for each group leads its keys to slots that nobody else has, as in
/// Belazzougui, Botelho, Dietzfelbinger: Hash, Displace, and Compress (ESA 2009).
#[derive(Debug, Clone)]
pub(super) struct Slots {
    /// By group.
    seeds: Box<[u16]>,
    /// What each slot holds; of one that nobody has, any other's.
    values: Box<[u32]>,
}

/// Keys to a group, more or less.
const IN_GROUP: usize = 4;

impl Slots {
    /// Slots for these values by their keys; there is one at least. `None` where no seeds are found, as for a key
    /// that comes twice.
    pub(super) fn new(entries: &[(u128, u32)]) -> Option<Self> {
        let slots = (entries.len() + entries.len() / 4).next_power_of_two();
        let mut groups = vec![Vec::new(); slots.div_ceil(IN_GROUP)];
        let mut table =
            Self { seeds: vec![0; groups.len()].into(), values: vec![entries.first()?.1; slots].into() };
        for &(key, value) in entries {
            groups[table.group(mix(key))].push((mix(key), value));
        }
        let mut order: Vec<usize> = (0..groups.len()).collect();
        // The largest are the hardest to find room for.
        order.sort_by_key(|&group| std::cmp::Reverse(groups[group].len()));
        let mut taken = vec![false; slots];
        for number in order {
            let group = &groups[number];
            let finds_room = |&seed: &u16| {
                let slots = || group.iter().map(|&(mixed, _)| table.slot(mixed, seed));
                slots()
                    .enumerate()
                    .all(|(before, slot)| !taken[slot] && !slots().take(before).any(|other| other == slot))
            };
            let seed = (0..=u16::MAX).find(finds_room)?;
            table.seeds[number] = seed;
            for &(mixed, value) in group {
                let slot = table.slot(mixed, seed);
                taken[slot] = true;
                table.values[slot] = value;
            }
        }
        Some(table)
    }

    /// The value for `key`, if it has one, or else any.
    #[inline]
    pub(super) fn at(&self, key: u128) -> u32 {
        let mixed = mix(key);
        self.values[self.slot(mixed, self.seeds[self.group(mixed)])]
    }

    #[inline]
    fn group(&self, mixed: u64) -> usize {
        (mixed >> 32) as usize & (self.seeds.len() - 1)
    }

    #[inline]
    fn slot(&self, mixed: u64, seed: u16) -> usize {
        let seeded = (mixed ^ u64::from(seed)).wrapping_mul(ODDER);
        (seeded >> 32) as usize & (self.values.len() - 1)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.seeds) + size_of_val(&*self.values)
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
    fn each_key_has_its_value() {
        for count in [1, 2, 3, 7, 1000, 20_000] {
            let key = |n: u32| (u128::from(n % 7) << 77) | (u128::from(n) << 3);
            let entries: Vec<(u128, u32)> = (0..count).map(|n| (key(n), n)).collect();
            let slots = Slots::new(&entries).unwrap();
            assert!(entries.iter().all(|&(key, value)| slots.at(key) == value), "{count}");
            assert!(slots.at(u128::MAX) < count);
        }
        assert!(Slots::new(&[(1, 2), (1, 3)]).is_none());
    }
}
