//! A tree that cuts the space of packets into pieces, down to the few rules that can match there.

mod build;
mod cut;

use super::{
    area::{Area, Point},
    block::Block,
};
use crate::RuleId;

/// Trees over areas, one for each way of being wide or narrow; see [`build`].
#[derive(Debug, Clone, Default)]
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
    first: RuleId,
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
    const EMPTY: Self = Self(u32::MAX);
}

impl Tree {
    pub(super) fn new(areas: &[Area]) -> Self {
        build::tree(areas)
    }

    /// The first rule that has an area that holds `point`, and that either has it exactly or
    /// `confirms`.
    #[inline]
    pub(super) fn first(&self, point: &Point, confirms: impl Fn(RuleId) -> bool) -> Option<RuleId> {
        let mut best = RuleId(u32::MAX);
        for group in &self.groups {
            if group.first >= best {
                break;
            }
            for block in self.leaf(group.root, point) {
                if block.first() >= best {
                    break;
                }
                if let Some((rule, _)) =
                    block.holding(point).find(|&(rule, exact)| rule >= best || exact || confirms(rule))
                {
                    best = best.min(rule);
                    break;
                }
            }
        }
        (best.0 != u32::MAX).then_some(best)
    }

    /// Calls `each` with the rules of which an area holds `point`: all but some of those after one that
    /// holds it exactly, in any order, some more than once.
    pub(super) fn each(&self, point: &Point, mut each: impl FnMut(RuleId)) {
        for block in self.groups.iter().flat_map(|group| self.leaf(group.root, point)) {
            block.holding(point).for_each(|(rule, _)| each(rule));
        }
    }

    #[inline]
    fn leaf(&self, root: Child, point: &Point) -> impl Iterator<Item = &Block> {
        let numbers = dimensions(point);
        let mut child = root;
        while child.0 & Child::LEAF == 0 {
            let node = &self.nodes[child.0 as usize];
            let at = numbers[usize::from(node.dimension) % numbers.len()];
            let cell = (at.saturating_sub(node.base) >> node.shift).min(node.last.into());
            child = self.cells[(node.first_cell + cell) as usize];
        }
        let mut more = child != Child::EMPTY;
        let blocks = self.blocks.get((child.0 & !Child::LEAF) as usize..).unwrap_or_default();
        blocks.iter().take_while(move |block| std::mem::replace(&mut more, block.more))
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

const DIMENSIONS: usize = 5;

/// The point's numbers in the order in which nodes count dimensions; padded, so that the remainder
/// that keeps the index in bounds is a mask.
#[inline]
fn dimensions(point: &Point) -> [u32; 8] {
    let &Point { source, destination, source_port, port, kind } = point;
    [source, destination, source_port.into(), port.into(), kind.into(), 0, 0, 0]
}
