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
use crate::table::{
    area::{Axes, Extent},
    axis::Address,
    classes::{Classes, Folding, ones},
    grid::Growing,
    mark::Mark,
    trie::AddressClasses,
};

/// So many cells are written, and so many times an extent is met in a pair of classes, at most: some tens of
/// milliseconds.
const MOST_STEPS: usize = 1 << 23;

/// To look for a link takes so much longer than to write a cell.
const LINK_STEPS: usize = 16;

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
        let mut crossing = Crossing::new(extents, asked, most)?;
        let rows = groups.iter().map(|group| crossing.rows(group)).collect::<Option<Vec<_>>>()?;
        let sources = Layered::new(groups.iter().map(|group| &group.sources).zip(&rows))?;
        let columns: Vec<Vec<u16>> =
            groups.iter().map(|group| (0..=u16::MAX).take(group.destinations.rows.len()).collect()).collect();
        let destinations = Layered::new(groups.iter().map(|group| &group.destinations).zip(&columns))?;
        let Crossing { lists, firsts, links, .. } = crossing;
        let (links, numbers) = links.in_order();
        let (lists, firsts) = (lists.done(), firsts.with(&numbers).done());
        let tables = lists.bytes() + firsts.bytes() + services.bytes();
        let by_class = size_of_val(&*sources.classes) + size_of_val(&*destinations.classes);
        let left = most.checked_sub(tables + by_class + size_of_val(&*links))?;
        let source = AddressClasses::new(&sources.steps, left / 2);
        let destination = AddressClasses::new(&destinations.steps, left.saturating_sub(source.bytes()));
        let cross = Self {
            source,
            destination,
            sources: sources.classes.into(),
            destinations: destinations.classes.into(),
            services,
            layers: groups.len(),
            lists,
            firsts,
            width,
            marks: links.iter().map(|link| link.mark).collect(),
            nexts: links.iter().map(|link| link.next).collect(),
        };
        (cross.bytes() <= most).then_some(cross)
    }
}

/// A mark, and the number of what comes after it if it has to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Link {
    mark: Mark,
    next: u16,
}

/// All different links, the first of which is the end.
struct Links {
    all: Vec<Link>,
    numbers: Numbers<Link>,
}

impl Links {
    const END: Link = Link { mark: Mark::NONE, next: 0 };

    /// The number of this mark before `next`.
    fn number(&mut self, mark: Mark, next: u16) -> Option<u16> {
        let link = Link { mark, next };
        if let Some(&number) = self.numbers.get(&link) {
            return Some(number);
        }
        let number = u16::try_from(self.all.len()).ok()?;
        self.all.push(link);
        self.numbers.insert(link, number);
        Some(number)
    }

    /// The links so that those of earlier rules come later, but for the end, which stays; and the number of each
    /// then.
    fn in_order(self) -> (Vec<Link>, Vec<u16>) {
        let Self { all, .. } = self;
        let mut order: Vec<u16> = (0..=u16::MAX).take(all.len()).collect();
        order[1..].sort_by_key(|&link| std::cmp::Reverse(all[usize::from(link)].mark));
        let mut numbers = vec![0; all.len()];
        for (number, &link) in (0..=u16::MAX).zip(&order) {
            numbers[usize::from(link)] = number;
        }
        let links = order.iter().map(|&link| {
            let Link { mark, next } = all[usize::from(link)];
            Link { mark, next: numbers[usize::from(next)] }
        });
        (links.collect(), numbers)
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
struct Crossing {
    /// Each extent's.
    marks: Vec<Mark>,
    asked: Asked,
    lists: Growing,
    firsts: Growing,
    links: Links,
    /// The lists' numbers, by their extents.
    numbers: Numbers<Box<[u16]>>,
    steps: usize,
    most: usize,
}

impl Crossing {
    fn new<A>(extents: &[Extent<'_, A>], asked: Asked, most: usize) -> Option<Self> {
        let mut crossing = Self {
            marks: extents.iter().map(|extent| extent.mark).collect(),
            asked,
            lists: Growing::new(),
            firsts: Growing::new(),
            links: Links { all: vec![Links::END], numbers: Numbers::default() },
            numbers: Numbers::default(),
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
        for (class, row) in (0..=u16::MAX).zip(&group.destinations.rows) {
            for extent in ones(row) {
                destinations[extent].push(class);
                self.steps += 1;
            }
            self.goes_on()?;
        }
        // By destination: the extents that are for it and the source at hand, and where there are any.
        let mut met: Vec<Vec<u16>> = vec![Vec::new(); columns];
        let mut touched: Vec<u16> = Vec::new();
        let mut row = vec![0; columns];
        let mut rows = Vec::with_capacity(group.sources.rows.len());
        for source in &group.sources.rows {
            for extent in ones(source) {
                self.steps += destinations[extent].len();
                self.goes_on()?;
                for &destination in &destinations[extent] {
                    let met = &mut met[usize::from(destination)];
                    if met.is_empty() {
                        touched.push(destination);
                    }
                    met.push(group.extents[extent]);
                }
            }
            row.fill(0);
            for destination in touched.drain(..).map(usize::from) {
                row[destination] = match self.numbers.get(&met[destination][..]) {
                    Some(&list) => list,
                    None => self.list(&met[destination])?,
                };
                met[destination].clear();
            }
            rows.push(u32::try_from(self.lists.push(&row)?).ok()?);
            if self.lists.bytes() + self.firsts.bytes() > self.most {
                return None;
            }
        }
        Some(rows)
    }

    /// Nothing after too many steps.
    fn goes_on(&self) -> Option<()> {
        (self.steps <= MOST_STEPS).then_some(())
    }

    /// Adds a list of these extents, ascending. Its number.
    fn list(&mut self, extents: &[u16]) -> Option<u16> {
        let number = u16::try_from(self.numbers.len()).ok()?;
        let mut firsts = vec![0; self.asked.count];
        self.steps += firsts.len();
        for extent in extents.iter().rev().map(|&extent| usize::from(extent)) {
            let classes = &self.asked.classes[usize::from(self.asked.of[extent])];
            let mark = self.marks[extent];
            // What comes after one that matches doesn't matter: then there is one link, and nothing to look for.
            let alone = if mark.is_exact() { Some(self.links.number(mark, 0)?) } else { None };
            self.steps += classes.len() * if alone.is_some() { 1 } else { LINK_STEPS };
            self.goes_on()?;
            for &(class, certain) in classes {
                let first = &mut firsts[usize::from(class)];
                *first = match alone {
                    Some(alone) if certain => alone,
                    _ => self.links.number(mark.asked(), *first)?,
                };
            }
        }
        self.firsts.push(&firsts)?;
        self.numbers.insert(extents.into(), number);
        Some(number)
    }
}
