//! Who counts as one.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{Ipv4Net, Ipv6Net};

/// One source: an IPv4 address, or an IPv6 /64, which is what one host has for itself (RFC 4291,
/// 2.5.1; RFC 8981). Or the network around it: a /24, a /48 (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    pub(super) kind: Kind,
    /// The address, or its first 64 bits.
    pub(super) bits: u64,
}

/// What a [`Source`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub(super) enum Kind {
    #[default]
    V4 = 1,
    V6 = 2,
    V4Network = 3,
    V6Network = 4,
}

impl Source {
    /// The network that this source belongs to.
    pub(super) const fn network(self) -> Self {
        match self.kind {
            Kind::V4 => Self { kind: Kind::V4Network, bits: self.bits & !0xff },
            Kind::V6 => Self { kind: Kind::V6Network, bits: self.bits & !0xffff },
            Kind::V4Network | Kind::V6Network => self,
        }
    }

    /// Whether it is one host.
    pub(super) const fn is_host(self) -> bool {
        matches!(self.kind, Kind::V4 | Kind::V6)
    }

    /// Whether it speaks IPv6.
    pub(super) const fn is_v6(self) -> bool {
        matches!(self.kind, Kind::V6 | Kind::V6Network)
    }

    /// Whether `other` is in this network, or the same.
    pub fn covers(self, other: Self) -> bool {
        self == other || !self.is_host() && self == other.network()
    }

    /// The prefix.
    pub fn prefix(self) -> ipnet::IpNet {
        let v4 = Ipv4Addr::from(u32::try_from(self.bits).unwrap_or_default());
        let v6 = Ipv6Addr::from(u128::from(self.bits) << 64);
        match self.kind {
            Kind::V4 => Ipv4Net::from(v4).into(),
            Kind::V4Network => Ipv4Net::new_assert(v4, 24).into(),
            Kind::V6 => Ipv6Net::new_assert(v6, 64).into(),
            Kind::V6Network => Ipv6Net::new_assert(v6, 48).into(),
        }
    }

    /// The source that `text` names, as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return address.is_ipv4().then(|| address.into());
        }
        let prefix: ipnet::IpNet = text.parse().ok()?;
        let host = Self::from(prefix.network());
        match prefix.prefix_len() {
            24 | 48 => Some(host.network()),
            64 => Some(host),
            _ => None,
        }
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self { kind: Kind::V4, bits: v4.to_bits().into() },
            // The upper half.
            IpAddr::V6(v6) => {
                Self { kind: Kind::V6, bits: u64::try_from(v6.to_bits() >> 64).unwrap_or_default() }
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::V4 => write!(f, "{}", self.prefix().addr()),
            _ => write!(f, "{}", self.prefix()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_hosts_and_networks() {
        for (address, source, network) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ] {
            let host = Source::from(address.parse::<IpAddr>().unwrap());
            assert_eq!(host.to_string(), source);
            assert_eq!(host.network().to_string(), network);
            assert!(host.network().covers(host) && !host.covers(host.network()));
            assert_eq!(Source::parse(source), Some(host));
            assert_eq!(Source::parse(network), Some(host.network()));
        }
    }
}
