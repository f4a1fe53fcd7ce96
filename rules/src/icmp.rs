//! ICMP types, by name and number.

use std::fmt;

use crate::{Protocol, RangeSet, decimal::decimal};

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
/// A number's first name is the one that is printed.
const V6: [(u8, &str); 17] = [
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
    (135, "neighbor-solicitation"),
    (136, "neighbour-advertisement"),
    (136, "neighbor-advertisement"),
    (137, "redirect"),
    (143, "mld2-report"),
];

impl IcmpType {
    /// The message that a ping sends, in `protocol` (ICMP or ICMPv6).
    pub const fn echo_request(protocol: Protocol) -> Self {
        let kind = if matches!(protocol, Protocol::ICMPV6) { 128 } else { 8 };
        Self { kind, code: 0 }
    }

    /// The type that `name` names for `protocol` (ICMP or ICMPv6), with code 0.
    pub fn from_name(protocol: Protocol, name: &str) -> Option<Self> {
        names_of(protocol).iter().find(|(_, known)| *known == name).map(|&(kind, _)| Self { kind, code: 0 })
    }

    /// The message of `protocol` that `text` writes: a name or a number, with code 0 unless `/CODE`
    /// follows.
    pub fn parse(protocol: Protocol, text: &str) -> Option<Self> {
        let (kind, code) = match text.split_once('/') {
            Some((kind, code)) => (kind, decimal(code)?),
            None => (text, 0),
        };
        let named = Self::from_name(protocol, kind).map(|icmp| icmp.kind);
        Some(Self { kind: named.or_else(|| decimal(kind))?, code })
    }

    /// The type's name for `protocol`, where it has one here.
    pub fn name(self, protocol: Protocol) -> Option<&'static str> {
        names_of(protocol).iter().find(|(kind, _)| *kind == self.kind).map(|&(_, name)| name)
    }

    /// All names of either protocol, each once, for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let only_v6 = V6.iter().filter(|(_, name)| V4.iter().all(|(_, known)| known != name));
        V4.iter().chain(only_v6).map(|&(_, name)| name)
    }

    /// The request that this message answers, or the message itself where it answers none: the
    /// pairs that connection tracking knows (`nf_conntrack_proto_icmp.c`, `…_icmpv6.c`). Their
    /// numbers differ between the protocols, and do not collide.
    #[must_use]
    pub const fn request(self) -> Self {
        let kind = match self.kind {
            0 => 8,
            129 => 128,
            14 => 13,
            16 => 15,
            18 => 17,
            140 => 139,
            kind => kind,
        };
        Self { kind, ..self }
    }
}

fn names_of(protocol: Protocol) -> &'static [(u8, &'static str)] {
    if protocol == Protocol::ICMPV6 { &V6 } else { &V4 }
}

/// By number, since the name depends on the protocol: `8`, or `3/4` with a code other than 0.
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

    /// The set that a rule's text writes: a name (of whichever protocols know it), a type number (of
    /// both protocols), or either followed by `/CODE`; without a code, any code. `None` when the text
    /// is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, code) = match text.split_once('/') {
            Some((kind, code)) => (kind, Some(decimal::<u8>(code)?)),
            None => (text, None),
        };
        let messages = |protocol| -> Option<RangeSet<u16>> {
            let number = decimal(kind);
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

#[cfg(test)]
mod tests {
    use super::{IcmpSet, IcmpType};
    use crate::Protocol;

    /// Types and codes to ask sets for.
    const MESSAGES: [(u8, u8); 11] =
        [(2, 0), (3, 3), (3, 4), (1, 3), (8, 0), (8, 7), (14, 0), (128, 7), (135, 0), (255, 0), (255, 255)];

    #[test]
    fn sets_in_text() {
        // Which of MESSAGES the text means in ICMP, and which in ICMPv6.
        let cases = [
            ("echo-request", vec![(8, 0), (8, 7)], vec![(128, 7)]),
            ("packet-too-big", vec![], vec![(2, 0)]),
            ("timestamp-reply", vec![(14, 0)], vec![]),
            ("destination-unreachable/3", vec![(3, 3)], vec![(1, 3)]),
            ("3/4", vec![(3, 4)], vec![(3, 4)]),
            ("255", vec![(255, 0), (255, 255)], vec![(255, 0), (255, 255)]),
            ("neighbor-solicitation", vec![], vec![(135, 0)]),
        ];
        for (text, v4, v6) in cases {
            let set = IcmpSet::parse(text).unwrap();
            let meant = |protocol| {
                let holds = |&(kind, code): &(u8, u8)| set.contains(protocol, IcmpType { kind, code });
                MESSAGES.into_iter().filter(holds).collect::<Vec<_>>()
            };
            assert_eq!((meant(Protocol::ICMP), meant(Protocol::ICMPV6)), (v4, v6), "{text}");
            assert_eq!(meant(Protocol::TCP), [], "{text}");
        }
        for text in ["", "ping", "256", "3/", "/3", "3/256", "+3", "3/+4", "echo-request/any"] {
            assert_eq!(IcmpSet::parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_type_in_text() {
        let parse = |protocol, text| IcmpType::parse(protocol, text).map(|icmp| (icmp.kind, icmp.code));
        assert_eq!(parse(Protocol::ICMP, "echo-request"), Some((8, 0)));
        assert_eq!(parse(Protocol::ICMPV6, "echo-request/1"), Some((128, 1)));
        assert_eq!(parse(Protocol::ICMP, "packet-too-big"), None);
        assert_eq!(parse(Protocol::ICMP, "3/1"), Some((3, 1)));
    }

    #[test]
    fn echo_requests_are_named_so() {
        for protocol in [Protocol::ICMP, Protocol::ICMPV6] {
            assert_eq!(IcmpType::from_name(protocol, "echo-request"), Some(IcmpType::echo_request(protocol)));
        }
    }

    #[test]
    fn each_name_is_suggested_once() {
        let mut names: Vec<_> = IcmpType::names().collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
