//! Eight areas side by side, which a handful of vector instructions compare with a point.

use wide::{i16x8, i32x8};

use super::area::{Area, Point};
use crate::RuleId;

pub(super) const LANES: usize = 8;

/// Up to eight areas in the order of their rules, in four lines of a processor's cache. Numbers are kept as
/// signed ones of the same order, since that is what every processor compares in vectors; a lane that is not
/// used has an empty range.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Block {
    marks: [Mark; LANES],
    kind: Bounds<i16x8>,
    source: Bounds<i32x8>,
    destination: Bounds<i32x8>,
    source_port: Bounds<i16x8>,
    port: Bounds<i16x8>,
}

const _: () = assert!(size_of::<Block>() == 256);

/// A lane's rule, before two bits of what else there is to know; ordered as the rules are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(u32);

impl Mark {
    /// After all rules.
    pub(super) const NONE: Self = Self(u32::MAX);
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
        (self != Self::NONE).then_some(self.id())
    }

    const fn id(self) -> RuleId {
        RuleId(self.0 >> Self::BITS)
    }
}

/// A point's numbers, each in all lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    source: i32x8,
    destination: i32x8,
    source_port: i16x8,
    port: i16x8,
    kind: i16x8,
}

impl Lanes {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "ports and kinds have 16 bits")]
    pub(super) fn new(point: &Point) -> Self {
        let near = |number: u32| i16x8::splat(signed_port(number as u16));
        Self {
            source: i32x8::splat(signed(point.source())),
            destination: i32x8::splat(signed(point.destination())),
            source_port: near(point.source_port()),
            port: near(point.port()),
            kind: near(point.kind()),
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

impl Block {
    /// Up to `LANES` areas, which the next block `goes_on` with.
    pub(super) fn new(areas: &[&Area], goes_on: bool) -> Self {
        debug_assert!(areas.len() <= LANES && (!goes_on || areas.len() == LANES));
        let far = |of: fn(&Area) -> (u32, u32)| {
            let ranges = each(areas, of, (u32::MAX, u32::MIN));
            Bounds {
                first: i32x8::new(ranges.map(|(first, _)| signed(first))),
                last: i32x8::new(ranges.map(|(_, last)| signed(last))),
            }
        };
        let near = |of: fn(&Area) -> (u16, u16)| {
            let ranges = each(areas, of, (u16::MAX, u16::MIN));
            Bounds {
                first: i16x8::new(ranges.map(|(first, _)| signed_port(first))),
                last: i16x8::new(ranges.map(|(_, last)| signed_port(last))),
            }
        };
        let mut marks = each(areas, Mark::of, Mark(!Mark::GOES_ON));
        if goes_on {
            marks[LANES - 1].0 |= Mark::GOES_ON;
        }
        Self {
            marks,
            kind: near(|area| area.kind),
            source: far(|area| area.source),
            destination: far(|area| area.destination),
            source_port: near(|area| area.source_port),
            port: near(|area| area.port),
        }
    }

    /// The smallest mark in it.
    #[inline]
    pub(super) const fn first(&self) -> Mark {
        self.marks[0]
    }

    /// Whether the leaf goes on in the next block.
    #[inline]
    pub(super) const fn goes_on(&self) -> bool {
        self.marks[LANES - 1].0 & Mark::GOES_ON != 0
    }

    /// The first lane before `best` whose area holds the point, exactly or as the rule `confirms`.
    #[inline]
    pub(super) fn first_holding<E>(
        &self,
        lanes: &Lanes,
        best: Mark,
        confirms: impl Fn(RuleId) -> Result<bool, E>,
    ) -> Result<Option<Mark>, E> {
        let holding = Ones(self.lanes_holding(lanes)).map(|lane| self.marks[lane % LANES]);
        for mark in holding.take_while(|&mark| mark < best) {
            if mark.0 & Mark::ASK == 0 || confirms(mark.id())? {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    /// The rules whose areas hold the point, ascending.
    pub(super) fn holding(&self, lanes: &Lanes) -> impl Iterator<Item = RuleId> {
        Ones(self.lanes_holding(lanes)).map(|lane| self.marks[lane % LANES].id())
    }

    /// A bit for each lane whose area holds the point.
    #[inline]
    fn lanes_holding(&self, lanes: &Lanes) -> u32 {
        let far = self.source.misses(lanes.source) | self.destination.misses(lanes.destination);
        let off = self.source_port.misses(lanes.source_port)
            | self.port.misses(lanes.port)
            | self.kind.misses(lanes.kind);
        !(i16x8::from_i32x8_saturate(far) | off).to_bitmask() & 0xff
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
