//! Addresses as numbers of 32 bits, in which a table tells apart what its rules tell apart.

mod prefixes;

use std::net::IpAddr;

use self::prefixes::Prefixes;
use super::steps::{Coordinate, Steps};
use crate::AddressSet;

/// An address of one family.
pub(super) trait Address: Coordinate + Into<u128> {
    /// Turns an address into a number of 32 bits.
    type Axis: Axis<Self>;

    /// The address, if it is of this family.
    fn of(address: &IpAddr) -> Option<Self>;

    /// The set's ranges of this family.
    fn ranges(set: &AddressSet) -> &[(Self, Self)];
}

/// A map from addresses to numbers that keeps apart the ranges that it was made for: an address is in such a range if
/// and only if its number is in the range's.
pub(super) trait Axis<A>: std::fmt::Debug + Clone {
    /// An axis for ranges with these ends.
    fn new(ranges: impl Iterator<Item = (A, A)>) -> Self;

    /// Where the address is on the axis.
    fn number(&self, address: A) -> u32;

    /// Where the addresses of a range are: of one for which the axis was made, or from the first of one to the last of
    /// another.
    fn range(&self, range: (A, A)) -> (u32, u32);

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

    fn range(&self, range: (u32, u32)) -> (u32, u32) {
        range
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
    /// Networks, and hosts in some of them.
    Prefixes(Prefixes),
    /// Any ranges: how many of their ends are at or before the address.
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
        let mut ranges: Vec<(u128, u128)> = ranges.collect();
        ranges.sort_unstable();
        ranges.dedup();
        let ends = ranges.iter().flat_map(|&(first, last)| [Some(first), last.checked_add(1)]).flatten();
        let mut starts: Vec<u128> = ends.filter(|&start| start > 0).collect();
        starts.sort_unstable();
        starts.dedup();
        if let Some(window) = Window::new(&starts) {
            return Self::Window(window);
        }
        match Prefixes::new(&ranges) {
            Some(prefixes) => Self::Prefixes(prefixes),
            None => {
                let spread = spread(starts.len() + 1);
                let numbers = (0..).map(|number: u32| number << spread);
                Self::Steps(Steps::new([0].into_iter().chain(starts).zip(numbers)))
            }
        }
    }

    #[inline]
    fn number(&self, address: u128) -> u32 {
        match self {
            Self::Window(window) => window.number(address),
            Self::Prefixes(prefixes) => prefixes.number(address),
            Self::Steps(steps) => steps.at(address),
        }
    }

    fn range(&self, (first, last): (u128, u128)) -> (u32, u32) {
        let (from, to) = match self {
            Self::Prefixes(prefixes) => prefixes.range(first, last),
            // These keep addresses in their order.
            Self::Window(_) | Self::Steps(_) => (self.number(first), self.number(last)),
        };
        (from, if last == u128::MAX { u32::MAX } else { to })
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Window(_) => 0,
            Self::Prefixes(prefixes) => prefixes.bytes(),
            Self::Steps(steps) => steps.bytes(),
        }
    }
}

/// By how many bits so many numbers are put apart: a tree takes a narrow range for a narrow one. Those of few rules stay
/// close together, where tables are small.
fn spread(numbers: usize) -> u32 {
    const FEW: usize = 1 << 13;
    match u32::try_from(numbers) {
        Ok(many) if numbers > FEW => many.leading_zeros(),
        _ => 0,
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

#[cfg(test)]
mod tests {
    use super::{Axis, Folded};

    /// Whether ranges hold the same addresses on the axis as they do in full.
    fn keeps(ranges: &[(u128, u128)], form: &str) {
        let axis = Folded::new(ranges.iter().copied());
        let found = match &axis {
            Folded::Window(_) => "window",
            Folded::Prefixes(_) => "prefixes",
            Folded::Steps(_) => "steps",
        };
        assert_eq!(found, form, "{ranges:x?}");
        let ends = ranges.iter().flat_map(|&(first, last)| [first, last, first + (last - first) / 2]);
        let near = |end: u128| [end.saturating_sub(1), end, end.saturating_add(1)];
        for address in ends.flat_map(near).chain([0, 1, u128::MAX]) {
            let number = axis.number(address);
            for &(first, last) in ranges {
                let (from, to) = axis.range((first, last));
                assert_eq!(
                    (from..=to).contains(&number),
                    (first..=last).contains(&address),
                    "{address:x} in {first:x}-{last:x}"
                );
            }
        }
    }

    const SITE: u128 = 0x2001_0db8 << 96;

    #[test]
    fn ranges_in_a_window_stay_apart() {
        let site = SITE;
        keeps(&[], "window");
        keeps(&[(0, u128::MAX)], "window");
        keeps(&[(u128::MAX, u128::MAX), (0, 0)], "prefixes");
        let all = u128::from(u32::MAX);
        keeps(&[(site, site), (site + 7, site + u128::from(u16::MAX))], "window");
        keeps(&[(site, site), (site + 7, site + all)], "window");
        keeps(&[(site, site), (site + all - 7, site + all)], "prefixes");
        keeps(&[(site, site + 1), (site + 7, site + all)], "window");
        keeps(&[(site + 1, site + 1), (site + all, site + all)], "prefixes");
        keeps(&[(site + 1, site + 1), (site + all - 1, site + all)], "window");
        keeps(&[(site + 1, site + 1), (site + 7, site + all + 1)], "steps");
        keeps(&[(site, site + (1 << 64) - 1), (site + (77 << 64), site + (80 << 64) - 1)], "window");
    }

    #[test]
    fn ranges_anywhere_stay_apart() {
        let network = |bits: u128, length| (bits, bits | u128::MAX.checked_shr(length).unwrap_or(0));
        let links = [network(0xfe80 << 112, 10), network(0xff00 << 112, 8), network(0xff02 << 112, 16)];
        let host = |host: u128| (SITE | host, SITE | host);
        keeps(&[links[0], links[1], links[2], network(SITE, 48), host(0), host(u64::MAX.into())], "prefixes");
        // A network that hosts fill, one in its place, and what begins or ends in the midst of a wider one.
        keeps(
            &[host(0), host(1), (SITE, SITE + 1), network(SITE, 64), network(SITE, 96), links[0]],
            "prefixes",
        );
        let quarter = 1 << 94;
        keeps(&[network(SITE, 32), (SITE - quarter, SITE + quarter - 1), links[0]], "prefixes");
        keeps(&[network(SITE, 32), (SITE + 3 * quarter, SITE + 5 * quarter - 1), links[0]], "prefixes");
        keeps(&[network(0, 128), network(u128::MAX, 128), network(0, 1), network(1 << 127, 1)], "prefixes");
        let random = (0..60).map(|n| SITE + ((n * n) << 64) + n.pow(17) % 1_000_003).map(|one| (one, one));
        keeps(&random.collect::<Vec<_>>(), "prefixes");
        let many = (0..9000).map(|n| SITE + (n << 64) + n.pow(9) % 1_000_003).map(|one| (one, one));
        let many: Vec<_> = many.collect();
        let axis = Folded::new(many.iter().copied());
        assert!(
            many.iter().all(|&(one, last)| axis.range((one, last)) == (axis.number(one), axis.number(one)))
        );
        // As many lengths as there are, and ends at no prefix's.
        let ones = (0..=32).map(|bits| SITE + (1 << bits) - 1).map(|one| (SITE, one));
        keeps(&ones.collect::<Vec<_>>(), "steps");
        keeps(&[(1, u128::MAX - 1), (SITE + 12_345, (SITE << 1) + 678), links[0]], "steps");
    }
}
