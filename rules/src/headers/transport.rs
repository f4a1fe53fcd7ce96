//! Transport headers: the parts that rules and records use.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use etherparse::{TcpHeader, TcpHeaderSlice, UdpHeader, UdpHeaderSlice, err::tcp};

use super::{Transport, network::Unread};
use crate::{IcmpType, Malformed, Ports, Protocol, TcpFlags};

impl Transport {
    /// The transport header, and its length in bytes.
    pub(super) fn parse(protocol: Protocol, unread: Unread<'_>) -> Result<(Self, u32), Malformed> {
        match protocol {
            Protocol::TCP => tcp(unread),
            Protocol::UDP => udp(unread),
            Protocol::UDPLITE | Protocol::SCTP | Protocol::DCCP => ports_only(protocol, unread),
            Protocol::ICMP | Protocol::ICMPV6 => icmp(protocol, unread),
            _ => Ok((Self::Other, 0)),
        }
    }
}

fn tcp(unread: Unread<'_>) -> Result<(Transport, u32), Malformed> {
    let header = TcpHeaderSlice::from_slice(unread.bytes).map_err(|error| match error {
        tcp::HeaderSliceError::Content(_) => Malformed::BadHeaderLength,
        tcp::HeaderSliceError::Len(error) => match unread.too_short() {
            // The fixed part is there, and its data offset points past the end of the packet.
            Malformed::TruncatedHeader if error.required_len > TcpHeader::MIN_LEN => {
                Malformed::BadHeaderLength
            }
            malformed => malformed,
        },
    })?;
    let byte = |place: usize| header.slice().get(place).copied().unwrap_or_default();
    let length = header.data_offset().saturating_mul(4);
    let tcp = Transport::Tcp {
        ports: Ports { source: header.source_port(), destination: header.destination_port() },
        flags: TcpFlags(byte(13)),
        reserved: byte(12) & 0x0f,
        sequence: header.sequence_number(),
        acknowledgement: header.acknowledgment_number(),
        window: header.window_size(),
        urgent: header.urgent_pointer(),
        options: length.saturating_sub(20),
    };
    Ok((tcp, length.into()))
}

/// UDP. A length of 0 is that of a jumbogram (RFC 2675, 4); where the packet is none, and where the
/// length is more than the packet holds, the kernel calls the packet invalid (`udp_error`,
/// `nf_conntrack_proto_udp.c`), and its ports are still what they are.
fn udp(unread: Unread<'_>) -> Result<(Transport, u32), Malformed> {
    let header = UdpHeaderSlice::from_slice(unread.bytes).map_err(|_| unread.too_short())?;
    let length = header.length();
    if length != 0 && usize::from(length) < UdpHeader::LEN {
        return Err(Malformed::BadHeaderLength);
    }
    let ports = Ports { source: header.source_port(), destination: header.destination_port() };
    Ok((Transport::Ports { ports, length }, 8))
}

/// The protocols that begin with the two ports, as UDP does; the whole fixed header has to be there.
fn ports_only(protocol: Protocol, unread: Unread<'_>) -> Result<(Transport, u32), Malformed> {
    let length: u32 = match protocol {
        Protocol::UDPLITE => 8, // RFC 3828, 3.1
        _ => 12,                // SCTP: RFC 9260, 3.1; DCCP: RFC 4340, 5.1
    };
    let header = unread.bytes.get(..length as usize).ok_or_else(|| unread.too_short())?;
    let &[s0, s1, d0, d1, ..] = header else {
        return Err(unread.too_short());
    };
    let ports = Ports { source: u16::from_be_bytes([s0, s1]), destination: u16::from_be_bytes([d0, d1]) };
    Ok((Transport::Ports { ports, length: 0 }, length))
}

/// ICMP (RFC 792) and ICMPv6 (RFC 4443, 2.1): eight bytes, of which the last four hold identifier
/// and sequence number in echo messages. etherparse's slices want the whole body of some types.
fn icmp(protocol: Protocol, unread: Unread<'_>) -> Result<(Transport, u32), Malformed> {
    let header: &[u8; 8] = unread.bytes.first_chunk().ok_or_else(|| unread.too_short())?;
    let &[kind, code, _, _, i0, i1, s0, s1] = header;
    let echo = match protocol {
        Protocol::ICMP => matches!(kind, 0 | 8),
        _ => matches!(kind, 128 | 129),
    };
    let message = Transport::Icmp {
        icmp: IcmpType { kind, code },
        echo: echo.then_some((u16::from_be_bytes([i0, i1]), u16::from_be_bytes([s0, s1]))),
    };
    Ok((message, 8))
}
