//! IP protocol numbers and their names.

use std::{fmt, net::IpAddr};

use crate::decimal::decimal;

/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self(1);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);
    /// UDP-Lite (RFC 3828).
    pub const UDPLITE: Self = Self(136);
    /// DCCP (RFC 4340).
    pub const DCCP: Self = Self(33);

    /// By their names in `linux/in.h` and `linux/in6.h`, without the prefix `IPPROTO_`, where they
    /// have one there; a number's first name is the one that is printed.
    const NAMES: [(u8, &'static str); 17] = [
        (1, "icmp"),
        (2, "igmp"),
        (4, "ipip"),
        (6, "tcp"),
        (17, "udp"),
        (33, "dccp"),
        (41, "ipv6"),
        (47, "gre"),
        (50, "esp"),
        (51, "ah"),
        (58, "icmpv6"),
        (58, "ipv6-icmp"),
        (89, "ospf"),
        (103, "pim"),
        (112, "vrrp"),
        (132, "sctp"),
        (136, "udplite"),
    ];

    /// The protocol that `text` names, or numbers: `tcp`, `6`.
    pub fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, name)| *name == text).map(|&(number, _)| Self(number));
        named.or_else(|| decimal(text).map(Self))
    }

    /// The protocol's name, where it has one here.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(number, _)| *number == self.0).map(|&(_, name)| name)
    }

    /// All names, for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|&(_, name)| name)
    }

    /// Whether the protocol has ports where TCP and UDP have them: the first four bytes.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP | Self::UDPLITE | Self::DCCP)
    }

    /// Whether the protocol is ICMP or ICMPv6.
    pub const fn is_icmp(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMPV6)
    }

    /// Whether the protocol is the ICMP of the family that `address` is not of. Such packets exist,
    /// and no kernel answers them.
    pub(crate) const fn is_icmp_of_other_family(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => matches!(self, Self::ICMPV6),
            IpAddr::V6(_) => matches!(self, Self::ICMP),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Protocol;

    #[test]
    fn names_and_numbers() {
        let cases = [
            ("tcp", Some(Protocol::TCP)),
            ("6", Some(Protocol::TCP)),
            ("ipv6-icmp", Some(Protocol::ICMPV6)),
            ("255", Some(Protocol(255))),
            ("256", None),
            ("+6", None),
            ("-1", None),
            ("", None),
            ("TCP", None),
        ];
        for (text, protocol) in cases {
            assert_eq!(Protocol::parse(text), protocol, "{text}");
        }
        assert!((0..=u8::MAX).all(|n| Protocol::parse(&Protocol(n).to_string()) == Some(Protocol(n))));
        assert_eq!(format!("{:>7}|{:>4}", Protocol::ICMPV6, Protocol(253)), " icmpv6| 253");
    }
}
