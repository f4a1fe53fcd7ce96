//! Eight areas side by side, which a handful of vector instructions compare with a point.

use wide::{i16x8, i32x8, u16x8};

use super::{
    area::{Area, Point},
    mark::Mark,
};
use crate::RuleId;

pub(super) const LANES: usize = 8;

/// Up to eight areas in the order of their rules, but for their addresses, in two lines of a processor's cache.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct NearBlock {
    marks: [Mark; LANES],
    kind: Spans,
    source_port: Spans,
    port: Spans,
}

/// The same with their addresses, in four lines.
#[derive(Debug, Clone)]
pub(super) struct Block {
    near: NearBlock,
    source: Bounds,
    destination: Bounds,
}

const _: () = assert!(size_of::<NearBlock>() == 128 && size_of::<Block>() == 256);

/// A point's ports and kind, each in all lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct NearLanes {
    source_port: u16x8,
    port: u16x8,
    kind: u16x8,
}

/// A point's numbers, each in all lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    near: NearLanes,
    source: i32x8,
    destination: i32x8,
}

impl NearLanes {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "ports and kinds have 16 bits")]
    pub(super) fn new(point: &Point) -> Self {
        let near = |number: u32| u16x8::splat(number as u16);
        Self { source_port: near(point.source_port()), port: near(point.port()), kind: near(point.kind()) }
    }
}

impl Lanes {
    #[inline]
    pub(super) fn new(point: &Point) -> Self {
        Self {
            near: NearLanes::new(point),
            source: i32x8::splat(signed(point.source())),
            destination: i32x8::splat(signed(point.destination())),
        }
    }
}

/// Ranges of ports or kinds, of which none is empty.
#[derive(Debug, Clone, Copy)]
struct Spans {
    first: u16x8,
    /// How many come after the first.
    more: u16x8,
}

impl Spans {
    /// 0 in the lanes whose range `at` is in.
    #[inline]
    fn misses(&self, at: u16x8) -> u16x8 {
        (at - self.first).saturating_sub(self.more)
    }
}

/// Ranges of addresses, as signed numbers of the same order: that is what every processor compares in vectors.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    first: i32x8,
    last: i32x8,
}

impl Bounds {
    /// All ones in the lanes whose range `at` is not in.
    #[inline]
    fn misses(&self, at: i32x8) -> i32x8 {
        self.first.simd_gt(at) | at.simd_gt(self.last)
    }
}

/// What each lane has; the lanes that are not used have `unused`.
fn each<T: Copy>(areas: &[&Area], of: impl Fn(&Area) -> T, unused: T) -> [T; LANES] {
    std::array::from_fn(|lane| areas.get(lane).map_or(unused, |area| of(area)))
}

impl NearBlock {
    /// Fewer than `LANES` areas, after which comes what no rule is for, or else `LANES` of them, with which the
    /// list goes on.
    pub(super) fn ending(areas: &[&Area]) -> Self {
        Self::new(areas, areas.len() == LANES)
    }

    /// A lane that is not used holds everything.
    fn new(areas: &[&Area], goes_on: bool) -> Self {
        debug_assert!(areas.len() <= LANES && (!goes_on || areas.len() == LANES));
        let near = |of: fn(&Area) -> (u16, u16)| {
            let ranges = each(areas, of, (u16::MIN, u16::MAX));
            Spans {
                first: u16x8::new(ranges.map(|(first, _)| first)),
                more: u16x8::new(ranges.map(|(first, last)| last - first)),
            }
        };
        let mut marks = each(areas, |area| area.mark, Mark::NONE);
        if goes_on {
            marks[LANES - 1] = marks[LANES - 1].going_on();
        }
        Self {
            marks,
            kind: near(|area| area.kind),
            source_port: near(|area| area.source_port),
            port: near(|area| area.port),
        }
    }

    /// Whether the leaf goes on in the next block.
    #[inline]
    pub(super) const fn goes_on(&self) -> bool {
        self.marks[LANES - 1].goes_on()
    }

    /// The first lane whose area holds the point.
    #[inline]
    pub(super) fn first_holding(&self, lanes: &NearLanes) -> Option<Mark> {
        self.first_of(self.lanes_holding(lanes))
    }

    /// The rules whose areas hold the point, ascending.
    pub(super) fn holding(&self, lanes: &NearLanes) -> impl Iterator<Item = RuleId> {
        Ones(self.lanes_holding(lanes)).filter_map(|lane| self.marks[lane % LANES].rule())
    }

    /// The first of these lanes.
    #[inline]
    fn first_of(&self, lanes: u32) -> Option<Mark> {
        (lanes != 0).then(|| self.marks[lanes.trailing_zeros() as usize % LANES])
    }

    /// A bit for each lane whose area holds the point.
    #[inline]
    fn lanes_holding(&self, lanes: &NearLanes) -> u32 {
        let misses = self.source_port.misses(lanes.source_port)
            | self.port.misses(lanes.port)
            | self.kind.misses(lanes.kind);
        misses.simd_eq(u16x8::ZERO).to_bitmask()
    }
}

impl Block {
    /// Up to `LANES` areas, which the next block `goes_on` with. A lane that is not used holds nothing.
    pub(super) fn new(areas: &[&Area], goes_on: bool) -> Self {
        let far = |of: fn(&Area) -> (u32, u32)| {
            let ranges = each(areas, of, (u32::MAX, u32::MIN));
            Bounds {
                first: i32x8::new(ranges.map(|(first, _)| signed(first))),
                last: i32x8::new(ranges.map(|(_, last)| signed(last))),
            }
        };
        Self {
            near: NearBlock::new(areas, goes_on),
            source: far(|area| area.source),
            destination: far(|area| area.destination),
        }
    }

    /// The smallest mark in it.
    #[inline]
    pub(super) const fn first(&self) -> Mark {
        self.near.marks[0]
    }

    /// Whether the leaf goes on in the next block.
    #[inline]
    pub(super) const fn goes_on(&self) -> bool {
        self.near.goes_on()
    }

    /// The first lane whose area holds the point.
    #[inline]
    pub(super) fn first_holding(&self, lanes: &Lanes) -> Option<Mark> {
        self.near.first_of(self.lanes_holding(lanes))
    }

    /// The rules whose areas hold the point, ascending.
    pub(super) fn holding(&self, lanes: &Lanes) -> impl Iterator<Item = RuleId> {
        Ones(self.lanes_holding(lanes)).filter_map(|lane| self.near.marks[lane % LANES].rule())
    }

    /// A bit for each lane whose area holds the point.
    #[inline]
    fn lanes_holding(&self, lanes: &Lanes) -> u32 {
        let far = self.source.misses(lanes.source) | self.destination.misses(lanes.destination);
        self.near.lanes_holding(&lanes.near) & !i16x8::from_i32x8_saturate(far).to_bitmask()
    }
}

/// The places of a number's bits, ascending.
struct Ones(u32);

impl Iterator for Ones {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let place = self.0.trailing_zeros() as usize;
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            place
        })
    }
}

#[inline]
const fn signed(number: u32) -> i32 {
    (number ^ (1 << 31)).cast_signed()
}
