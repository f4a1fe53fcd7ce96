//! From an event to what the detector is told.

use portcullis_rules::{Action, Hook, Protocol, Reason, TcpFlags, Transport};

use super::Event;
use crate::detect::{Contact, News, Oddity};

impl<G> Event<G> {
    /// The first contact that this is, if it is one: not a packet of a flow from before a reload, nor
    /// an answer.
    pub fn contact(&self) -> Option<Contact> {
        if self.returning || self.reply {
            return None;
        }
        let Some(headers) = &self.headers else { return self.malformed() };
        let news = match (self.hook, self.action, self.reason) {
            (Hook::Output, Action::Accept, _) => News::Sent,
            (Hook::Output, ..) => return None,
            // The door is open, only not so often.
            (_, Action::Accept, _) | (_, _, Some(Reason::RateExceeded)) => News::Accepted,
            _ => News::Refused,
        };
        let (flags, window) = match headers.transport {
            Transport::Tcp { flags, window, .. } => (flags, window),
            _ => (TcpFlags(0), 0),
        };
        Some(Contact {
            time: self.time,
            packet: 0,
            source: headers.source,
            destination: headers.destination,
            protocol: headers.protocol,
            ports: headers.ports(),
            flags,
            window,
            icmp: headers.icmp(),
            ttl: headers.ttl,
            length: headers.length,
            news,
        })
    }

    /// What is told of a packet that can't be read: who sent it, if at least that can be.
    fn malformed(&self) -> Option<Contact> {
        let (Some(Reason::Malformed(malformed)), Some((source, destination))) = (self.reason, self.ends)
        else {
            return None;
        };
        (self.hook != Hook::Output).then_some(Contact {
            time: self.time,
            packet: 0,
            source,
            destination,
            protocol: Protocol(0),
            ports: None,
            flags: TcpFlags(0),
            window: 0,
            icmp: None,
            ttl: 0,
            length: self.length,
            news: News::Oddity(Oddity::Malformed(malformed)),
        })
    }
}
