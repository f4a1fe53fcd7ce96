//! Where to cut.

use crate::table::{area::DIMENSIONS, block::LANES};

/// A range in each dimension.
pub(super) type Region = [(u32, u32); DIMENSIONS];

/// A cut of a region into equal cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) dimension: usize,
    pub(super) shift: u32,
    pub(super) base: u32,
    pub(super) last: usize,
}

const MOST_BITS: u32 = 15;

impl Cut {
    /// The cell that holds `at`; the first one holds what lies before it too, the last one what lies
    /// after.
    pub(super) fn cell(&self, at: u32) -> usize {
        ((at.saturating_sub(self.base) >> self.shift) as usize).min(self.last)
    }

    /// The smallest and largest number in these cells, of those in `range`.
    pub(super) fn range(&self, (from, to): (usize, usize), range: (u32, u32)) -> (u32, u32) {
        let start = |cell: usize| u64::from(self.base) + ((cell as u64) << self.shift);
        let first = if from == 0 { 0 } else { start(from) };
        let last = if to == self.last { u64::from(u32::MAX) } else { start(to + 1) - 1 };
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        (narrow(first).max(range.0), narrow(last).min(range.1))
    }

    /// The best cut of these areas, if one leaves clearly fewer rules to a cell and at most `most`
    /// areas to all cells together.
    pub(super) fn best(areas: &[Region], region: &Region, most: usize) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        let mut counts = Vec::new();
        for dimension in 0..DIMENSIONS {
            let clipped = |area: &Region| clip(area[dimension], region[dimension]);
            let from = areas.iter().map(|area| clipped(area).0).min().unwrap_or_default();
            let to = areas.iter().map(|area| clipped(area).1).max().unwrap_or_default();
            let bits_of_span = u32::BITS - (to - from).leading_zeros();
            let most_bits = (areas.len().ilog2() + 2).min(MOST_BITS).min(bits_of_span);
            let mut previous = None;
            for bits in (1..=most_bits).rev().step_by(2) {
                let shift = bits_of_span - bits;
                let base = from >> shift << shift;
                let last = ((to - base) >> shift) as usize;
                let cut = Self { dimension, shift, base, last };
                let (rules_to_a_cell, copies) = cut.weigh(areas, clipped, &mut counts);
                if previous.is_some_and(|previous| rules_to_a_cell > 4.0 * previous) {
                    break;
                }
                previous = Some(rules_to_a_cell);
                let growth = copies as f64 / areas.len() as f64;
                let cost = rules_to_a_cell * growth;
                if copies <= most
                    && rules_to_a_cell < 0.8 * areas.len() as f64
                    && best.as_ref().is_none_or(|(least, _)| cost < *least)
                {
                    best = Some((cost, cut));
                }
            }
        }
        best.map(|(_, cut)| cut)
    }

    /// How many rules there are in a cell, weighted by rules, and how many in all cells together.
    fn weigh(
        &self,
        areas: &[Region],
        clipped: impl Fn(&Region) -> (u32, u32),
        counts: &mut Vec<(u32, u32)>,
    ) -> (f64, usize) {
        counts.clear();
        counts.resize(self.last + 2, (0, 0));
        for area in areas {
            let (first, last) = clipped(area);
            counts[self.cell(first)].0 += 1;
            counts[self.cell(last) + 1].1 += 1;
        }
        let (mut here, mut copies, mut squares) = (0usize, 0, 0.0);
        for &(begin, end) in &counts[..=self.last] {
            here = here + begin as usize - end as usize;
            // Cells in which no area begins, and before which none ends, are as the one before.
            if begin > 0 || end > 0 {
                copies += here;
                squares += (here * here.max(LANES)) as f64;
            }
        }
        (squares / copies as f64, copies)
    }
}

/// The part of `range` that is in `region`; it meets it.
pub(super) fn clip(range: (u32, u32), region: (u32, u32)) -> (u32, u32) {
    (range.0.max(region.0), range.1.min(region.1))
}
