//! Sets of IP addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::RangeSet;

/// A set of addresses of both families. An IPv4-mapped IPv6 address is an IPv6 address here, as it
/// is on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct AddressSet {
    v4: RangeSet<u32>,
    v6: RangeSet<u128>,
}

impl AddressSet {
    /// The set of these inclusive ranges; the two ends of a range are of one family, a range of
    /// mixed families is empty.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match range {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first.to_bits(), last.to_bits())),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.to_bits(), last.to_bits())),
                _ => {}
            }
        }
        Self { v4: v4.into_iter().collect(), v6: v6.into_iter().collect() }
    }

    /// The set of these prefixes.
    pub fn from_prefixes(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        Self::from_ranges(prefixes.into_iter().map(|prefix| (prefix.network(), prefix.broadcast())))
    }

    /// Whether `address` is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// Every address of both families that is not in the set.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self { v4: self.v4.complement(), v6: self.v6.complement() }
    }

    /// The addresses of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// The addresses of this set that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// The addresses of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// Every address of both families.
    pub fn full() -> Self {
        Self { v4: RangeSet::full(), v6: RangeSet::full() }
    }

    /// Whether every address of both families is in the set.
    pub fn is_full(&self) -> bool {
        self.v4.is_full() && self.v6.is_full()
    }

    /// Whether every address is in the set of each family of which one is.
    pub(crate) fn is_full_in_its_families(&self) -> bool {
        (self.v4.is_empty() || self.v4.is_full()) && (self.v6.is_empty() || self.v6.is_full())
    }

    /// The addresses of these families only.
    #[must_use]
    pub(crate) fn of_families(&self, v4: bool, v6: bool) -> Self {
        Self {
            v4: if v4 { self.v4.clone() } else { RangeSet::default() },
            v6: if v6 { self.v6.clone() } else { RangeSet::default() },
        }
    }

    /// Whether no address is in the set.
    pub const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    pub(crate) const fn v4(&self) -> &RangeSet<u32> {
        &self.v4
    }

    pub(crate) const fn v6(&self) -> &RangeSet<u128> {
        &self.v6
    }

    /// The IPv4 ranges, ascending, ends included.
    pub fn v4_ranges(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        self.v4.ranges().iter().map(|&(first, last)| (first.into(), last.into()))
    }

    /// The IPv6 ranges, ascending, ends included.
    pub fn v6_ranges(&self) -> impl Iterator<Item = (Ipv6Addr, Ipv6Addr)> {
        self.v6.ranges().iter().map(|&(first, last)| (first.into(), last.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::AddressSet;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_are_apart() {
        let set =
            AddressSet::from_prefixes(["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        assert!(set.contains(address("192.0.2.255")) && set.contains(address("2001:db8:ffff::1")));
        assert!(!set.contains(address("192.0.3.0")) && !set.contains(address("::ffff:192.0.2.1")));
        assert!(set.complement().contains(address("::ffff:192.0.2.1")));
        assert!(set.union(&set.complement()).complement().is_empty());
        assert!(set.difference(&set).is_empty());
    }

    #[test]
    fn a_range_of_mixed_families_is_empty() {
        assert!(AddressSet::from_ranges([(address("192.0.2.1"), address("2001:db8::1"))]).is_empty());
        assert!(AddressSet::from_ranges([(address("192.0.2.2"), address("192.0.2.1"))]).is_empty());
    }

    #[test]
    fn neighbours_merge() {
        let prefixes =
            ["192.0.2.0/25", "192.0.2.128/25", "255.255.255.255/32"].map(|text| text.parse().unwrap());
        let set = AddressSet::from_prefixes(prefixes);
        assert_eq!(set.v4_ranges().count(), 2);
        assert_eq!(set.v6_ranges().count(), 0);
    }
}
