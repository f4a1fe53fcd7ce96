//! Where things stand in the detector's tables.

use std::{
    fmt,
    hash::Hasher as _,
    net::{IpAddr, Ipv4Addr},
};

use foldhash::{SharedSeed, quality::FoldHasher};

use super::{contact::Contact, source::Source};

/// A keyed hash, so that nobody who does not know the key can aim at places in a table.
///
/// What is hashed is short and hashed for every packet, and nothing of the outcome is seen from outside:
/// folded multiplication with secret operands will do, at a fifth of what SipHash costs.
#[derive(Clone)]
pub(super) struct Keyed {
    first: u64,
    shared: SharedSeed,
}

impl Keyed {
    pub(super) fn new([first, shared]: [u64; 2]) -> Self {
        Self { first, shared: SharedSeed::from_u64(shared) }
    }

    #[inline]
    fn start(&self) -> FoldHasher<'_> {
        FoldHasher::with_seed(self.first, &self.shared)
    }

    pub(super) fn source(&self, source: Source) -> u64 {
        let mut hasher = self.start();
        hasher.write_u64(source.bits);
        hasher.write_u8(source.kind as u8);
        hasher.finish()
    }

    pub(super) fn address(&self, address: IpAddr) -> u64 {
        let mut hasher = self.start();
        match address {
            IpAddr::V4(v4) => hasher.write_u32(v4.to_bits()),
            IpAddr::V6(v6) => hasher.write_u128(v6.to_bits()),
        }
        hasher.finish()
    }

    /// The door that a contact tries: a host's port, protocol or kind of ICMP.
    pub(super) fn door(&self, contact: &Contact) -> u64 {
        let door = u64::from(contact.protocol.0) << 32 | u64::from(number(contact));
        let mut hasher = self.start();
        // Each to its end by itself: how much there is to hash is then known when it is compiled.
        match contact.destination {
            IpAddr::V4(v4) => {
                hasher.write_u32(v4.to_bits());
                hasher.write_u64(door);
                hasher.finish()
            }
            IpAddr::V6(v6) => {
                hasher.write_u128(v6.to_bits());
                hasher.write_u64(door);
                hasher.finish()
            }
        }
    }

    /// The flow that a contact belongs to, whoever of both sent the packet.
    pub(super) fn flow(&self, contact: &Contact) -> u64 {
        let (from, to) = contact.ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let mut hasher = self.start();
        match (contact.source, contact.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let end = |address: Ipv4Addr, port| u64::from(address.to_bits()) << 16 | u64::from(port);
                let (one, other) = (end(source, from), end(destination, to));
                hasher.write_u64(u64::from(contact.protocol.0) << 48 | one.min(other));
                hasher.write_u64(one.max(other));
            }
            ends => {
                let bits = |address| match address {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
                    IpAddr::V6(v6) => v6.to_bits(),
                };
                let (one, other) = ((bits(ends.0), from), (bits(ends.1), to));
                for (address, port) in [one.min(other), one.max(other)] {
                    hasher.write_u128(address);
                    hasher.write_u64(u64::from(contact.protocol.0) << 16 | u64::from(port));
                }
            }
        }
        hasher.finish()
    }
}

/// The number on a door: the destination port, ICMP's type, or none.
pub(super) fn number(contact: &Contact) -> u16 {
    match (contact.ports, contact.icmp) {
        (Some(ports), _) => ports.destination,
        (None, Some(icmp)) => icmp.kind.into(),
        (None, None) => 0,
    }
}

/// The key stays where it is.
impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").finish_non_exhaustive()
    }
}
