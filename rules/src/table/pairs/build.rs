//! How the lists are made.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::{LANES, NearBlock, Pairs};
use crate::table::{
    area::{Area, Axes, Extent},
    axis::Address,
    classes::{Folding, Row},
    service::services,
    trie::AddressTrie,
};

/// Lists are made for up to so many rules, also where they are asked for.
const MOST_RULES: usize = 4096;
/// So many pairs are looked at, and so many rules of pairs: some ten milliseconds.
const MOST_PAIRS: usize = 3 << 17;
const MOST_MET: usize = 1 << 23;
/// So many different sets of rules are met: each takes a part of a microsecond.
const MOST_SETS: usize = 1 << 15;
/// A list has at most so many areas.
const MOST_LANES: usize = 8 * LANES - 1;
/// So many services are held against each other: some milliseconds.
const MOST_SERVICES: usize = 1024;

type Numbers<T> = HashMap<Box<[u16]>, T, BuildHasherDefault<Folding>>;

impl Pairs {
    /// The lists for these extents; `None` where they would take more than `most` bytes, or long, or
    /// would be long.
    pub(in crate::table) fn new<A: Address>(
        extents: &[Extent<'_, A>],
        axes: &Axes<A>,
        most: usize,
    ) -> Option<Self> {
        if extents.len() > MOST_RULES {
            return None;
        }
        let [sources, destinations] = axes.classes(extents)?;
        let columns = destinations.rows.len();
        if sources.rows.len() * columns > MOST_PAIRS {
            return None;
        }
        let mut lists = Lists {
            services: Services::new(extents, axes)?,
            numbers: HashMap::default(),
            blocks: Vec::new(),
            longest: 0,
        };
        let mut cells = Vec::with_capacity(sources.rows.len() * columns);
        let (mut rules, mut met) = (Vec::new(), 0);
        let mut by_rules: Numbers<u16> = HashMap::default();
        for source in &sources.rows {
            let words: Vec<usize> = (0..source.len()).filter(|&word| source[word] != 0).collect();
            for destination in &destinations.rows {
                both(&words, source, destination, &mut rules);
                met += rules.len();
                if met > MOST_MET {
                    return None;
                }
                let list = match by_rules.get(&rules[..]) {
                    Some(&list) => list,
                    None => {
                        let list = lists.of(&rules)?;
                        if size_of_val(&*lists.blocks) > most || by_rules.len() >= MOST_SETS {
                            return None;
                        }
                        by_rules.insert(rules.as_slice().into(), list);
                        list
                    }
                };
                cells.push(list);
            }
        }
        let most = most.checked_sub(size_of_val(&*cells) + size_of_val(&*lists.blocks))?;
        Some(Self {
            source: AddressTrie::new(&sources.steps, most / 2)?,
            destination: AddressTrie::new(&destinations.steps, most / 2)?,
            columns,
            lists: cells.into(),
            blocks: lists.blocks.into(),
            longest: lists.longest,
        })
    }
}

/// The rules in both rows, ascending; `words` are those of one row that have any.
#[expect(clippy::cast_possible_truncation, reason = "there are at most `MOST_RULES`")]
fn both(words: &[usize], one: &Row, other: &Row, rules: &mut Vec<u16>) {
    rules.clear();
    for &word in words {
        let mut bits = one[word] & other[word];
        while bits != 0 {
            rules.push((word * 64 + bits.trailing_zeros() as usize) as u16);
            bits &= bits - 1;
        }
    }
}

/// Lists that have been made.
struct Lists {
    services: Services,
    /// The first blocks of lists, by their rules.
    numbers: Numbers<u16>,
    blocks: Vec<NearBlock>,
    longest: usize,
}

impl Lists {
    /// The list of these rules, but for those that come after one that matches whatever they do.
    fn of(&mut self, rules: &[u16]) -> Option<u16> {
        let services = &self.services;
        let mut met = vec![0; services.words];
        let mut kept = Vec::with_capacity(rules.len().min(MOST_LANES));
        for &rule in rules {
            let service = services.of[usize::from(rule)];
            if !services.is_covered(service, &met) {
                met[usize::from(service / 64)] |= 1 << (service % 64);
                kept.push(rule);
            }
        }
        if let Some(&list) = self.numbers.get(&kept[..]) {
            return Some(list);
        }
        let list = u16::try_from(self.blocks.len()).ok()?;
        let areas: Vec<&Area> = kept.iter().flat_map(|&rule| &services.areas[usize::from(rule)]).collect();
        let blocks = areas.len() / LANES + 1;
        if areas.len() > MOST_LANES {
            return None;
        }
        self.longest = self.longest.max(blocks);
        self.blocks.extend(areas.chunks(LANES).map(NearBlock::ending));
        if areas.len().is_multiple_of(LANES) {
            self.blocks.push(NearBlock::ending(&[]));
        }
        self.numbers.insert(kept.into(), list);
        Some(list)
    }
}

/// The services of rules; see [`services`].
struct Services {
    /// By rule.
    of: Vec<u16>,
    areas: Vec<Vec<Area>>,
    /// For each service, a bit for each that matches whatever it does.
    covering: Vec<u64>,
    words: usize,
}

impl Services {
    fn new<A: Address>(extents: &[Extent<'_, A>], axes: &Axes<A>) -> Option<Self> {
        if extents.iter().any(|extent| extent.anywhere().parts(usize::MAX) > MOST_LANES) {
            return None;
        }
        let (services, of) = services(extents)?;
        if services.len() > MOST_SERVICES {
            return None;
        }
        let words = services.len().div_ceil(64);
        let mut covering = vec![0; services.len() * words];
        for (row, service) in covering.chunks_mut(words.max(1)).zip(&services) {
            for (number, other) in services.iter().enumerate() {
                row[number / 64] |= u64::from(other.covers_at_same_addresses(service)) << (number % 64);
            }
        }
        let areas = extents.iter().map(|extent| {
            let mut areas = Vec::new();
            extent.anywhere().areas(axes, MOST_LANES, &mut areas);
            areas
        });
        let areas = areas.collect();
        Some(Self { of, areas, covering, words })
    }

    /// Whether one of the services that were `met` matches whatever this one does.
    fn is_covered(&self, service: u16, met: &[u64]) -> bool {
        let covering = &self.covering[usize::from(service) * self.words..];
        covering.iter().zip(met).any(|(covering, met)| covering & met != 0)
    }
}
