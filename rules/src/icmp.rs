//! ICMP types, by name and number.

use std::fmt;

use crate::{Protocol, RangeSet};

/// An ICMP or ICMPv6 message's type and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IcmpType {
    /// What kind of message.
    pub kind: u8,
    /// Its sub-kind.
    pub code: u8,
}

/// Names of ICMP types (IANA "ICMP Type Numbers").
const V4: [(u8, &str); 10] = [
    (0, "echo-reply"),
    (3, "destination-unreachable"),
    (5, "redirect"),
    (8, "echo-request"),
    (9, "router-advertisement"),
    (10, "router-solicitation"),
    (11, "time-exceeded"),
    (12, "parameter-problem"),
    (13, "timestamp-request"),
    (14, "timestamp-reply"),
];

/// Names of ICMPv6 types (IANA "ICMPv6 Type Numbers"); shared names mean the same kind of message.
const V6: [(u8, &str); 15] = [
    (1, "destination-unreachable"),
    (2, "packet-too-big"),
    (3, "time-exceeded"),
    (4, "parameter-problem"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (130, "mld-query"),
    (131, "mld-report"),
    (132, "mld-done"),
    (133, "router-solicitation"),
    (134, "router-advertisement"),
    (135, "neighbour-solicitation"),
    (136, "neighbour-advertisement"),
    (137, "redirect"),
    (143, "mld2-report"),
];

impl IcmpType {
    /// The type that `name` names for `protocol` (ICMP or ICMPv6), with code 0.
    pub fn from_name(protocol: Protocol, name: &str) -> Option<Self> {
        let names = if protocol == Protocol::ICMPV6 { &V6[..] } else { &V4[..] };
        names.iter().find(|(_, known)| *known == name).map(|&(kind, _)| Self { kind, code: 0 })
    }

    /// The type's name for `protocol`, where it has one here.
    pub fn name(self, protocol: Protocol) -> Option<&'static str> {
        let names = if protocol == Protocol::ICMPV6 { &V6[..] } else { &V4[..] };
        names.iter().find(|(kind, _)| *kind == self.kind).map(|&(_, name)| name)
    }

    /// All names of either protocol, for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        V4.iter().chain(&V6).map(|&(_, name)| name)
    }

    /// The request that this message answers, or the message itself where it answers none. The
    /// numbers of the pairs differ between the protocols, and do not collide.
    #[must_use]
    pub const fn request(self) -> Self {
        let kind = match self.kind {
            0 => 8,
            129 => 128,
            14 => 13,
            kind => kind,
        };
        Self { kind, ..self }
    }
}

impl fmt::Display for IcmpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, code } = self;
        if *code == 0 { write!(f, "{kind}") } else { write!(f, "{kind}/{code}") }
    }
}

/// A set of ICMP and ICMPv6 messages: 256 times the type, plus the code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct IcmpSet {
    /// Messages of ICMP for IPv4.
    pub v4: RangeSet<u16>,
    /// Messages of ICMPv6.
    pub v6: RangeSet<u16>,
}

impl IcmpSet {
    /// Whether a message of `protocol` with this type is in the set.
    pub fn contains(&self, protocol: Protocol, icmp: IcmpType) -> bool {
        let number = u16::from_be_bytes([icmp.kind, icmp.code]);
        match protocol {
            Protocol::ICMP => self.v4.contains(number),
            Protocol::ICMPV6 => self.v6.contains(number),
            _ => false,
        }
    }

    /// The set that a rule's text writes: a name (both protocols that know it), a type number (both
    /// protocols), or either followed by `/CODE`. `None` when the text is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, code) = match text.split_once('/') {
            Some((kind, code)) => (kind, Some(code.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let messages = |protocol| -> Option<RangeSet<u16>> {
            let number = kind.parse().ok();
            let kind = number.or_else(|| IcmpType::from_name(protocol, kind).map(|icmp| icmp.kind))?;
            let first = u16::from_be_bytes([kind, code.unwrap_or(0)]);
            let last = u16::from_be_bytes([kind, code.unwrap_or(u8::MAX)]);
            Some([(first, last)].into_iter().collect())
        };
        let (v4, v6) = (messages(Protocol::ICMP), messages(Protocol::ICMPV6));
        if v4.is_none() && v6.is_none() {
            return None;
        }
        Some(Self { v4: v4.unwrap_or_default(), v6: v6.unwrap_or_default() })
    }

    /// The messages of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// Every message that is not in the set.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self { v4: self.v4.complement(), v6: self.v6.complement() }
    }
}
