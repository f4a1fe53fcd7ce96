//! Eight areas side by side, which a handful of vector instructions compare with a point.

use wide::{i16x8, i32x8};

use super::area::{Area, Point};
use crate::RuleId;

pub(super) const LANES: usize = 8;

/// Up to eight areas in the order of their rules. Numbers are kept as signed ones of the same order,
/// since that is what every processor compares in vectors; a lane that is not used has an empty range.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Block {
    source: Bounds<i32x8>,
    destination: Bounds<i32x8>,
    source_port: Bounds<i16x8>,
    port: Bounds<i16x8>,
    kind: Bounds<i16x8>,
    rules: [RuleId; LANES],
    /// Bit by bit the areas' `exact`.
    exact: u8,
    /// Whether the leaf goes on in the next block.
    pub(super) more: bool,
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
    /// Up to `LANES` areas.
    pub(super) fn new(areas: &[&Area], more: bool) -> Self {
        debug_assert!(areas.len() <= LANES);
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
        Self {
            source: far(|area| area.source),
            destination: far(|area| area.destination),
            source_port: near(|area| area.source_port),
            port: near(|area| area.port),
            kind: near(|area| area.kind),
            rules: each(areas, |area| area.rule, RuleId(u32::MAX)),
            exact: (0..).zip(areas).fold(0, |bits, (lane, area)| bits | u8::from(area.exact) << lane),
            more,
        }
    }

    /// The smallest rule number in it.
    #[inline]
    pub(super) const fn first(&self) -> RuleId {
        self.rules[0]
    }

    /// The rules whose areas hold `point`, ascending, and whether the area is exact.
    #[inline]
    pub(super) fn holding(&self, point: &Point) -> impl Iterator<Item = (RuleId, bool)> {
        let mut lanes = self.lanes_holding(point);
        std::iter::from_fn(move || {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes.wrapping_sub(1);
            self.rules.get(lane).map(|&rule| (rule, self.exact & (1 << lane) != 0))
        })
    }

    /// A bit for each lane whose area holds `point`.
    #[inline]
    fn lanes_holding(&self, point: &Point) -> u32 {
        let far = self.source.misses(i32x8::splat(signed(point.source)))
            | self.destination.misses(i32x8::splat(signed(point.destination)));
        let off = self.source_port.misses(i16x8::splat(signed_port(point.source_port)))
            | self.port.misses(i16x8::splat(signed_port(point.port)))
            | self.kind.misses(i16x8::splat(signed_port(point.kind)));
        !(i16x8::from_i32x8_saturate(far) | off).to_bitmask() & 0xff
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
