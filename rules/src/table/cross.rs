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
use super::{area::Point, finder::BATCH, grid::Grid, mark::Mark, trie::AddressClasses};
use crate::RuleId;

/// First rules by classes.
#[derive(Debug, Clone)]
pub(super) struct Cross {
    source: AddressClasses,
    destination: AddressClasses,
    /// By class of a source, its row of lists in each layer.
    sources: Box<[[u32; MOST_LAYERS]]>,
    /// By class of a destination, its column there.
    destinations: Box<[[u16; MOST_LAYERS]]>,
    services: Services,
    layers: usize,
    /// By source and destination, a list of rules.
    lists: Grid,
    /// By list and class of ports and kind, the number of the first rule's mark.
    firsts: Grid,
    /// How far a row of them is from the next.
    width: usize,
    /// None, and then the rules, the last first.
    marks: Box<[Mark]>,
    /// What comes after each of them that has to be asked.
    nexts: Box<[u16]>,
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
        let (mut sources, mut destinations, mut firsts) = ([0; BATCH], [0; BATCH], [0; BATCH]);
        self.source.at_each(points.iter().map(Point::source), &mut sources);
        self.destination.at_each(points.iter().map(Point::destination), &mut destinations);
        let services: [u16; BATCH] =
            std::array::from_fn(|number| points.get(number).map_or(0, |point| self.services.at(point)));
        for layer in 0..self.layers {
            for number in 0..points.len().min(BATCH) {
                let classes = (sources[number], destinations[number], services[number]);
                firsts[number] = self.first_in(layer, classes).max(firsts[number]);
            }
        }
        for (mark, &first) in marks.iter_mut().zip(&firsts) {
            *mark = self.marks[usize::from(first)];
        }
    }

    /// Calls `each` with the rules that may hold `point`; those after one that holds it exactly are left out.
    pub(super) fn each(&self, point: &Point, mut each: impl FnMut(RuleId)) {
        let classes = self.classes(point);
        for layer in 0..self.layers {
            let mut next = self.first_in(layer, classes);
            while let Some(rule) = self.marks[usize::from(next)].rule() {
                each(rule);
                next = self.nexts[usize::from(next)];
            }
        }
    }

    #[inline(always)]
    fn classes(&self, point: &Point) -> Classes {
        let source = self.source.at(point.source());
        let destination = self.destination.at(point.destination());
        (source, destination, self.services.at(point))
    }

    /// The number of the first mark of a layer.
    #[inline(always)]
    fn first_in(&self, layer: usize, (source, destination, service): Classes) -> u16 {
        let row = self.sources[usize::from(source)][layer % MOST_LAYERS];
        let column = self.destinations[usize::from(destination)][layer % MOST_LAYERS];
        let list = self.lists.at(row as usize, column);
        self.firsts.at(usize::from(list) * self.width, service)
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
            + size_of_val(&*self.nexts)
    }
}
