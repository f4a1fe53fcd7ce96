//! What the detector is told.

use std::net::IpAddr;

use jiff::Timestamp;
use portcullis_rules::{IcmpType, Malformed, Ports, Protocol, TcpFlags};

/// The first packet of a flow, or what became of one. It owns no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// When it was seen.
    pub time: Timestamp,
    /// Its number in a capture; 0 where there is none.
    pub packet: u64,
    /// Who sent the flow's first packet: the other side, or for [`News::Sent`] this host.
    pub source: IpAddr,
    /// Whom it was sent to.
    pub destination: IpAddr,
    /// The protocol above IP.
    pub protocol: Protocol,
    /// The ports, where the protocol has them.
    pub ports: Option<Ports>,
    /// TCP's control bits; none for other protocols.
    pub flags: TcpFlags,
    /// TCP's window, unscaled; 0 for other protocols.
    pub window: u16,
    /// Type and code, for ICMP and ICMPv6.
    pub icmp: Option<IcmpType>,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// The packet's length, in bytes, IP header included.
    pub length: u32,
    /// What is known of it.
    pub news: News,
}

/// What a [`Contact`] tells.
///
/// Each first packet is told of once with one of the first three; an accepted one may be told of
/// again, when it is known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The rules did not let it in.
    Refused,
    /// The rules let it in.
    Accepted,
    /// This host sent it: a flow of its own.
    Sent,
    /// Let in, and the host itself refused: a reset, or ICMP unreachable.
    TurnedDown,
    /// Let in and answered: TCP's handshake is complete, or a reply was sent. The number, here and in the next two,
    /// is how many flows this one stands for, where only a sample is looked at.
    Completed(u16),
    /// Let in and answered, but the handshake was never completed.
    Unfinished(u16),
    /// Let in, and nobody answered.
    Silent(u16),
    /// A packet that the kernel discards before any rule sees it.
    Oddity(Oddity),
}

/// Packets that nobody sends by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Its source is its destination (CERT CA-1997-28).
    Land,
    /// A first fragment without a whole transport header (RFC 1858, 3).
    TinyFragment,
    /// A fragment that claims bytes of another one (RFC 5722).
    OverlappingFragment,
    /// IPv6 extension headers before the transport header that only serve to hide it (RFC 7113).
    ExtensionHeaders,
    /// Its headers can't be read.
    Malformed(Malformed),
}
