//! A list of rules for each pair of classes of a source and a destination.
//!
//! What rules say of addresses is told by two classes (see [`Classes`]); a table of both leads to the rules that
//! are for such a pair, in their order, of which the first that is for the packet's ports and kind decides, as in
//! Gupta, McKeown: Packet Classification on Multiple Fields (SIGCOMM 1999), but that ports are compared. Left out
//! are rules that come after one which matches whatever they do: these never decide.

mod build;

use super::{
    area::Point,
    block::{LANES, NearBlock, NearLanes},
    finder::BATCH,
    mark::Mark,
    trie::AddressTrie,
};
use crate::RuleId;

/// Lists of rules by source and destination.
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    source: AddressTrie,
    destination: AddressTrie,
    /// How many classes of destinations there are.
    columns: usize,
    /// By class of the source and of the destination: the first block of the list.
    lists: Box<[u16]>,
    /// Every list ends in a lane that holds everything.
    blocks: Box<[NearBlock]>,
    /// The most blocks that a list has.
    longest: usize,
}

impl Pairs {
    /// The first rule that holds `point`.
    #[inline]
    pub(super) fn first(&self, point: &Point) -> Mark {
        self.first_in(self.list(point), point)
    }

    /// The first rule for each point, at most `BATCH` of them: all lists are found before any is compared.
    pub(super) fn first_of_each(&self, points: &[Point], marks: &mut [Mark]) {
        let mut lists = [0u16; BATCH];
        for (list, point) in lists.iter_mut().zip(points) {
            *list = self.list(point);
        }
        for ((mark, &list), point) in marks.iter_mut().zip(&lists).zip(points) {
            *mark = self.first_in(list, point);
        }
    }

    /// The first rule of a list that holds `point`.
    #[inline(always)]
    fn first_in(&self, list: u16, point: &Point) -> Mark {
        let lanes = NearLanes::new(point);
        let mut at = usize::from(list);
        loop {
            // Every list ends in a lane that holds everything.
            let Some(block) = self.blocks.get(at) else { return Mark::NONE };
            if let Some(found) = block.first_holding(&lanes) {
                return found;
            }
            at += 1;
        }
    }

    /// Calls `each` with the rules that may hold `point`, in their order; some of those after one
    /// that holds it exactly are left out.
    pub(super) fn each(&self, point: &Point, mut each: impl FnMut(RuleId)) {
        let lanes = NearLanes::new(point);
        for block in &self.blocks[self.list(point).into()..] {
            block.holding(&lanes).for_each(&mut each);
            if !block.goes_on() {
                break;
            }
        }
    }

    /// The first block of the list for the point's addresses.
    #[inline(always)]
    fn list(&self, point: &Point) -> u16 {
        let source = usize::from(self.source.at(point.source()));
        let destination = usize::from(self.destination.at(point.destination()));
        self.lists[source * self.columns + destination]
    }

    pub(super) fn bytes(&self) -> usize {
        self.source.bytes()
            + self.destination.bytes()
            + size_of_val(&*self.lists)
            + size_of_val(&*self.blocks)
    }

    /// The most blocks that a lookup compares.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }
}
