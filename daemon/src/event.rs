//! What happened to a packet, on its way from a worker to the recorder.

mod contact;
mod reporter;
mod reports;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use portcullis_rules::{Action, Cause, Headers, Hook, InterfaceName, Reason, State};

pub use self::{
    reporter::Reporter,
    reports::{Reports, ring},
};
use crate::{generation::Generation, queue::AskedFor};

/// One judged packet.
///
/// A worker tells it without its generation (`Event<()>`, which is `Copy`); [`Reports`] adds that,
/// since a worker tells its generation once, and not with every packet.
#[derive(Debug, Clone, Copy)]
pub struct Event<G = Arc<Generation>> {
    /// When the packet was judged: the time of its batch.
    pub time: Timestamp,
    /// Where.
    pub hook: Hook,
    /// The interface it came in by, if any.
    pub in_interface: Option<InterfaceName>,
    /// The interface it would go out by, if any.
    pub out_interface: Option<InterfaceName>,
    /// The user of the local socket that sent it, where there is one.
    pub user: Option<u32>,
    /// The hardware address that it came from, where it came over Ethernet.
    pub sender: Option<[u8; 6]>,
    /// What it was sent to, where this host has translated that and the kernel tells; not of replies.
    pub asked_for: Option<AskedFor>,
    /// Its headers; `None` when they are malformed.
    pub headers: Option<Headers>,
    /// Sender and receiver of a packet whose headers are malformed, where these can be read all the same.
    pub ends: Option<(IpAddr, IpAddr)>,
    /// Its length on the wire, in bytes, IP header included.
    pub length: u32,
    /// What connection tracking said of it.
    pub state: State,
    /// Whether it goes against the direction of its flow's first packet.
    pub reply: bool,
    /// Whether it belongs to a flow that was accepted before: a packet that came back to be judged
    /// by a newer generation, not a first contact.
    pub returning: bool,
    /// What the rules say of it; in monitor mode it passes all the same.
    pub action: Action,
    /// Who decided that; `None` when the headers are malformed.
    pub cause: Option<Cause>,
    /// Why it was not let through; `None` when it was accepted.
    pub reason: Option<Reason>,
    /// The generation that judged it.
    pub generation: G,
}

impl<G> Event<G> {
    /// Who sent it, and to whom.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        self.headers.as_ref().map(|headers| (headers.source, headers.destination)).or(self.ends)
    }

    /// The same with another way to name its generation, and the one it had.
    fn exchange<H>(self, generation: H) -> (Event<H>, G) {
        let Self {
            time,
            hook,
            in_interface,
            out_interface,
            user,
            sender,
            asked_for,
            headers,
            ends,
            length,
            state,
            reply,
            returning,
            action,
            cause,
            reason,
            generation: had,
        } = self;
        let event = Event {
            time,
            hook,
            in_interface,
            out_interface,
            user,
            sender,
            asked_for,
            headers,
            ends,
            length,
            state,
            reply,
            returning,
            action,
            cause,
            reason,
            generation,
        };
        (event, had)
    }
}

impl Event<()> {
    /// The same, with the generation that judged it.
    pub fn by(self, generation: Arc<Generation>) -> Event {
        self.exchange(generation).0
    }
}

impl Event {
    /// As a worker tells it, and the generation.
    #[cfg(test)]
    pub(crate) fn without(self) -> (Event<()>, Arc<Generation>) {
        self.exchange(())
    }
}
