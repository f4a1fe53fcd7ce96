//! Contacts whose outcome is awaited.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use portcullis_rules::{Protocol, TcpFlags};

use super::tap::Refusal;
use crate::{
    conntrack::{self, Progress},
    detect::{Contact, News},
    log::PerSecond,
    netlink::Netlink,
};

/// A handshake over half the world takes less; a scanner has given up by then.
const PATIENCE: SignedDuration = SignedDuration::from_millis(800);
/// Flows that are asked about in a second, some 10 µs each.
const A_SECOND: u32 = 256;
/// Contacts that are remembered.
const MOST: usize = 1024;

/// Contacts that were let in, until it is known what became of them.
#[derive(Debug)]
pub struct Awaited {
    contacts: VecDeque<Contact>,
    per_second: PerSecond,
    /// Contacts since the last one that were not taken in: it stands for them, too.
    skipped: u16,
    kernel: Option<Netlink>,
}

impl Default for Awaited {
    fn default() -> Self {
        let per_second = PerSecond::new(A_SECOND);
        Self { contacts: VecDeque::new(), per_second, skipped: 0, kernel: Netlink::open().ok() }
    }
}

impl Awaited {
    /// Takes note of a contact that was let in.
    pub fn add(&mut self, contact: &Contact) {
        let flow = matches!(contact.protocol, Protocol::TCP | Protocol::UDP);
        if contact.news != News::Accepted || !flow || self.kernel.is_none() {
            return;
        }
        if self.contacts.len() < MOST && self.per_second.take(contact.time) {
            self.contacts.push_back(*contact);
        } else {
            self.skipped = self.skipped.saturating_add(1);
        }
    }

    /// When something may be known, if anything is awaited.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.contacts.front().map(|contact| contact.time + PATIENCE)
    }

    /// The next contact of which something is known at `now`, and what.
    pub fn due(&mut self, now: Timestamp) -> Option<Contact> {
        while self.deadline()? <= now {
            let contact = self.contacts.pop_front()?;
            let progress = self.kernel.as_ref().map(|kernel| conntrack::progress(kernel, &contact));
            // Without an answer from the kernel nothing is known.
            let progress = progress.and_then(Result::ok).flatten();
            let news = match progress {
                Some(Progress::Complete) => News::Completed,
                Some(Progress::HalfOpen) => {
                    News::Unfinished(std::mem::take(&mut self.skipped).saturating_add(1))
                }
                Some(Progress::Unanswered) => News::Silent,
                // It was refused, and that was heard; or it has ended.
                None => continue,
            };
            return Some(Contact { time: now, news, ..contact });
        }
        None
    }

    /// The contact that this host has refused: the one that is awaited, or what can be told of it.
    pub fn refused(&mut self, refusal: &Refusal) -> Contact {
        let Refusal { time, by, to, protocol, ports, mid_stream } = *refusal;
        let same = |contact: &Contact| {
            contact.source == to
                && contact.destination == by
                && contact.protocol == protocol
                && contact.ports == Some(ports)
        };
        if let Some(place) = self.contacts.iter().rposition(same)
            && let Some(contact) = self.contacts.remove(place)
        {
            return Contact { time, news: News::TurnedDown, ..contact };
        }
        let flags = match protocol {
            Protocol::TCP if mid_stream => TcpFlags::ACK,
            Protocol::TCP => TcpFlags::SYN,
            _ => TcpFlags(0),
        };
        Contact {
            time,
            packet: 0,
            source: to,
            destination: by,
            protocol,
            ports: Some(ports),
            flags,
            window: u16::MAX,
            icmp: None,
            ttl: 64,
            length: 60,
            news: News::TurnedDown,
        }
    }
}
