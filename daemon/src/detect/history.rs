//! The doors that were tried lately, one by one: an incident begins with what led to it.

use std::net::IpAddr;

use portcullis_rules::Protocol;

use super::{contact::Contact, source::Source, technique::Technique, time::Tenths};

/// Doors remembered: 256 KiB.
const LENGTH: usize = 4096;

/// A door that was tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    pub(super) source: Source,
    pub(super) host: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) port: Option<u16>,
    pub(super) technique: Technique,
    pub(super) packet: u32,
    pub(super) at: Tenths,
}

/// The last tries, in a ring.
#[derive(Debug)]
pub(super) struct History {
    ring: Box<[Option<Try>]>,
    next: usize,
}

impl History {
    pub(super) fn new() -> Self {
        Self { ring: vec![None; LENGTH].into_boxed_slice(), next: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ring)
    }

    pub(super) fn note(&mut self, source: Source, contact: &Contact, technique: Technique, at: Tenths) {
        self.ring[self.next] = Some(Try {
            source,
            host: contact.destination,
            protocol: contact.protocol,
            port: contact.ports.map(|ports| ports.destination),
            technique,
            packet: u32::try_from(contact.packet).unwrap_or(u32::MAX),
            at,
        });
        self.next = (self.next + 1) % LENGTH;
    }

    /// The tries, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Try> {
        let (newer, older) = self.ring.split_at(self.next);
        older.iter().chain(newer).flatten()
    }
}
