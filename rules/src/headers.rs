//! A packet's headers, read in place.

use std::{fmt, net::IpAddr};

use crate::{IcmpType, Ports, Protocol, TcpFlags};

/// Why a packet's bytes are not the headers of a packet that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The bytes end inside a header.
    TruncatedHeader,
}

impl Malformed {
    /// All of them; a counter each.
    pub const ALL: [Self; 1] = [Self::TruncatedHeader];

    /// The words in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TruncatedHeader => "truncated header",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::error::Error for Malformed {}

/// What follows the IP headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP, with what records tell of it.
    Tcp {
        /// Source and destination port.
        ports: Ports,
        /// The control bits.
        flags: TcpFlags,
        /// Sequence number.
        sequence: u32,
        /// Acknowledgement number.
        acknowledgement: u32,
        /// Window, unscaled.
        window: u16,
        /// Urgent pointer.
        urgent: u16,
    },
    /// UDP, UDP-Lite, SCTP, DCCP: ports, and for the first two a length in bytes.
    Ports {
        /// Source and destination port.
        ports: Ports,
        /// The length field, header included, in bytes; 0 where the protocol has none.
        length: u16,
    },
    /// ICMP or ICMPv6.
    Icmp {
        /// Type and code.
        icmp: IcmpType,
        /// Identifier and sequence number, for echo messages.
        echo: Option<(u16, u16)>,
    },
    /// Anything else: only the protocol number is known.
    Other,
}

/// The headers of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// The protocol after any extension headers.
    pub protocol: Protocol,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// IPv4's identification, or IPv6's flow label.
    pub id: u32,
    /// The packet's length on the wire, in bytes, IP header included.
    pub length: u32,
    /// What follows.
    pub transport: Transport,
}
