//! Contacts whose outcome is awaited.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use portcullis_rules::{Protocol, TcpFlags};

use super::{sample::Sample, tap::Refusal};
use crate::{
    conntrack::{self, Progress},
    detect::{Contact, News},
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
    /// Each with the number of flows that it stands for.
    contacts: VecDeque<(Contact, u16)>,
    sample: Sample,
    kernel: Option<Netlink>,
}

impl Default for Awaited {
    fn default() -> Self {
        let sample = Sample::of(A_SECOND);
        Self { contacts: VecDeque::new(), sample, kernel: Netlink::open().ok() }
    }
}

impl Awaited {
    /// Takes note of a contact that was let in.
    pub fn add(&mut self, contact: &Contact) {
        let flow = matches!(contact.protocol, Protocol::TCP | Protocol::UDP);
        if contact.news != News::Accepted || !flow || self.kernel.is_none() {
            return;
        }
        if let Some(many) = self.sample.take(contact.time, self.contacts.len() < MOST) {
            self.contacts.push_back((*contact, many));
        }
    }

    /// When something may be known, if anything is awaited.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.contacts.front().map(|(contact, _)| contact.time + PATIENCE)
    }

    /// The next contact of which something is known at `now`, and what.
    pub fn due(&mut self, now: Timestamp) -> Option<Contact> {
        while self.deadline()? <= now {
            let (contact, many) = self.contacts.pop_front()?;
            let progress = self.kernel.as_ref().map(|kernel| conntrack::progress(kernel, &contact));
            // Without an answer from the kernel nothing is known.
            let progress = progress.and_then(Result::ok).flatten();
            let news = match progress {
                Some(Progress::Complete) => News::Completed(many),
                Some(Progress::HalfOpen) => News::Unfinished(many),
                Some(Progress::Unanswered) => News::Silent(many),
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
        let same = |(contact, _): &(Contact, u16)| {
            contact.source == to
                && contact.destination == by
                && contact.protocol == protocol
                && contact.ports == Some(ports)
        };
        if let Some(place) = self.contacts.iter().rposition(same)
            && let Some((contact, _)) = self.contacts.remove(place)
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
