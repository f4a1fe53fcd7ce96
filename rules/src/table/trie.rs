//! From a number to its class in as many loads as there are levels, without a branch.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::{classes::Folding, steps::Steps};

/// A function of numbers: a table of `ROOT` over their highest bits, then nodes of [`NODE`].
/// Equal nodes are kept once.
#[derive(Debug, Clone)]
pub(super) struct Trie<const ROOT: usize, const LEVELS: usize> {
    /// By the highest bits: a node of the first level.
    root: Box<[u16; ROOT]>,
    /// The nodes of all levels, one after the other.
    nodes: Box<[u16]>,
}

const NODE_BITS: usize = 6;
const NODE: usize = 1 << NODE_BITS;

/// For addresses.
pub(super) type AddressTrie = Trie<{ 1 << 14 }, 3>;
/// For ports.
pub(super) type PortTrie = Trie<{ 1 << 10 }, 1>;

impl<const ROOT: usize, const LEVELS: usize> Trie<ROOT, LEVELS> {
    /// The function that has the value of the last of these steps at or below each number; they
    /// ascend, and the first is at 0. `None` where it would take more than `most` bytes.
    pub(super) fn new(steps: &[(u32, u16)], most: usize) -> Option<Self> {
        let levels = vec![Level::default(); LEVELS + 1];
        let mut builder = Builder { steps, at: 0, levels, nodes: Vec::new(), most };
        let root = builder.entries(0, 0, 1 << (NODE_BITS * LEVELS), ROOT)?;
        let root = root.into_boxed_slice().try_into().ok()?;
        Some(Self { root, nodes: builder.nodes.into() })
    }

    /// The value at `at`, which has no more bits than there are.
    #[inline(always)]
    pub(super) fn at(&self, at: u32) -> u16 {
        let mut entry = self.root[(at >> (NODE_BITS * LEVELS)) as usize % ROOT];
        for level in (0..LEVELS).rev() {
            let within = at as usize >> (NODE_BITS * level) & (NODE - 1);
            entry = self.nodes[usize::from(entry) << NODE_BITS | within];
        }
        entry
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.root) + size_of_val(&*self.nodes)
    }
}

/// From an address to its class: by a trie, or by a search where that would take too much memory.
#[derive(Debug, Clone)]
pub(super) enum AddressClasses {
    Trie(AddressTrie),
    Steps(Steps<u32, u16>),
}

impl AddressClasses {
    /// The function that has the value of the last of these steps at or below each address.
    pub(super) fn new(steps: &[(u32, u16)], most: usize) -> Self {
        AddressTrie::new(steps, most)
            .map_or_else(|| Self::Steps(Steps::new(steps.iter().copied())), Self::Trie)
    }

    #[inline(always)]
    pub(super) fn at(&self, at: u32) -> u16 {
        match self {
            Self::Trie(trie) => trie.at(at),
            Self::Steps(steps) => steps.at(at),
        }
    }

    /// The values at each of these.
    pub(super) fn at_each(&self, each: impl Iterator<Item = u32>, values: &mut [u16]) {
        match self {
            Self::Trie(trie) => values.iter_mut().zip(each).for_each(|(value, at)| *value = trie.at(at)),
            Self::Steps(steps) => values.iter_mut().zip(each).for_each(|(value, at)| *value = steps.at(at)),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Trie(trie) => trie.bytes(),
            Self::Steps(steps) => steps.bytes(),
        }
    }
}

struct Builder<'a> {
    steps: &'a [(u32, u16)],
    /// The last step at or below where the walk has come to.
    at: usize,
    levels: Vec<Level>,
    nodes: Vec<u16>,
    most: usize,
}

#[derive(Debug, Clone, Default)]
struct Level {
    /// The nodes' numbers, by what is in them.
    numbers: HashMap<Box<[u16]>, u16, BuildHasherDefault<Folding>>,
    /// The numbers of nodes of which all entries are the same, by the value that they lead to.
    uniform: HashMap<u16, u16, BuildHasherDefault<Folding>>,
}

impl Builder<'_> {
    /// What stands on this level for each of `count` times `width` numbers from `first` on. The walk
    /// never goes back.
    fn entries(&mut self, level: usize, first: u64, width: u64, count: usize) -> Option<Vec<u16>> {
        let mut entries = Vec::with_capacity(count);
        while entries.len() < count {
            let from = first + entries.len() as u64 * width;
            let next = loop {
                match self.steps.get(self.at + 1) {
                    Some(&(start, _)) if u64::from(start) <= from => self.at += 1,
                    next => break next.map_or(u64::MAX, |&(start, _)| start.into()),
                }
            };
            let same = usize::try_from((next - from) / width).unwrap_or(count).min(count - entries.len());
            if same > 0 {
                let entry = self.uniform(level + 1, self.steps[self.at].1)?;
                entries.resize(entries.len() + same, entry);
            } else {
                let node = self.entries(level + 1, from, width / NODE as u64, NODE)?;
                entries.push(self.number(level + 1, node.into())?);
            }
        }
        Some(entries)
    }

    /// The entry that leads to `value` from every entry below, `level` nodes deep.
    fn uniform(&mut self, level: usize, value: u16) -> Option<u16> {
        if level == self.levels.len() {
            return Some(value);
        }
        if let Some(&number) = self.levels[level].uniform.get(&value) {
            return Some(number);
        }
        let below = self.uniform(level + 1, value)?;
        let number = self.number(level, [below; NODE].into())?;
        self.levels[level].uniform.insert(value, number);
        Some(number)
    }

    fn number(&mut self, level: usize, node: Box<[u16]>) -> Option<u16> {
        if let Some(&number) = self.levels[level].numbers.get(&node) {
            return Some(number);
        }
        let number = u16::try_from(self.nodes.len() / NODE).ok()?;
        self.nodes.extend(&node);
        if size_of_val(&*self.nodes) > self.most {
            return None;
        }
        self.levels[level].numbers.insert(node, number);
        Some(number)
    }
}
#[cfg(test)]
mod tests {
    use super::{AddressTrie, PortTrie};

    #[test]
    fn the_last_step_at_or_below_counts() {
        let mut steps = vec![(0, 3), (5, 4), (0x1_0000, 5), (0x1_0100, 3), (0x7700_0001, 6), (u32::MAX, 7)];
        let trie = AddressTrie::new(&steps, usize::MAX).unwrap();
        for &(start, _) in &steps {
            for at in [start.saturating_sub(1), start, start.saturating_add(1)] {
                let step = steps.iter().rfind(|&&(start, _)| start <= at).unwrap();
                assert_eq!(trie.at(at), step.1, "{at:x}");
            }
        }
        steps.truncate(2);
        let ports = PortTrie::new(&steps, usize::MAX).unwrap();
        assert_eq!([0, 4, 5, 0xffff].map(|at| ports.at(at)), [3, 3, 4, 4]);
    }

    #[test]
    fn it_stays_small_or_is_not_made() {
        let hosts: Vec<(u32, u16)> = (0..5000).map(|n| (n << 19 | n, (n % 300) as u16)).collect();
        assert!(AddressTrie::new(&hosts, 1 << 20).is_none());
        assert!(AddressTrie::new(&[(0, 1)], 0).is_none());
    }
}
