//! Eight areas side by side, which a handful of vector instructions compare with a point.

use wide::{i16x8, i32x8};

use super::{
    area::{Area, Point},
    index::Unsure,
};
use crate::RuleId;

pub(super) const LANES: usize = 8;

/// Up to eight areas in the order of their rules, but for their addresses, in two lines of a processor's
/// cache. Numbers are kept as signed ones of the same order, since that is what every processor compares
/// in vectors.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct NearBlock {
    marks: [Mark; LANES],
    kind: Bounds<i16x8>,
    source_port: Bounds<i16x8>,
    port: Bounds<i16x8>,
}

/// The same with their addresses, in four lines.
#[derive(Debug, Clone)]
pub(super) struct Block {
    near: NearBlock,
    source: Bounds<i32x8>,
    destination: Bounds<i32x8>,
}

const _: () = assert!(size_of::<NearBlock>() == 128 && size_of::<Block>() == 256);

/// A lane's rule, before two bits of what else there is to know; ordered as the rules are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(u32);

impl Mark {
    /// After all rules.
    pub(super) const NONE: Self = Self(u32::MAX << Self::BITS);
    /// Set where the area is not exact.
    const ASK: u32 = 1;
    /// Set in the last lane where the leaf goes on in the next block.
    const GOES_ON: u32 = 2;
    const BITS: u32 = 2;

    pub(super) fn of(area: &Area) -> Self {
        let rule = area.rule.0;
        assert!(rule < u32::MAX >> Self::BITS, "rules that fit in memory are fewer");
        Self(rule << Self::BITS | if area.exact { 0 } else { Self::ASK })
    }

    /// The rule, if it is one.
    #[inline]
    pub(super) fn rule(self) -> Option<RuleId> {
        (self < Self::NONE).then_some(self.id())
    }

    const fn id(self) -> RuleId {
        RuleId(self.0 >> Self::BITS)
    }
}

/// A point's ports and kind, each in all lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct NearLanes {
    source_port: i16x8,
    port: i16x8,
    kind: i16x8,
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
        let near = |number: u32| i16x8::splat(signed_port(number as u16));
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

#[derive(Debug, Clone, Copy)]
struct Bounds<T> {
    first: T,
    last: T,
}

/// What each lane has; the lanes that are not used have `unused`.
fn each<T: Copy>(areas: &[&Area], of: impl Fn(&Area) -> T, unused: T) -> [T; LANES] {
    std::array::from_fn(|lane| areas.get(lane).map_or(unused, |area| of(area)))
}

/// What holds everything, and nothing.
const ALL: (u16, u16) = (u16::MIN, u16::MAX);
const NOTHING: (u16, u16) = (u16::MAX, u16::MIN);

impl NearBlock {
    /// Fewer than `LANES` areas, after which comes what no rule is for: a lane that is not used holds
    /// everything. Or else `LANES` of them.
    pub(super) fn ending(areas: &[&Area]) -> Self {
        Self::new(areas, ALL, areas.len() == LANES)
    }

    fn new(areas: &[&Area], unused: (u16, u16), goes_on: bool) -> Self {
        debug_assert!(areas.len() <= LANES && (!goes_on || areas.len() == LANES));
        let near = |of: fn(&Area) -> (u16, u16)| {
            let ranges = each(areas, of, unused);
            Bounds {
                first: i16x8::new(ranges.map(|(first, _)| signed_port(first))),
                last: i16x8::new(ranges.map(|(_, last)| signed_port(last))),
            }
        };
        let mut marks = each(areas, Mark::of, Mark::NONE);
        if goes_on {
            marks[LANES - 1].0 |= Mark::GOES_ON;
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
        self.marks[LANES - 1].0 & Mark::GOES_ON != 0
    }

    /// The first lane whose area holds the point exactly.
    #[inline]
    pub(super) fn first_holding(&self, lanes: &NearLanes) -> Result<Option<Mark>, Unsure> {
        self.first_of(!self.misses(lanes).to_bitmask() & 0xff)
    }

    /// The rules whose areas hold the point, ascending.
    pub(super) fn holding(&self, lanes: &NearLanes) -> impl Iterator<Item = RuleId> {
        Ones(!self.misses(lanes).to_bitmask() & 0xff).filter_map(|lane| self.marks[lane % LANES].rule())
    }

    /// The first of these lanes, whose area has to be exact.
    #[inline]
    fn first_of(&self, lanes: u32) -> Result<Option<Mark>, Unsure> {
        if lanes == 0 {
            return Ok(None);
        }
        let mark = self.marks[lanes.trailing_zeros() as usize % LANES];
        if mark.0 & Mark::ASK == 0 { Ok(Some(mark)) } else { Err(Unsure) }
    }

    /// All ones in the lanes whose area the point is not in.
    #[inline]
    fn misses(&self, lanes: &NearLanes) -> i16x8 {
        self.source_port.misses(lanes.source_port)
            | self.port.misses(lanes.port)
            | self.kind.misses(lanes.kind)
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
            near: NearBlock::new(areas, NOTHING, goes_on),
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

    /// The first lane whose area holds the point exactly.
    #[inline]
    pub(super) fn first_holding(&self, lanes: &Lanes) -> Result<Option<Mark>, Unsure> {
        self.near.first_of(self.lanes_holding(lanes))
    }

    /// The rules whose areas hold the point, ascending.
    pub(super) fn holding(&self, lanes: &Lanes) -> impl Iterator<Item = RuleId> {
        Ones(self.lanes_holding(lanes)).map(|lane| self.near.marks[lane % LANES].id())
    }

    /// A bit for each lane whose area holds the point.
    #[inline]
    fn lanes_holding(&self, lanes: &Lanes) -> u32 {
        let far = self.source.misses(lanes.source) | self.destination.misses(lanes.destination);
        !(i16x8::from_i32x8_saturate(far) | self.near.misses(&lanes.near)).to_bitmask() & 0xff
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

/// All ones in the lanes whose range `at` is not in.
macro_rules! misses {
    ($($lanes:ty)*) => {$(
        impl Bounds<$lanes> {
            #[inline]
            fn misses(&self, at: $lanes) -> $lanes {
                self.first.simd_gt(at) | at.simd_gt(self.last)
            }
        }
    )*};
}
misses!(i16x8 i32x8);

#[inline]
const fn signed(number: u32) -> i32 {
    (number ^ (1 << 31)).cast_signed()
}

#[inline]
const fn signed_port(number: u16) -> i16 {
    (number ^ (1 << 15)).cast_signed()
}
