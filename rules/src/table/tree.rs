//! A tree that cuts the space of packets into pieces, down to the few rules that can match there.

mod build;
mod cut;

use super::{
    area::{Area, Point},
    block::{Block, Lanes},
    mark::Mark,
};
use crate::RuleId;

/// Trees over areas, one for each way of being wide or narrow; see [`build`].
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// Ascending by their first rules.
    groups: Vec<Group>,
    nodes: Vec<Node>,
    cells: Vec<Child>,
    blocks: Vec<Block>,
    /// The most blocks that a leaf has.
    longest: usize,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first: Mark,
    root: Child,
}

/// A cut of one dimension into equal cells.
#[derive(Debug, Clone, Copy)]
struct Node {
    dimension: u8,
    shift: u8,
    last: u16,
    base: u32,
    first_cell: u32,
}

/// The highest bit tells a leaf's first block from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Child(u32);

impl Child {
    const LEAF: u32 = 1 << 31;
    /// The leaf of the first block, which is empty.
    const EMPTY: Self = Self(Self::LEAF);
}

impl Tree {
    /// A tree of at most `copies` copies of each area; one that is never cut, if that is 0.
    pub(super) fn new(areas: &[Area], copies: usize) -> Self {
        build::tree(areas, copies)
    }

    fn empty() -> Self {
        let nothing = Block::new(&[], false);
        Self { groups: Vec::new(), nodes: Vec::new(), cells: Vec::new(), blocks: vec![nothing], longest: 0 }
    }

    /// The first rule that has an area that holds `point`.
    #[inline(never)]
    pub(super) fn first(&self, point: &Point) -> Mark {
        let lanes = Lanes::new(point);
        let mut best = Mark::NONE;
        for group in &self.groups {
            if group.first >= best {
                break;
            }
            let mut at = self.leaf(group.root, point);
            while let Some(block) = self.blocks.get(at)
                && block.first() < best
            {
                if let Some(found) = block.first_holding(&lanes) {
                    best = best.min(found);
                    break;
                }
                if !block.goes_on() {
                    break;
                }
                at += 1;
            }
        }
        best
    }

    /// Calls `each` with the rules of which an area holds `point`: all but some of those after one that
    /// holds it exactly, in any order, some more than once.
    pub(super) fn each(&self, point: &Point, mut each: impl FnMut(RuleId)) {
        let lanes = Lanes::new(point);
        for group in &self.groups {
            let leaf = self.leaf(group.root, point);
            let blocks = self.blocks[leaf..].iter();
            let mut goes_on = true;
            for block in blocks.take_while(|block| std::mem::replace(&mut goes_on, block.goes_on())) {
                block.holding(&lanes).for_each(&mut each);
            }
        }
    }

    /// The first block of the leaf that `point` is in.
    #[inline]
    fn leaf(&self, root: Child, point: &Point) -> usize {
        let numbers = &point.numbers;
        let mut child = root;
        while child.0 & Child::LEAF == 0 {
            let node = &self.nodes[child.0 as usize];
            let at = numbers[usize::from(node.dimension) % numbers.len()];
            let cell = (at.saturating_sub(node.base) >> node.shift).min(node.last.into());
            child = self.cells[(node.first_cell + cell) as usize];
        }
        (child.0 & !Child::LEAF) as usize
    }

    pub(super) fn is_uncut(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.groups)
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.cells)
            + size_of_val(&*self.blocks)
    }

    /// The most blocks that a lookup compares, in the worst leaves of all groups.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }
}
