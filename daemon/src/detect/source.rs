//! Who counts as one.

use std::{fmt, net::IpAddr};

use ipnet::{Ipv4Net, Ipv6Net};

/// One source: an IPv4 address, or an IPv6 /64, which is what one host has for itself (RFC 4291,
/// 2.5.1; RFC 8981).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Source {
    V4(Ipv4Net),
    V6(Ipv6Net),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4.into()),
            IpAddr::V6(v6) => Self::V6(Ipv6Net::new_assert(v6, 64).trunc()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(v4) => write!(f, "{}", v4.addr()),
            Self::V6(v6) => write!(f, "{v6}"),
        }
    }
}
