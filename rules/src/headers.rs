//! A packet's headers, read in place.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod network;
#[cfg(test)]
mod tests;
mod transport;

use std::net::IpAddr;

use self::network::Network;
use crate::{Fact, Hook, IcmpType, InterfaceName, Key, Malformed, Ports, Protocol, State, TcpFlags};

/// The headers of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    /// The sender.
    pub source: IpAddr,
    /// The receiver; of the sender's family.
    pub destination: IpAddr,
    /// The protocol after any IPv6 extension headers. On IPv4 an authentication header is the
    /// protocol, on IPv6 it is one of the extension headers: both as netfilter sees them.
    pub protocol: Protocol,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// IPv4's identification, or IPv6's flow label.
    pub id: u32,
    /// The packet's length on the wire, in bytes, IP header included.
    pub length: u32,
    /// Bytes of IPv4 options, or of IPv6 extension headers.
    pub options: u32,
    /// Whether routers may not fragment it: IPv4's flag, never set on IPv6.
    pub dont_fragment: bool,
    /// Whether it is the first fragment of a packet whose rest comes later.
    pub fragment: bool,
    /// Bytes that follow the transport header, or the IP headers where [`Transport::Other`] has none.
    pub payload: u32,
    /// What follows.
    pub transport: Transport,
}

/// What follows the IP headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP, with what records tell of it.
    Tcp {
        /// Source and destination port.
        ports: Ports,
        /// The control bits.
        flags: TcpFlags,
        /// The four bits between data offset and control bits, which nobody uses; the last of them was
        /// NS (RFC 9293, 3.1; RFC 3540).
        reserved: u8,
        /// Sequence number.
        sequence: u32,
        /// Acknowledgement number.
        acknowledgement: u32,
        /// Window, unscaled.
        window: u16,
        /// Urgent pointer.
        urgent: u16,
        /// Bytes of options, 0 to 40.
        options: u8,
    },
    /// UDP, UDP-Lite, SCTP, DCCP: ports, and for UDP a length in bytes.
    Ports {
        /// Source and destination port.
        ports: Ports,
        /// UDP's length field, header included, in bytes; 0 in a jumbogram (RFC 2675, 4) and for
        /// the other protocols, which have none.
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

impl Headers {
    /// Reads the headers of a packet of `length` bytes of which `bytes` is the beginning, from the
    /// IP header on. Nothing is copied or allocated, and nothing past the headers is looked at.
    ///
    /// `length` is the kernel's own (`NFQA_CAP_LEN`) and outranks the length fields: they are 0 in
    /// jumbograms and in what BIG TCP builds, and one that claims more than `length` is the
    /// kernel's to refuse (`ip_rcv_core`, `ip6_rcv_core`), so it is no fault here. A smaller length
    /// field is believed: what follows it is padding.
    ///
    /// # Errors
    /// When the bytes do not tell what rules look at.
    pub fn parse(bytes: &[u8], length: u32) -> Result<Self, Malformed> {
        let Network { source, destination, protocol, ttl, tos, id, options, dont_fragment, unread } =
            Network::parse(bytes, length)?;
        let (transport, header) = Transport::parse(protocol, unread)?;
        let payload = unread.length.saturating_sub(header);
        Ok(Self {
            source,
            destination,
            protocol,
            ttl,
            tos,
            id,
            length,
            options,
            dont_fragment,
            fragment: unread.fragment,
            payload,
            transport,
        })
    }

    /// Sender and receiver of an IP packet, where they can be read though the rest can't.
    pub fn addresses(bytes: &[u8]) -> Option<(IpAddr, IpAddr)> {
        fn both<const N: usize>(bytes: &[u8], at: usize) -> Option<(IpAddr, IpAddr)>
        where
            IpAddr: From<[u8; N]>,
        {
            let (&source, rest) = bytes.get(at..)?.split_first_chunk::<N>()?;
            Some((source.into(), (*rest.first_chunk::<N>()?).into()))
        }
        match bytes.first()? >> 4 {
            4 => both::<4>(bytes, 12),
            6 => both::<16>(bytes, 8),
            _ => None,
        }
    }

    /// The ports, where the protocol has them.
    pub const fn ports(&self) -> Option<Ports> {
        match self.transport {
            Transport::Tcp { ports, .. } | Transport::Ports { ports, .. } => Some(ports),
            Transport::Icmp { .. } | Transport::Other => None,
        }
    }

    /// Type and code, for ICMP and ICMPv6.
    pub const fn icmp(&self) -> Option<IcmpType> {
        match self.transport {
            Transport::Icmp { icmp, .. } => Some(icmp),
            Transport::Tcp { .. } | Transport::Ports { .. } | Transport::Other => None,
        }
    }

    /// The control bits, for TCP.
    pub const fn tcp_flags(&self) -> Option<TcpFlags> {
        match self.transport {
            Transport::Tcp { flags, .. } => Some(flags),
            Transport::Ports { .. } | Transport::Icmp { .. } | Transport::Other => None,
        }
    }

    /// The key of this packet, with what the kernel says about it.
    pub const fn key(
        &self,
        hook: Hook,
        in_interface: Fact<InterfaceName>,
        out_interface: Fact<InterfaceName>,
        state: State,
        user: Fact<u32>,
    ) -> Key {
        Key {
            hook,
            in_interface,
            out_interface,
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            ports: self.ports(),
            icmp: self.icmp(),
            tcp_flags: self.tcp_flags(),
            state,
            user,
        }
    }
}
