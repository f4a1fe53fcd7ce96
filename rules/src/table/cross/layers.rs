//! Which rules are crossed with which.

use super::MOST_LAYERS;
use crate::table::{
    area::{Axes, Extent},
    axis::Address,
    classes::{Classes, ones},
};

/// Extents that are crossed with each other.
pub(super) struct Group {
    /// Their numbers, ascending.
    pub(super) extents: Vec<u16>,
    pub(super) sources: Classes<u32>,
    pub(super) destinations: Classes<u32>,
}

/// Groups are joined where they make so many pairs of classes together, and not many more than each alone.
const MOST_CELLS: usize = 1 << 15;
/// This is few.
const FEW_CELLS: usize = 1 << 10;

/// Groups of extents that together make few pairs of classes: those that are wide in the same addresses, joined where
/// that makes not many more.
pub(super) fn groups<A: Address>(extents: &[Extent<'_, A>], axes: &Axes<A>) -> Option<Vec<Group>> {
    let mut by_width: [Vec<u16>; MOST_LAYERS] = Default::default();
    for (number, extent) in extents.iter().enumerate() {
        by_width[axes.width(extent)].push(u16::try_from(number).ok()?);
    }
    let mut groups: Vec<Group> = Vec::new();
    for extents_of in by_width.into_iter().filter(|group| !group.is_empty()) {
        groups.push(Group::new(extents_of, extents, axes)?);
    }
    groups.sort_by_key(Group::cells);
    for one in (0..groups.len()).rev() {
        for other in one + 1..groups.len() {
            if let Some(both) = groups[one].joined(&groups[other], extents, axes) {
                groups[other] = both;
                groups.remove(one);
                break;
            }
        }
    }
    Some(groups)
}

impl Group {
    fn new<A: Address>(numbers: Vec<u16>, extents: &[Extent<'_, A>], axes: &Axes<A>) -> Option<Self> {
        let of: Vec<Extent<'_, A>> =
            numbers.iter().map(|&number| extents[usize::from(number)].clone()).collect();
        let [sources, destinations] = axes.classes(&of)?;
        Some(Self { extents: numbers, sources, destinations })
    }

    fn cells(&self) -> usize {
        self.sources.rows.len() * self.destinations.rows.len()
    }

    /// How often rules are met in pairs of classes.
    pub(super) fn met(&self) -> usize {
        let [sources, destinations] = [&self.sources, &self.destinations].map(|classes| {
            let mut counts = vec![0usize; self.extents.len()];
            classes.rows.iter().for_each(|row| ones(row).for_each(|extent| counts[extent] += 1));
            counts
        });
        sources.iter().zip(destinations).map(|(sources, destinations)| sources * destinations).sum()
    }

    /// Both groups as one.
    fn joined<A: Address>(&self, other: &Self, extents: &[Extent<'_, A>], axes: &Axes<A>) -> Option<Self> {
        let cells = self.cells() + other.cells();
        let most = MOST_CELLS.min(cells + cells / 2 + FEW_CELLS);
        let at_least = |of: fn(&Self) -> &Classes<u32>| of(self).rows.len().max(of(other).rows.len());
        if at_least(|group| &group.sources) * at_least(|group| &group.destinations) > most {
            return None;
        }
        let mut numbers: Vec<u16> = self.extents.iter().chain(&other.extents).copied().collect();
        numbers.sort_unstable();
        let both = Self::new(numbers, extents, axes)?;
        let met = 2 * (self.met() + other.met()) + 32 * FEW_CELLS;
        (both.cells() <= most && both.met() <= met).then_some(both)
    }
}
