//! How the tables are made.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hash},
};

use super::{
    Cross, MOST_LAYERS,
    layers::{Group, groups},
    services::{Asked, Services},
};
use crate::{
    RuleId,
    table::{
        area::{Axes, Extent},
        axis::Address,
        classes::{Classes, Folding, ones},
        grid::Growing,
        mark::Mark,
        trie::AddressTrie,
    },
};

/// So many cells are written, and so many times an extent is met in a pair of classes, at most: some ten
/// milliseconds.
const MOST_STEPS: usize = 1 << 23;

type Numbers<T> = HashMap<T, u16, BuildHasherDefault<Folding>>;

impl Cross {
    /// The tables for these extents; `None` where they would take more than `most` bytes, or long.
    pub(in crate::table) fn new<A: Address>(
        extents: &[Extent<'_, A>],
        axes: &Axes<A>,
        kind_count: usize,
        most: usize,
    ) -> Option<Self> {
        let (services, asked) = Services::new(extents, kind_count)?;
        let groups = groups(extents, axes)?;
        let width = asked.count.div_ceil(Growing::PAGE);
        let marks = Marks::new(extents, &asked)?;
        let mut crossing = Crossing::new(extents, asked, &marks, most)?;
        let rows = groups.iter().map(|group| crossing.rows(group)).collect::<Option<Vec<_>>>()?;
        let sources = Layered::new(groups.iter().map(|group| &group.sources).zip(&rows))?;
        let columns: Vec<Vec<u16>> =
            groups.iter().map(|group| (0..).take(group.destinations.rows.len()).collect()).collect();
        let destinations = Layered::new(groups.iter().map(|group| &group.destinations).zip(&columns))?;
        let Crossing { lists, firsts, rules, ends, .. } = crossing;
        let cross = Self {
            source: AddressTrie::new(&sources.steps, most)?,
            destination: AddressTrie::new(&destinations.steps, most)?,
            sources: sources.classes.into(),
            destinations: destinations.classes.into(),
            services,
            layers: groups.len(),
            lists: lists.done(),
            firsts: firsts.done(),
            width,
            marks: marks.all.into(),
            rules: rules.into(),
            ends: ends.into(),
        };
        (cross.bytes() <= most).then_some(cross)
    }
}

/// None, and then every mark that can be found, the last first.
struct Marks {
    all: Vec<Mark>,
    /// The numbers of each extent's: where it has to be asked, and where it matches for certain.
    of: Vec<[u16; 2]>,
}

impl Marks {
    fn new<A>(extents: &[Extent<'_, A>], asked: &Asked) -> Option<Self> {
        let mut all = vec![Mark::NONE];
        let mut of = Vec::with_capacity(extents.len());
        for (extent, &service) in extents.iter().zip(&asked.of).rev() {
            let mut numbers = [0; 2];
            for (number, certain) in numbers.iter_mut().zip([false, true]) {
                if asked.classes[usize::from(service)].iter().any(|&(_, of)| of == certain) {
                    *number = u16::try_from(all.len()).ok()?;
                    all.push(if certain { extent.mark } else { extent.mark.asked() });
                }
            }
            of.push(numbers);
        }
        of.reverse();
        Some(Self { all, of })
    }
}

/// The classes that several layers tell apart together.
struct Layered<T> {
    /// By what steps they come.
    steps: Vec<(u32, u16)>,
    /// What stands for each in each layer.
    classes: Vec<[T; MOST_LAYERS]>,
}

impl<T: Copy + Default + Ord + Hash> Layered<T> {
    /// Each layer's classes, and what stands for them there.
    fn new<'a>(layers: impl Iterator<Item = (&'a Classes<u32>, &'a Vec<T>)>) -> Option<Self>
    where
        T: 'a,
    {
        let mut starts: Vec<(u32, usize, T)> = Vec::new();
        for (layer, (classes, values)) in layers.enumerate() {
            starts.extend(
                classes.steps.iter().map(|&(start, class)| (start, layer, values[usize::from(class)])),
            );
        }
        starts.sort_unstable();
        let mut here = [T::default(); MOST_LAYERS];
        let mut numbers: Numbers<[T; MOST_LAYERS]> = Numbers::default();
        let (mut steps, mut classes) = (Vec::new(), Vec::new());
        for starts in starts.chunk_by(|a, b| a.0 == b.0) {
            for &(_, layer, value) in starts {
                here[layer] = value;
            }
            let next = u16::try_from(classes.len()).ok()?;
            let class = *numbers.entry(here).or_insert_with(|| {
                classes.push(here);
                next
            });
            steps.push((starts[0].0, class));
        }
        if classes.is_empty() {
            (steps, classes) = (vec![(0, 0)], vec![here]);
        }
        Some(Self { steps, classes })
    }
}

/// Tables that are being made.
struct Crossing<'a> {
    /// Whose each extent is.
    extents: Vec<RuleId>,
    asked: Asked,
    marks: &'a Marks,
    lists: Growing,
    firsts: Growing,
    rules: Vec<RuleId>,
    ends: Vec<u32>,
    /// The lists' numbers, by their extents.
    numbers: Numbers<Box<[u16]>>,
    steps: usize,
    most: usize,
}

impl<'a> Crossing<'a> {
    fn new<A>(extents: &[Extent<'_, A>], asked: Asked, marks: &'a Marks, most: usize) -> Option<Self> {
        let mut crossing = Self {
            extents: extents.iter().filter_map(|extent| extent.mark.rule()).collect(),
            asked,
            marks,
            lists: Growing::new(),
            firsts: Growing::new(),
            rules: Vec::new(),
            ends: Vec::new(),
            numbers: HashMap::default(),
            steps: 0,
            most,
        };
        // The first list is empty, and what is in no list finds it.
        crossing.list(&[])?;
        Some(crossing)
    }

    /// Adds the lists of a group. Where the row of each class of sources begins.
    fn rows(&mut self, group: &Group) -> Option<Vec<u32>> {
        let columns = group.destinations.rows.len();
        let mut destinations: Vec<Vec<u16>> = vec![Vec::new(); group.extents.len()];
        for (class, row) in (0..).zip(&group.destinations.rows) {
            ones(row).for_each(|extent| destinations[extent].push(class));
        }
        let mut met: Vec<Vec<u16>> = vec![Vec::new(); columns];
        let mut row = vec![0; columns];
        let mut rows = Vec::with_capacity(group.sources.rows.len());
        for source in &group.sources.rows {
            row.fill(0);
            for extent in ones(source) {
                self.steps += destinations[extent].len();
                for &destination in &destinations[extent] {
                    met[usize::from(destination)].push(group.extents[extent]);
                }
            }
            for (cell, met) in row.iter_mut().zip(&mut met).filter(|(_, met)| !met.is_empty()) {
                *cell = match self.numbers.get(&met[..]) {
                    Some(&list) => list,
                    None => self.list(met)?,
                };
                met.clear();
            }
            rows.push(u32::try_from(self.lists.push(&row)?).ok()?);
            if self.lists.bytes() + self.firsts.bytes() > self.most || self.steps > MOST_STEPS {
                return None;
            }
        }
        Some(rows)
    }

    /// Adds a list of these extents, ascending. Its number.
    fn list(&mut self, extents: &[u16]) -> Option<u16> {
        let number = u16::try_from(self.ends.len()).ok()?;
        let mut firsts = vec![0; self.asked.count];
        self.steps += firsts.len();
        for extent in extents.iter().rev().map(|&extent| usize::from(extent)) {
            let classes = &self.asked.classes[usize::from(self.asked.of[extent])];
            self.steps += classes.len();
            for &(class, certain) in classes {
                firsts[usize::from(class)] = self.marks.of[extent][usize::from(certain)];
            }
        }
        self.firsts.push(&firsts)?;
        self.rules.extend(extents.iter().map(|&extent| self.extents[usize::from(extent)]));
        self.ends.push(u32::try_from(self.rules.len()).ok()?);
        self.numbers.insert(extents.into(), number);
        Some(number)
    }
}
