//! The doors that were tried lately, one by one: an incident begins with what led to it.

use std::net::IpAddr;

use portcullis_rules::Protocol;

use super::{contact::Contact, source::Source, table::table, technique::Technique, time::Tenths};

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
    ring: Box<[Option<Try>; LENGTH]>,
    next: usize,
    /// By a source's hash: one more than the place of its last try, and by the place of a try: the one
    /// before. 0 where there is none; where a place has been taken over, a chain may go on with others' tries,
    /// never in a circle.
    last: Box<[u16; CHAINS]>,
    before: Box<[u16; LENGTH]>,
}

/// Chains of tries, by hash.
const CHAINS: usize = 4096;

impl History {
    pub(super) fn new() -> Self {
        Self { ring: table(), next: 0, last: table(), before: table() }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ring) + size_of_val(&*self.last) + size_of_val(&*self.before)
    }

    pub(super) fn note(
        &mut self,
        source: Source,
        hash: u64,
        contact: &Contact,
        technique: Technique,
        at: Tenths,
    ) {
        self.ring[self.next] = Some(Try {
            source,
            host: contact.destination,
            protocol: contact.protocol,
            port: contact.ports.map(|ports| ports.destination),
            technique,
            packet: u32::try_from(contact.packet).unwrap_or(u32::MAX),
            at,
        });
        let place = u16::try_from(self.next + 1).unwrap_or(0);
        self.before[self.next] = std::mem::replace(&mut self.last[chain(hash)], place);
        self.next = (self.next + 1) % LENGTH;
    }

    /// The tries of the source with this hash, and perhaps of others, the oldest first.
    pub(super) fn of(&self, hash: u64) -> impl Iterator<Item = &Try> {
        let mine: Vec<&Try> = self.back(hash).collect();
        mine.into_iter().rev()
    }

    /// Whether `source` has tried the port of a contact, among its last few dozen.
    pub(super) fn knows(&self, source: Source, hash: u64, contact: &Contact) -> bool {
        const LOOKED_AT: usize = 64;
        let Some(ports) = contact.ports else { return false };
        self.back(hash).take(LOOKED_AT).any(|tried| {
            (tried.source, tried.host) == (source, contact.destination)
                && (tried.protocol, tried.port) == (contact.protocol, Some(ports.destination))
        })
    }

    /// The tries of the source with this hash, and perhaps of others, the newest first.
    fn back(&self, hash: u64) -> impl Iterator<Item = &Try> {
        // How long ago the try at a place was, in tries: it has to grow, or the place was taken over.
        let age = |place: u16| (self.next + LENGTH - 1 - usize::from(place)) % LENGTH;
        let first = self.last[chain(hash)].checked_sub(1);
        std::iter::successors(first, move |&place| {
            let before = self.before[usize::from(place)].checked_sub(1)?;
            (age(before) > age(place)).then_some(before)
        })
        .filter_map(|place| self.ring[usize::from(place)].as_ref())
    }

    /// The tries, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Try> {
        let (newer, older) = self.ring.split_at(self.next);
        older.iter().chain(newer).flatten()
    }
}

const fn chain(hash: u64) -> usize {
    (hash >> 40) as usize % CHAINS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sample::tcp;

    #[test]
    fn each_source_finds_its_own_tries_and_no_older_ones() {
        let mut history = History::new();
        let source = |number: u32| Source::from(IpAddr::from(number.to_be_bytes()));
        for number in 0..3 * u32::try_from(LENGTH).unwrap() {
            let port = u16::try_from(number / 1000).unwrap();
            let contact = tcp("203.0.113.9", 40000, "192.0.2.1", port).contact().unwrap();
            let who = number % 1000;
            history.note(source(who), u64::from(who) << 40, &contact, Technique::Syn, Tenths(number));
        }
        for who in 0..1000 {
            let mine: Vec<_> =
                history.of(u64::from(who) << 40).filter(|tried| tried.source == source(who)).collect();
            assert!((4..=5).contains(&mine.len()) && mine.is_sorted_by_key(|tried| tried.at), "{mine:?}");
            let all = history.iter().filter(|tried| tried.source == source(who));
            assert_eq!(mine.len(), all.count());
        }
    }
}
