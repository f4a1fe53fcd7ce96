//! Addresses as numbers of 32 bits, in which a table tells apart what its rules tell apart.

use std::net::IpAddr;

use super::steps::{Coordinate, Steps};
use crate::AddressSet;

/// An address of one family.
pub(super) trait Address: Coordinate {
    /// Turns an address into a number of 32 bits.
    type Axis: Axis<Self>;

    /// The address, if it is of this family.
    fn of(address: &IpAddr) -> Option<Self>;

    /// The set's ranges of this family.
    fn ranges(set: &AddressSet) -> &[(Self, Self)];
}

/// A map from addresses to numbers that keeps their order, and keeps apart the ranges that it was
/// made for: an address is in such a range if and only if its number is between those of the ends.
pub(super) trait Axis<A>: std::fmt::Debug + Clone {
    /// An axis for ranges with these ends.
    fn new(ranges: impl Iterator<Item = (A, A)>) -> Self;

    /// Where the address is on the axis.
    fn number(&self, address: A) -> u32;

    /// The memory that it takes.
    fn bytes(&self) -> usize;
}

impl Address for u32 {
    type Axis = Plain;

    #[inline(always)]
    fn of(address: &IpAddr) -> Option<Self> {
        if let IpAddr::V4(address) = address { Some(address.to_bits()) } else { None }
    }

    fn ranges(set: &AddressSet) -> &[(Self, Self)] {
        set.v4().ranges()
    }
}

impl Address for u128 {
    type Axis = Folded;

    #[inline(always)]
    fn of(address: &IpAddr) -> Option<Self> {
        if let IpAddr::V6(address) = address { Some(address.to_bits()) } else { None }
    }

    fn ranges(set: &AddressSet) -> &[(Self, Self)] {
        set.v6().ranges()
    }
}

/// IPv4 addresses are numbers of 32 bits.
#[derive(Debug, Clone)]
pub(super) struct Plain;

impl Axis<u32> for Plain {
    fn new(_: impl Iterator<Item = (u32, u32)>) -> Self {
        Self
    }

    #[inline]
    fn number(&self, address: u32) -> u32 {
        address
    }

    fn bytes(&self) -> usize {
        0
    }
}

/// How IPv6 addresses become numbers of 32 bits.
#[derive(Debug, Clone)]
pub(super) enum Folded {
    /// All ranges begin and end in one window: networks of one site, or hosts of one network.
    Window(Window),
    /// Any ranges: the number of the last range's end at or before the address.
    Steps(Steps<u128, u32>),
}

/// Multiples of 2^`shift` from `base` on, counted from `offset`, which is 0 or 2^31. Prefixes stay prefixes.
#[derive(Debug, Clone)]
pub(super) struct Window {
    base: u128,
    shift: u32,
    offset: u32,
    /// What is in the window has no smaller number.
    least: u32,
    /// Nor a larger one.
    most: u32,
}

impl Axis<u128> for Folded {
    fn new(ranges: impl Iterator<Item = (u128, u128)>) -> Self {
        let ends = ranges.flat_map(|(first, last)| [Some(first), last.checked_add(1)]).flatten();
        let mut starts: Vec<u128> = ends.filter(|&start| start > 0).collect();
        starts.sort_unstable();
        starts.dedup();
        if let Some(window) = Window::new(&starts) {
            return Self::Window(window);
        }
        let numbers = numbers(&starts);
        Self::Steps(Steps::new([(0, 0)].into_iter().chain(starts.into_iter().zip(numbers))))
    }

    #[inline]
    fn number(&self, address: u128) -> u32 {
        match self {
            Self::Window(window) => window.number(address),
            Self::Steps(steps) => steps.at(address),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Window(_) => 0,
            Self::Steps(steps) => steps.bytes(),
        }
    }
}

impl Window {
    /// A window that keeps what lies before each of these ascending starts apart from the start.
    fn new(starts: &[u128]) -> Option<Self> {
        let (Some(&first), Some(&last)) = (starts.first(), starts.last()) else {
            return Some(Self { base: 0, shift: 127, offset: 0, least: 0, most: u32::MAX });
        };
        let shift = starts.iter().map(|start| start.trailing_zeros()).min().unwrap_or(0);
        // The highest bits, which all ranges have in common.
        let common = (first ^ (last - 1)).leading_zeros();
        let base = first & !u128::MAX.checked_shr(common).unwrap_or(0);
        // A number is kept free for what lies outside, on either side of which a range may end.
        let least = u32::from(first == base);
        let most = u32::MAX - u32::from((last - base) >> shift > u32::MAX.into());
        let windows = [1 << 31, 0].map(|offset| Self { base, shift, offset, least, most });
        let apart =
            |window: &Self| starts.iter().all(|&start| window.number(start - 1) < window.number(start));
        windows.into_iter().find(apart)
    }

