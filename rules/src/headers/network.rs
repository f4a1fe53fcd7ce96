//! IPv4 and IPv6 headers, up to the transport header.
//!
//! etherparse checks and reads each header. The chain of IPv6 extension headers is walked here, for
//! two reasons: the walk has to end at a fragment that is not the first, since what follows it is
//! payload; and etherparse 0.21's own iterator over the headers of a lax slice reads past their end
//! when an error ended them.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice,
    err::{ip_auth, ipv4, ipv6},
    ip_number::{AUTH, IPV6_DEST_OPTIONS, IPV6_FRAG, IPV6_HOP_BY_HOP, IPV6_ROUTE},
};

use crate::{Malformed, Protocol};

/// A packet's IP headers, and what follows them.
pub(super) struct Network<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) ttl: u8,
    pub(super) tos: u8,
    pub(super) id: u32,
    pub(super) options: u32,
    pub(super) dont_fragment: bool,
    pub(super) unread: Unread<'a>,
}

/// The part of a packet that is not read yet, as far as it was copied to us.
#[derive(Clone, Copy)]
pub(super) struct Unread<'a> {
    pub(super) bytes: &'a [u8],
    /// Its length on the wire.
    pub(super) length: u32,
    /// Later fragments carry the rest of the packet.
    pub(super) fragment: bool,
}

impl<'a> Network<'a> {
    pub(super) fn parse(bytes: &'a [u8], length: u32) -> Result<Self, Malformed> {
        let packet = Unread::new(bytes, length);
        match packet.bytes.first().map(|byte| byte >> 4) {
            Some(4) => Self::parse_v4(packet, length),
            Some(6) => Self::parse_v6(packet, length),
            Some(_) => Err(Malformed::BadIpVersion),
            None => Err(packet.too_short()),
        }
    }

    fn parse_v4(packet: Unread<'a>, length: u32) -> Result<Self, Malformed> {
        let header = Ipv4HeaderSlice::from_slice(packet.bytes).map_err(|error| match error {
            ipv4::HeaderSliceError::Len(_) => packet.too_short(),
            ipv4::HeaderSliceError::Content(ipv4::HeaderError::UnexpectedVersion { .. }) => {
                Malformed::BadIpVersion
            }
            ipv4::HeaderSliceError::Content(ipv4::HeaderError::HeaderLengthSmallerThanHeader { .. }) => {
                Malformed::BadHeaderLength
            }
        })?;
        let header_length = u32::from(header.ihl()).saturating_mul(4);
        let end = match u32::from(header.total_len()) {
            // BIG TCP: the field is too small for the packet (`iph_totlen`, `linux/ip.h`).
            0 if length > u32::from(u16::MAX) => length,
            total if total < header_length => return Err(Malformed::BadHeaderLength),
            total => total.min(length),
        };
        if header.fragments_offset().value() != 0 {
            return Err(Malformed::FragmentWithoutPorts);
        }
        let mut unread = Unread::new(packet.bytes, end).after(header_length);
        unread.fragment = header.more_fragments();
        Ok(Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            protocol: Protocol(header.protocol().0),
            ttl: header.ttl(),
            tos: header.dcp().value() << 2 | header.ecn().value(),
            id: header.identification().into(),
            options: header_length.saturating_sub(20),
            dont_fragment: header.dont_fragment(),
            unread,
        })
    }

    fn parse_v6(packet: Unread<'a>, length: u32) -> Result<Self, Malformed> {
        let header = Ipv6HeaderSlice::from_slice(packet.bytes).map_err(|error| match error {
            ipv6::HeaderSliceError::Len(_) => packet.too_short(),
            ipv6::HeaderSliceError::Content(ipv6::HeaderError::UnexpectedVersion { .. }) => {
                Malformed::BadIpVersion
            }
        })?;
        let header_length = 40;
        let end = match u32::from(header.payload_length()) {
            // A jumbogram (RFC 2675), or BIG TCP.
            0 => length,
            payload => payload.saturating_add(header_length).min(length),
        };
        let start = Unread::new(packet.bytes, end).after(header_length);
        let (protocol, unread) = skip_extensions(header.next_header(), start)?;
        Ok(Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            protocol: Protocol(protocol.0),
            ttl: header.hop_limit(),
            tos: header.traffic_class(),
            id: header.flow_label().value(),
            options: start.length.saturating_sub(unread.length),
            dont_fragment: false,
            unread,
        })
    }
}

/// Walks the extension headers that the kernel knows (`ipv6_ext_hdr`, `net/ipv6.h`); the first
/// other number is the protocol.
fn skip_extensions(first: IpNumber, start: Unread<'_>) -> Result<(IpNumber, Unread<'_>), Malformed> {
    let (mut next, mut unread) = (first, start);
    if next == IPV6_HOP_BY_HOP {
        (next, unread) = skip_options(unread)?;
    }
    loop {
        (next, unread) = match next {
            IPV6_HOP_BY_HOP => return Err(Malformed::BadExtensionHeader),
            IPV6_DEST_OPTIONS | IPV6_ROUTE => skip_options(unread)?,
            IPV6_FRAG => skip_fragment_header(unread)?,
            AUTH => skip_authentication(unread)?,
            protocol => return Ok((protocol, unread)),
        };
    }
}

/// A hop-by-hop, destination options or routing header: all three have one form (RFC 8200, 4.2).
fn skip_options(unread: Unread<'_>) -> Result<(IpNumber, Unread<'_>), Malformed> {
    let header = Ipv6RawExtHeaderSlice::from_slice(unread.bytes).map_err(|_| unread.too_short())?;
    Ok((header.next_header(), unread.after(length_of(header.slice()))))
}

fn skip_fragment_header(unread: Unread<'_>) -> Result<(IpNumber, Unread<'_>), Malformed> {
    let header = Ipv6FragmentHeaderSlice::from_slice(unread.bytes).map_err(|_| unread.too_short())?;
    if header.fragment_offset().value() != 0 {
        return Err(Malformed::FragmentWithoutPorts);
    }
    let mut rest = unread.after(length_of(header.slice()));
    rest.fragment |= header.more_fragments();
    Ok((header.next_header(), rest))
}

fn skip_authentication(unread: Unread<'_>) -> Result<(IpNumber, Unread<'_>), Malformed> {
    let header = IpAuthHeaderSlice::from_slice(unread.bytes).map_err(|error| match error {
        ip_auth::HeaderSliceError::Len(_) => unread.too_short(),
        ip_auth::HeaderSliceError::Content(_) => Malformed::BadExtensionHeader,
    })?;
    Ok((header.next_header(), unread.after(length_of(header.slice()))))
}

fn length_of(header: &[u8]) -> u32 {
    u32::try_from(header.len()).unwrap_or(u32::MAX)
}

impl<'a> Unread<'a> {
    /// A packet of `length` bytes that begins with `bytes`.
    fn new(bytes: &'a [u8], length: u32) -> Self {
        Self { bytes: bytes.get(..length as usize).unwrap_or(bytes), length, fragment: false }
    }

    /// What follows the next `count` bytes.
    fn after(self, count: u32) -> Self {
        let bytes = self.bytes.get(count as usize..).unwrap_or_default();
        Self { bytes, length: self.length.saturating_sub(count), ..self }
    }

    /// What it means that a header does not fit in these bytes.
    pub(super) const fn too_short(self) -> Malformed {
        if self.bytes.len() < self.length as usize {
            return Malformed::HeadersTooLong;
        }
        match self.fragment {
            true => Malformed::FragmentWithoutPorts,
            false => Malformed::TruncatedHeader,
        }
    }
}
