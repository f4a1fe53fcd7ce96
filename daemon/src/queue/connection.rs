//! The connection that a packet comes with, where the kernel has that (`CONFIG_NETFILTER_NETLINK_GLUE_CT`): what of it is
//! wanted here (`linux/netfilter/nfnetlink_conntrack.h`). Pure; what can't be read is `None`, never a panic.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::{fmt, net::IpAddr};

use crate::netlink::Attributes;

const TUPLE_ORIG: u16 = 1; // CTA_TUPLE_ORIG
const STATUS: u16 = 3; // CTA_STATUS
const TUPLE_IP: u16 = 1; // CTA_TUPLE_IP
const TUPLE_PROTO: u16 = 2; // CTA_TUPLE_PROTO
const IP_V4_DST: u16 = 2; // CTA_IP_V4_DST
const IP_V6_DST: u16 = 4; // CTA_IP_V6_DST
const PROTO_DST_PORT: u16 = 3; // CTA_PROTO_DST_PORT
const DST_NAT: u32 = 1 << 5; // IPS_DST_NAT

/// What a packet was sent to, before this host translated that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedFor {
    /// The address.
    pub address: IpAddr,
    /// The port, where the protocol has ports.
    pub port: Option<u16>,
}

impl AskedFor {
    /// What the first packet of this connection was sent to, if that was translated.
    pub(super) fn of(connection: Attributes<'_>) -> Option<Self> {
        if connection.find_u32(STATUS)? & DST_NAT == 0 {
            return None;
        }
        let tuple = Attributes::of(connection.find(TUPLE_ORIG)?);
        let addresses = Attributes::of(tuple.find(TUPLE_IP)?);
        let v4 = addresses.find(IP_V4_DST).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        let v6 = addresses.find(IP_V6_DST).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let port = tuple.find(TUPLE_PROTO).and_then(|ports| Attributes::of(ports).find(PROTO_DST_PORT));
        Some(Self {
            address: v4.map(IpAddr::from).or_else(|| v6.map(IpAddr::from))?,
            port: port.and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes),
        })
    }
}

/// As `address:port`, IPv6 in brackets.
impl fmt::Display for AskedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.port) {
            (address, None) => address.fmt(f),
            (IpAddr::V4(address), Some(port)) => write!(f, "{address}:{port}"),
            (IpAddr::V6(address), Some(port)) => write!(f, "[{address}]:{port}"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::netlink::put_attributes;

    fn nest(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_attributes(&mut bytes, attributes);
        bytes
    }

    fn connection(status: u32, address: (u16, &[u8]), port: &[(u16, &[u8])]) -> Vec<u8> {
        let addresses = nest(&[(1, &[192, 0, 2, 9]), address]);
        let tuple = nest(&[(0x8001, &addresses), (0x8002, &nest(port))]);
        nest(&[(0x8001, &tuple), (0x8002, &[0; 20]), (STATUS, &status.to_be_bytes())])
    }

    fn shown(bytes: &[u8]) -> Option<String> {
        AskedFor::of(Attributes::of(bytes)).map(|asked_for| asked_for.to_string())
    }

    #[test]
    fn a_translated_connection_says_what_it_was_sent_to() {
        let v4 = (IP_V4_DST, &[192, 0, 2, 1][..]);
        let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7]].concat();
        let port: [(u16, &[u8]); 2] = [(1, &[6]), (PROTO_DST_PORT, &8080u16.to_be_bytes())];
        assert_eq!(shown(&connection(0x120, v4, &port)).as_deref(), Some("192.0.2.1:8080"));
        assert_eq!(shown(&connection(0x20, v4, &[(1, &[1])])).as_deref(), Some("192.0.2.1"), "no port");
        let translated = connection(0x20, (IP_V6_DST, &v6), &port);
        assert_eq!(shown(&translated).as_deref(), Some("[2001:db8::7]:8080"));
        assert_eq!(shown(&connection(0x110, v4, &port)), None, "its source was translated (IPS_SRC_NAT)");
    }

    #[test]
    fn what_is_cut_short_says_nothing() {
        let whole = connection(0x20, (IP_V4_DST, &[192, 0, 2, 1]), &[(PROTO_DST_PORT, &[0, 80])]);
        // The status comes last.
        assert!((0..whole.len()).all(|end| shown(&whole[..end]).is_none()));
        assert_eq!(shown(&connection(0x20, (IP_V4_DST, &[192, 0, 2]), &[])), None);
    }
}
