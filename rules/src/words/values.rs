//! The values of a list, each as a rule file writes it without quotes.

use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::{AddressSet, ByteSet, InterfaceSet, Protocol, RangeSet, StateSet, Step, TcpFlags};

/// The protocols, or those that are missing where they are fewer.
pub(crate) fn protocols(set: &ByteSet) -> Vec<String> {
    let names = |set: &ByteSet, sign: &str| set.iter().map(|p| format!("{sign}{}", Protocol(p))).collect();
    let missing = set.complement();
    if !missing.is_empty() && missing.iter().count() < set.iter().count() {
        names(&missing, "!")
    } else {
        names(set, "")
    }
}

pub(crate) fn states(set: StateSet) -> Vec<String> {
    let (named, missing): (Vec<_>, Vec<_>) = (set.iter().collect(), set.complement().iter().collect());
    if !missing.is_empty() && missing.len() < named.len() {
        missing.iter().map(|state| format!("!{state}")).collect()
    } else {
        named.iter().map(ToString::to_string).collect()
    }
}

pub(crate) fn patterns(set: &InterfaceSet) -> Vec<String> {
    let InterfaceSet { any_of, none_of } = set;
    if any_of.is_empty() && none_of.is_empty() {
        return vec!["*".to_owned()];
    }
    let any_of = any_of.iter().map(ToString::to_string);
    any_of.chain(none_of.iter().map(|pattern| format!("!{pattern}"))).collect()
}

/// As few texts as there are, or what is missing where that is shorter: flags without the two of ECN, where
/// those don't count.
pub(crate) fn tcp_flags(bytes: &ByteSet) -> Vec<String> {
    let (named, missing) = (masked(bytes), masked(&bytes.complement()));
    if !missing.is_empty() && missing.len() < named.len() {
        missing.iter().map(|text| format!("!{text}")).collect()
    } else {
        named
    }
}

fn masked(bytes: &ByteSet) -> Vec<String> {
    let mut left = *bytes;
    let mut texts = Vec::new();
    loop {
        let next = left.iter().next();
        let Some(byte) = next else { break };
        // The widest text that still means nothing else.
        let widest = (0..=u8::MAX)
            .filter(|mask| mask & byte == byte)
            .map(|mask| (mask, (0..=u8::MAX).filter(|other| other & mask == byte).collect::<ByteSet>()))
            .filter(|(_, set)| set.difference(bytes).is_empty())
            .max_by_key(|(_, set)| set.iter().count());
        let Some((mask, set)) = widest else { break };
        texts.push(format!("{}/{}", TcpFlags(byte), TcpFlags(mask)));
        left = left.difference(&set);
    }
    texts
}

/// The ranges, or what is missing where that is shorter.
pub(crate) fn numbers<T: Step + Display>(set: &RangeSet<T>) -> Vec<String> {
    let missing = set.complement();
    if !missing.is_empty() && missing.ranges().len() < set.ranges().len() {
        missing.ranges().iter().map(|&member| format!("!{}", range(member))).collect()
    } else {
        set.ranges().iter().map(|&member| range(member)).collect()
    }
}

/// `22`, or `8000-8099`.
pub(crate) fn range<T: Display + PartialEq>((first, last): (T, T)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// The ranges, or what is missing where that is shorter.
pub(crate) fn addresses(set: &AddressSet) -> Vec<String> {
    let missing = set.complement();
    let count = |set: &AddressSet| set.v4().ranges().len() + set.v6().ranges().len();
    // Of one family only: better said by what there is.
    let one_family = set.v4().is_empty() || set.v6().is_empty();
    if !missing.is_empty() && count(&missing) < count(set) && !one_family {
        missing.ranges().map(|member| format!("!{}", address_range(member))).collect()
    } else {
        set.ranges().map(address_range).collect()
    }
}

/// An address, a prefix where the range is one, else both ends.
pub fn address_range((first, last): (IpAddr, IpAddr)) -> String {
    let prefix: Option<IpNet> = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => only_one(Ipv4Subnets::new(first, last, 0)).map(Into::into),
        (IpAddr::V6(first), IpAddr::V6(last)) => only_one(Ipv6Subnets::new(first, last, 0)).map(Into::into),
        _ => None,
    };
    match prefix {
        _ if first == last => first.to_string(),
        Some(prefix) => prefix.to_string(),
        None => format!("{first}-{last}"),
    }
}

fn only_one<T>(mut subnets: impl Iterator<Item = T>) -> Option<T> {
    let first = subnets.next();
    if subnets.next().is_none() { first } else { None }
}

impl AddressSet {
    /// All ranges, IPv4 first, ascending, ends included.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let v4 = self.v4_ranges().map(|(a, b): (Ipv4Addr, Ipv4Addr)| (a.into(), b.into()));
        let v6 = self.v6_ranges().map(|(a, b): (Ipv6Addr, Ipv6Addr)| (a.into(), b.into()));
        v4.chain(v6)
    }
}