    /// 0 below the window, and the largest number above it.
    #[inline]
    fn number(&self, address: u128) -> u32 {
        let Self { base, shift, offset, least, most } = self;
        match address.checked_sub(*base).map(|from| u32::try_from(from >> shift)) {
            None => 0,
            Some(Ok(number)) => number.saturating_add(*offset).max(*least).min(*most),
            Some(Err(_)) => u32::MAX,
        }
    }
}

/// Ascending numbers above 0 for ascending starts: of their bits those that tell neighbours apart, so that
/// prefixes are prefixes still, if these are few enough; or else counted.
fn numbers(starts: &[u128]) -> Vec<u32> {
    // The highest bit in which any two of them differ is the highest in which some neighbours
    // between them do, so these bits keep the order.
    let apart =
        starts.windows(2).map(|pair| 1 << (pair[0] ^ pair[1]).ilog2()).fold(0u128, |bits, bit| bits | bit);
    let bits: Vec<u32> = (0..u128::BITS).rev().filter(|bit| apart >> bit & 1 == 1).collect();
    if bits.len() > 33 {
        return (1..).take(starts.len()).collect();
    }
    let mut before = 0u32;
    let ascending = starts.iter().map(|start| {
        let number = bits.iter().fold(0u64, |number, bit| number << 1 | u64::from(start >> bit & 1 == 1));
        // Only addresses below all starts have 0: a start without any of the bits moves up. What lies
        // just behind a full 2^32 moves down.
        let number = u32::try_from(number).unwrap_or(u32::MAX).max(before.saturating_add(1));
        let ascends = number > before;
        before = number;
        ascends.then_some(number)
    });
    ascending.collect::<Option<_>>().unwrap_or_else(|| (1..).take(starts.len()).collect())
}

#[cfg(test)]
mod tests {
    use super::{Axis, Folded};

    /// Whether ranges hold the same addresses on the axis as they do in full.
    fn keeps(ranges: &[(u128, u128)], window: bool) {
        let axis = Folded::new(ranges.iter().copied());
        assert_eq!(matches!(axis, Folded::Window(_)), window, "{ranges:x?}");
        let ends = ranges.iter().flat_map(|&(first, last)| [first, last]);
        let near = |end: u128| [end.saturating_sub(1), end, end.saturating_add(1)];
        for address in ends.flat_map(near).chain([0, 1, u128::MAX]) {
            let number = axis.number(address);
            for &(first, last) in ranges {
                assert_eq!(
                    (axis.number(first)..=axis.number(last)).contains(&number),
                    (first..=last).contains(&address),
                    "{address:x} in {first:x}-{last:x}"
                );
            }
        }
    }

    #[test]
    fn ranges_stay_apart() {
        let site = 0x2001_0db8_u128 << 96;
        keeps(&[], true);
        keeps(&[(0, u128::MAX)], true);
        keeps(&[(u128::MAX, u128::MAX), (0, 0)], false);
        let all = u128::from(u32::MAX);
        keeps(&[(site, site), (site + 7, site + u128::from(u16::MAX))], true);
        keeps(&[(site, site), (site + 7, site + all)], true);
        keeps(&[(site, site), (site + all - 7, site + all)], false);
        keeps(&[(site, site + 1), (site + 7, site + all)], true);
        keeps(&[(site + 1, site + 1), (site + all, site + all)], false);
        keeps(&[(site + 1, site + 1), (site + all - 1, site + all)], true);
        keeps(&[(site + 1, site + 1), (site + 7, site + all + 1)], false);
        keeps(&[(site, site + (1 << 64) - 1), (site + (77 << 64), site + (80 << 64) - 1)], true);
        keeps(&[(site, site + (1 << 64) - 1), (site + 1, site + 1), (0, (1 << 120) - 1)], false);
        // As many bits as a number has, from none of them set to all, and the end behind these.
        let ones = (0..=32).map(|bits| site + (1 << bits) - 1).map(|one| (one, one));
        keeps(&ones.collect::<Vec<_>>(), false);
        let random = (0..60).map(|n| site + ((n * n) << 64) + n.pow(17) % 1_000_003).map(|one| (one, one));
        keeps(&random.collect::<Vec<_>>(), false);
    }
}
