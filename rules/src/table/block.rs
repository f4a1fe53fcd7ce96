//! Eight areas side by side, which a handful of vector instructions compare with a point.

use super::area::{Area, Point};
use crate::RuleId;

pub(super) const LANES: usize = 8;

/// Up to eight areas in the order of their rules. Numbers are kept as signed ones of the same order,
/// since that is what every x86-64 compares in vectors; a lane that is not used has an empty range.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Block {
    source: Bounds<i32>,
    destination: Bounds<i32>,
    source_port: Bounds<i16>,
    port: Bounds<i16>,
    protocol: Bounds<i16>,
    rules: [RuleId; LANES],
    /// Bit by bit the areas' `exact`.
    exact: u8,
    /// Whether the leaf goes on in the next block.
    pub(super) more: bool,
}

#[derive(Debug, Clone, Copy)]
struct Bounds<T> {
    first: [T; LANES],
    last: [T; LANES],
}

impl Block {
    /// Up to `LANES` areas.
    pub(super) fn new<'a>(areas: impl IntoIterator<Item = &'a Area<u32>>, more: bool) -> Self {
        let mut block = Self {
            source: Bounds { first: [i32::MAX; LANES], last: [i32::MIN; LANES] },
            destination: Bounds { first: [i32::MAX; LANES], last: [i32::MIN; LANES] },
            source_port: Bounds { first: [i16::MAX; LANES], last: [i16::MIN; LANES] },
            port: Bounds { first: [i16::MAX; LANES], last: [i16::MIN; LANES] },
            protocol: Bounds { first: [i16::MAX; LANES], last: [i16::MIN; LANES] },
            rules: [RuleId(u32::MAX); LANES],
            exact: 0,
            more,
        };
        for (lane, area) in areas.into_iter().enumerate() {
            block.source.set(lane, area.source, signed);
            block.destination.set(lane, area.destination, signed);
            block.source_port.set(lane, area.source_port, signed_port);
            block.port.set(lane, area.port, signed_port);
            block.protocol.set(lane, area.protocol, i16::from);
            block.rules[lane] = area.rule;
            block.exact |= u8::from(area.exact) << lane;
        }
        block
    }

    /// The smallest rule number in it.
    #[inline]
    pub(super) const fn first(&self) -> RuleId {
        self.rules[0]
    }

    /// The rules whose areas hold `point`, ascending, and whether the area is exact.
    #[inline]
    pub(super) fn holding(&self, point: &Point<u32>) -> impl Iterator<Item = (RuleId, bool)> {
        let mut lanes = self.lanes_holding(point);
        std::iter::from_fn(move || {
            let lane = lanes.trailing_zeros() as usize / LANES;
            lanes &= lanes.wrapping_sub(1);
            self.rules.get(lane).map(|&rule| (rule, self.exact & (1 << lane) != 0))
        })
    }

    /// A byte for each lane, of which the lowest bit says whether the area holds `point`.
    #[inline]
    fn lanes_holding(&self, point: &Point<u32>) -> u64 {
        let (source, destination) = (signed(point.source), signed(point.destination));
        let (source_port, port) = (signed_port(point.source_port), signed_port(point.port));
        let protocol = i16::from(point.protocol);
        let mut far = [false; LANES];
        for (lane, far) in far.iter_mut().enumerate() {
            *far = self.source.misses(lane, source) | self.destination.misses(lane, destination);
        }
        let mut off = [false; LANES];
        for (lane, off) in off.iter_mut().enumerate() {
            *off = self.source_port.misses(lane, source_port)
                | self.port.misses(lane, port)
                | self.protocol.misses(lane, protocol);
        }
        let bytes = |lanes: [bool; LANES]| u64::from_le_bytes(lanes.map(u8::from));
        !(bytes(far) | bytes(off)) & 0x0101_0101_0101_0101
    }
}

impl<T: Copy + Ord> Bounds<T> {
    fn set<U>(&mut self, lane: usize, (first, last): (U, U), signed: impl Fn(U) -> T) {
        self.first[lane] = signed(first);
        self.last[lane] = signed(last);
    }

    #[inline]
    fn misses(&self, lane: usize, at: T) -> bool {
        (self.first[lane] > at) | (at > self.last[lane])
    }
}

#[inline]
const fn signed(number: u32) -> i32 {
    (number ^ (1 << 31)).cast_signed()
}

#[inline]
const fn signed_port(number: u16) -> i16 {
    (number ^ (1 << 15)).cast_signed()
}
