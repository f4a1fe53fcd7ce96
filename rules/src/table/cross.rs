//! Classes, crossed: what rules say of each thing in a packet is told by a class (see [`Classes`]), and tables of
//! two classes lead to a class of both, until the first rule is left.
//!
//! Gupta, McKeown: Packet Classification on Multiple Fields (SIGCOMM 1999). Here a table of the classes of both
//! addresses leads to a list of rules, and a table of that and the class of ports and kind to the first of them.
//! Rules for few sources and many destinations, crossed with others for many sources and few destinations, would
//! make a list of nearly every pair: they are put in layers, of which each finds its first rule.
//!
//! Every rule is in one layer, and stands wherever it may match, so nothing about the first match is lost.
//!
//! [`Classes`]: super::classes::Classes

mod build;
mod layers;
mod services;

use self::services::Services;
use super::{area::Point, finder::BATCH, grid::Grid, mark::Mark, trie::AddressTrie};
use crate::RuleId;

/// First rules by classes.
#[derive(Debug, Clone)]
pub(super) struct Cross {
    source: AddressTrie,
    destination: AddressTrie,
    /// By class of a source, its row of lists in each layer.
    sources: Box<[[u32; MOST_LAYERS]]>,
    /// By class of a destination, its column there.
    destinations: Box<[[u16; MOST_LAYERS]]>,
    services: Services,
    layers: usize,
    /// By source and destination, a list of rules.
    lists: Grid,
    /// By list and class of ports and kind, the first rule's mark.
    firsts: Grid,
    /// How far a row of them is from the next.
    width: usize,
    /// None, and then the rules, the last first.
    marks: Box<[Mark]>,
    /// The lists, one after the other, for where the first has to be asked, and where each ends.
    rules: Box<[RuleId]>,
    ends: Box<[u32]>,
}

const MOST_LAYERS: usize = 4;

/// The classes of the source, the destination, and of ports and kind.
type Classes = (u16, u16, u16);

impl Cross {
    /// The first rule that holds `point`.
    #[inline(always)]
    pub(super) fn first(&self, point: &Point) -> Mark {
        let classes = self.classes(point);
        let firsts = (0..self.layers).map(|layer| self.first_in(layer, classes));
        self.marks[usize::from(firsts.fold(0, u16::max))]
    }

    /// The first rule for each point, at most `BATCH` of them: what one waits for, the others don't.
    pub(super) fn first_of_each(&self, points: &[Point], marks: &mut [Mark]) {
        let mut classes = [(0, 0, 0); BATCH];
        for (classes, point) in classes.iter_mut().zip(points) {
            *classes = self.classes(point);
        }
        let mut firsts = [0; BATCH];
        for layer in 0..self.layers {
            for (first, &classes) in firsts.iter_mut().zip(&classes[..points.len()]) {
                *first = self.first_in(layer, classes).max(*first);
            }
        }
        for (mark, &first) in marks.iter_mut().zip(&firsts) {
            *mark = self.marks[usize::from(first)];
        }
    }

    /// Calls `each` with the rules that may hold `point`.
    pub(super) fn each(&self, point: &Point, mut each: impl FnMut(RuleId)) {
        let classes = self.classes(point);
        let ends = |list: usize| self.ends[list] as usize;
        for layer in 0..self.layers {
            let list = usize::from(self.list(layer, classes));
            let from = list.checked_sub(1).map_or(0, ends);
            self.rules[from..ends(list)].iter().copied().for_each(&mut each);
        }
    }

    #[inline(always)]
    fn classes(&self, point: &Point) -> Classes {
        let source = self.source.at(point.source());
        let destination = self.destination.at(point.destination());
        (source, destination, self.services.at(point))
    }

    /// The list of a layer.
    #[inline(always)]
    fn list(&self, layer: usize, (source, destination, _): Classes) -> u16 {
        let row = self.sources[usize::from(source)][layer % MOST_LAYERS];
        self.lists.at(row as usize, self.destinations[usize::from(destination)][layer % MOST_LAYERS])
    }

    /// The mark of the first rule of a layer.
    #[inline(always)]
    fn first_in(&self, layer: usize, classes: Classes) -> u16 {
        self.firsts.at(usize::from(self.list(layer, classes)) * self.width, classes.2)
    }

    pub(super) fn bytes(&self) -> usize {
        self.source.bytes()
            + self.destination.bytes()
            + size_of_val(&*self.sources)
            + size_of_val(&*self.destinations)
            + self.services.bytes()
            + self.lists.bytes()
            + self.firsts.bytes()
            + size_of_val(&*self.marks)
            + size_of_val(&*self.rules)
            + size_of_val(&*self.ends)
    }
}
