//! From an event to what the detector is told.

use portcullis_rules::{Action, Hook, Reason, TcpFlags, Transport};

use super::Event;
use crate::detect::{Contact, News};

impl<G> Event<G> {
    /// The first contact that this is, if it is one: not a packet of a flow from before a reload, nor
    /// an answer.
    pub fn contact(&self) -> Option<Contact> {
        if self.returning || self.reply {
            return None;
        }
        let headers = self.headers.as_ref()?;
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
}
