//! A row of bits for each class of each dimension, one bit for each rule: the first rule is the
//! first bit that all rows have.
//!
//! Baboescu, Varghese: Scalable Packet Classification (SIGCOMM 2001). A row begins with a word that says
//! which of its other words have any bits, so that most are never looked at. Rules keep their
//! order as bits, and a bit is set where the rule allows the number, so nothing about the first match is
//! lost.

use super::{
    area::{Axes, Extent, Point},
    axis::Address,
    classes::{Classes, Row, ones},
    mark::Mark,
    trie::{AddressTrie, PortTrie},
};
use crate::RuleId;

/// Rows of bits.
#[derive(Debug, Clone)]
pub(super) struct Bits {
    source: AddressTrie,
    destination: AddressTrie,
    source_port: PortTrie,
    port: PortTrie,
    kinds: Box<[u16]>,
    /// The rows that all these lead to, one after the other.
    rows: Box<[u64]>,
    /// Words in a row.
    words: usize,
    rules: Box<[Mark]>,
}

/// The first word of a row has a bit for each of the others.
pub(super) const MOST_RULES: usize = 64 * 64;

impl Bits {
    /// The rows for these extents, which are at most `MOST_RULES`; `None` where they, and what leads
    /// to them, would take more than `most` bytes.
    pub(super) fn new<A: Address>(
        extents: &[Extent<'_, A>],
        axes: &Axes<A>,
        kind_count: usize,
        most: usize,
    ) -> Option<Self> {
        let [sources, destinations] = axes.classes(extents)?;
        let source_ports = Classes::of(extents.iter().map(|extent| extent.source_port.map(wide)))?;
        let ports = Classes::of(extents.iter().map(|extent| extent.port.map(wide)))?;
        let kinds = extents.iter().map(|extent| {
            Some(extent.kinds.certain.ranges().iter().chain(extent.kinds.doubtful.ranges()).copied())
        });
        let kinds: Classes<u16> = Classes::of(kinds)?;
        let words = 1 + extents.len().div_ceil(64);
        let mut rows = Vec::new();
        let sources = append(&mut rows, sources)?;
        let destinations = append(&mut rows, destinations)?;
        let source_ports = append(&mut rows, source_ports)?;
        let ports = append(&mut rows, ports)?;
        let kinds = append(&mut rows, kinds)?;
        let rows: Box<[u64]> = rows.iter().flat_map(|row| summed(row)).collect();
        let most = most.checked_sub(size_of_val(&*rows))?;
        Some(Self {
            source: AddressTrie::new(&sources, most / 2)?,
            destination: AddressTrie::new(&destinations, most / 2)?,
            source_port: PortTrie::new(&source_ports, most)?,
            port: PortTrie::new(&ports, most)?,
            kinds: by_kind(&kinds, kind_count),
            rows,
            words,
            rules: extents.iter().map(|extent| extent.mark).collect(),
        })
    }

    /// The first rule that holds `point`.
    #[inline(never)]
    pub(super) fn first(&self, point: &Point) -> Mark {
        let rows = self.rows_at(point);
        let all = |word: usize| rows.iter().fold(u64::MAX, |all, row| all & self.rows[row + word]);
        let mut words = all(0);
        while words != 0 {
            let word = words.trailing_zeros() as usize;
            let bits = all(1 + word);
            if bits != 0 {
                return self.rules[word * 64 + bits.trailing_zeros() as usize];
            }
            words &= words - 1;
        }
        Mark::NONE
    }

    /// Calls `each` with the rules whose extents hold `point`, ascending.
    pub(super) fn each(&self, point: &Point, mut each: impl FnMut(RuleId)) {
        let rows = self.rows_at(point);
        let all: Row = (1..self.words)
            .map(|word| rows.iter().fold(u64::MAX, |all, row| all & self.rows[row + word]))
            .collect();
        ones(&all).filter_map(|rule| self.rules[rule].rule()).for_each(&mut each);
    }

    /// Where the rows of each dimension begin.
    #[inline]
    fn rows_at(&self, point: &Point) -> [usize; 5] {
        let numbers = [
            self.source.at(point.source()),
            self.destination.at(point.destination()),
            self.source_port.at(point.source_port()),
            self.port.at(point.port()),
            self.kinds[point.kind() as usize],
        ];
        numbers.map(|number| usize::from(number) * self.words)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.rows)
            + self.source.bytes()
            + self.destination.bytes()
            + self.source_port.bytes()
            + self.port.bytes()
            + size_of_val(&*self.kinds)
            + size_of_val(&*self.rules)
    }
}

/// Adds the classes' rows, and counts the classes as these.
fn append<T>(rows: &mut Vec<Row>, classes: Classes<T>) -> Option<Vec<(T, u16)>> {
    let before = u16::try_from(rows.len()).ok()?;
    rows.extend(classes.rows);
    u16::try_from(rows.len()).ok()?;
    Some(classes.steps.into_iter().map(|(start, class)| (start, before + class)).collect())
}

fn wide(ranges: &[(u16, u16)]) -> impl Iterator<Item = (u32, u32)> {
    // What lies beyond the last port is nobody's, and no class of its own.
    let end = |last: u16| if last == u16::MAX { u32::MAX } else { last.into() };
    ranges.iter().map(move |&(first, last)| (first.into(), end(last)))
}

/// The row of each kind.
fn by_kind(steps: &[(u16, u16)], count: usize) -> Box<[u16]> {
    let mut kinds = Vec::new();
    for (&(_, class), next) in steps.iter().zip(steps.iter().skip(1)) {
        kinds.resize(usize::from(next.0), class);
    }
    // Kinds that no rule takes come last, if there are any.
    kinds.resize(kinds.len().max(count), steps.last().map_or(0, |&(_, row)| row));
    kinds.into()
}

/// A row with the word in front that says which words have bits.
fn summed(row: &[u64]) -> impl Iterator<Item = u64> {
    let words = row.iter().enumerate().filter(|&(_, &word)| word != 0);
    let summary = words.fold(0, |summary, (number, _)| summary | 1 << number);
    [summary].into_iter().chain(row.iter().copied())
}
