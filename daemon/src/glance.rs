//! What of an IP packet matters before its headers are read as a whole: addresses, fragments, extension
//! headers.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(crate) mod fragment;

use std::{
    hash::BuildHasher,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use self::fragment::Fragment;

const V6_HEADER: usize = 40;

/// What is seen at a glance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// Where the transport header begins, if this is no fragment.
    pub(crate) transport: &'a [u8],
    pub(crate) fragment: Option<Fragment<'a>>,
    /// Extension headers that say nothing and hide what follows.
    pub(crate) hides: bool,
}

/// Looks at a packet; `None` when not even its addresses are there.
pub(crate) fn glance<'a>(bytes: &'a [u8], length: u32, hasher: &impl BuildHasher) -> Option<Glance<'a>> {
    match bytes.first()? >> 4 {
        4 => glance_v4(bytes, length, hasher),
        6 => glance_v6(bytes, length, hasher),
        _ => None,
    }
}

fn glance_v4<'a>(bytes: &'a [u8], length: u32, hasher: &impl BuildHasher) -> Option<Glance<'a>> {
    let source = Ipv4Addr::from(*chunk::<4>(bytes, 12)?);
    let destination = Ipv4Addr::from(*chunk::<4>(bytes, 16)?);
    let protocol = *bytes.get(9)?;
    let header = usize::from(bytes.first()? & 0x0f).saturating_mul(4);
    let total = usize::from(u16::from_be_bytes(*chunk(bytes, 2)?));
    let whole = if total == 0 { length as usize } else { total.min(length as usize) };
    let kept = bytes.get(..whole).unwrap_or(bytes);
    let transport = kept.get(header..).unwrap_or_default();
    let field = u16::from_be_bytes(*chunk(bytes, 6)?);
    let (more, offset) = (field & 0x2000 != 0, usize::from(field & 0x1fff).saturating_mul(8));
    let id: [u8; 2] = *chunk(bytes, 4)?;
    let fragment = (more || offset > 0).then(|| Fragment {
        datagram: hasher.hash_one((source, destination, protocol, id)),
        protocol,
        offset,
        more,
        bytes: transport,
        length: whole.saturating_sub(header),
    });
    let (source, destination) = (source.into(), destination.into());
    Some(Glance { source, destination, protocol, transport, fragment, hides: false })
}

fn glance_v6<'a>(bytes: &'a [u8], length: u32, hasher: &impl BuildHasher) -> Option<Glance<'a>> {
    let source = Ipv6Addr::from(*chunk::<16>(bytes, 8)?);
    let destination = Ipv6Addr::from(*chunk::<16>(bytes, 24)?);
    let payload = usize::from(u16::from_be_bytes(*chunk(bytes, 4)?));
    let whole =
        if payload == 0 { length as usize } else { payload.saturating_add(V6_HEADER).min(length as usize) };
    let kept = bytes.get(..whole).unwrap_or(bytes);
    let (mut protocol, mut at, mut extensions) = (*bytes.get(6)?, V6_HEADER, 0_u32);
    let mut fragment = None;
    // Hop-by-hop options, routing, fragment, destination options (RFC 8200, 4).
    while matches!(protocol, 0 | 43 | 44 | 60) && extensions < 64 {
        let Some(&[next, units]) = chunk::<2>(kept, at) else { break };
        if protocol == 44 {
            let Some(field) = chunk(kept, at.saturating_add(2)).copied().map(u16::from_be_bytes) else {
                break;
            };
            let Some(id) = chunk::<4>(kept, at.saturating_add(4)) else { break };
            at = at.saturating_add(8);
            let (more, offset) = (field & 1 != 0, usize::from(field & 0xfff8));
            if more || offset > 0 {
                fragment = Some(Fragment {
                    datagram: hasher.hash_one((source, destination, id)),
                    protocol: next,
                    offset,
                    more,
                    bytes: kept.get(at..).unwrap_or_default(),
                    length: whole.saturating_sub(at),
                });
                protocol = next;
                break;
            }
            // A fragment of one part: nobody needs it (RFC 6946).
        } else {
            at = at.saturating_add(usize::from(units).saturating_add(1).saturating_mul(8));
        }
        extensions = extensions.saturating_add(1);
        protocol = next;
    }
    let transport = kept.get(at..).unwrap_or_default();
    // Router alerts of multicast listeners and neighbour discovery have good reasons, and are ICMPv6.
    let hides = extensions > 0 && protocol != 58;
    let (source, destination) = (source.into(), destination.into());
    Some(Glance { source, destination, protocol, transport, fragment, hides })
}

/// A whole packet in the place of fragments, of which the first bytes are known.
pub(crate) fn rebuilt(bytes: &[u8], glance: &Glance<'_>, first: &[u8]) -> Vec<u8> {
    let length =
        |more: usize| u16::try_from(first.len().saturating_add(more)).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = match glance.source {
        IpAddr::V4(_) => {
            let mut header = bytes.get(..20).unwrap_or_default().to_vec();
            put(&mut header, 0, &[0x45]);
            put(&mut header, 2, &length(20));
            put(&mut header, 6, &[0, 0]);
            header
        }
        IpAddr::V6(_) => {
            let mut header = bytes.get(..V6_HEADER).unwrap_or_default().to_vec();
            put(&mut header, 4, &length(0));
            put(&mut header, 6, &[glance.fragment.map_or(glance.protocol, |fragment| fragment.protocol)]);
            header
        }
    };
    packet.extend_from_slice(first);
    packet
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}
