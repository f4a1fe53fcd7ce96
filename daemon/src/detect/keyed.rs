//! Where things stand in the detector's tables.

use std::{hash::Hasher as _, net::IpAddr};

use siphasher::sip::SipHasher13;

use super::{contact::Contact, source::Source};

/// A keyed hash, so that nobody who does not know the key can aim at places in a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyed(pub(super) [u64; 2]);

impl Keyed {
    fn start(self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0[0], self.0[1])
    }

    pub(super) fn source(self, source: Source) -> u64 {
        let mut hasher = self.start();
        hasher.write_u64(source.bits);
        hasher.write_u8(source.kind as u8);
        hasher.finish()
    }

    pub(super) fn address(self, address: IpAddr) -> u64 {
        let mut hasher = self.start();
        write_address(&mut hasher, address);
        hasher.finish()
    }

    /// The door that a contact tries: a host's port, protocol or kind of ICMP.
    pub(super) fn door(self, contact: &Contact) -> u64 {
        let mut hasher = self.start();
        write_address(&mut hasher, contact.destination);
        hasher.write_u64(u64::from(contact.protocol.0) << 32 | u64::from(number(contact)));
        hasher.finish()
    }

    /// The flow that a contact belongs to, whoever of both sent the packet.
    pub(super) fn flow(self, contact: &Contact) -> u64 {
        let ports = contact.ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let mut ends = [(contact.source, ports.0), (contact.destination, ports.1)];
        ends.sort_unstable();
        let mut hasher = self.start();
        for (address, port) in ends {
            write_address(&mut hasher, address);
            hasher.write_u16(port);
        }
        hasher.write_u8(contact.protocol.0);
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

fn write_address(hasher: &mut SipHasher13, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => hasher.write_u32(v4.to_bits()),
        IpAddr::V6(v6) => hasher.write_u128(v6.to_bits()),
    }
}
