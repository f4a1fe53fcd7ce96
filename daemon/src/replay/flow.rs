//! What stands in for the kernel's connection tracking, in constant memory.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    mem,
    net::IpAddr,
};

use foldhash::fast::RandomState;
use jiff::{SignedDuration, Timestamp};
use portcullis_rules::{Headers, Ports, Protocol, TcpFlags, Transport};

use crate::detect::Contact;

/// Flows in each of two generations: when the young ones are so many, they become the old ones, and
/// the old ones are forgotten. As many as a hash table of 65,536 places takes: it is seven eighths full at most.
const MOST: usize = 7 << 13;
/// How long an answer is waited for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(2);
/// How long connection tracking waits for the next packet, by default (`tcp_timeouts`,
/// `nf_conntrack_proto_tcp.c`; `udp_timeouts`, `nf_conntrack_proto_udp.c`).
const ASKED: SignedDuration = SignedDuration::from_secs(120);
const HALF_OPEN: SignedDuration = SignedDuration::from_secs(60);
const OPEN: SignedDuration = SignedDuration::from_hours(5 * 24);
const ENDING: SignedDuration = SignedDuration::from_secs(120);
const RESET: SignedDuration = SignedDuration::from_secs(10);
const ONE_WAY: SignedDuration = SignedDuration::from_secs(30);
const STREAM: SignedDuration = SignedDuration::from_secs(120);

/// Both ends of a flow, in the order of their addresses, its ports in the same order, and its protocol. It is hashed
/// for each packet: in three words. IPv4 addresses stand as IPv6 has them (RFC 4291, 2.5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    low: u128,
    high: u128,
    ports_and_protocol: u64,
}

impl Ends {
    pub(super) fn of(source: IpAddr, destination: IpAddr, protocol: Protocol, ports: Option<Ports>) -> Self {
        let (from, to) = ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let ends = [(bits(source), from), (bits(destination), to)];
        let [(low, at_low), (high, at_high)] = if ends[0] <= ends[1] { ends } else { [ends[1], ends[0]] };
        let ports = u64::from(at_low) << 16 | u64::from(at_high);
        Self { low, high, ports_and_protocol: ports << 8 | u64::from(protocol.0) }
    }

    pub(super) fn of_headers(headers: &Headers) -> Self {
        Self::of(headers.source, headers.destination, headers.protocol, headers.ports())
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// How far a flow has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody has answered.
    Asked,
    /// TCP: a SYN was answered with SYN and ACK.
    HalfOpen,
    /// The handshake is complete, or there was an answer.
    Open,
    /// It has ended, or was taken up in its middle.
    Loose,
    /// It was reset.
    Reset,
}

#[derive(Debug, Clone, Copy)]
struct Flow {
    contact: Contact,
    stage: Stage,
    /// Whether anything came back.
    answered: bool,
    /// The last packet.
    last: Timestamp,
}

/// What became of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    /// There was an answer, and for TCP a third packet.
    Completed,
    /// The host refused.
    TurnedDown,
    /// The handshake was given up.
    Unfinished,
    /// Nobody has answered.
    Silent,
}

/// How a packet stands to the flows that are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Standing {
    /// It begins one, if it is let in.
    First,
    /// It belongs to none, and can't begin one (`tcp_conntracks`, `nf_conntrack_proto_tcp.c`).
    Invalid,
    /// It belongs to a flow, of which this is now known.
    Known(Option<(Contact, Became)>),
}

/// The flows of a capture.
#[derive(Debug, Default)]
pub(super) struct Flows {
    young: HashMap<Ends, Flow, RandomState>,
    old: HashMap<Ends, Flow, RandomState>,
    /// Those that wait for an answer, and until when, in the order of their beginnings.
    waiting: VecDeque<(Timestamp, Ends)>,
    /// Whether any flow was seen to be answered.
    both_ways: bool,
}

impl Flows {
    /// Where a packet belongs that was captured at `now`.
    pub(super) fn stand(&mut self, headers: &Headers, now: Timestamp) -> Standing {
        let ends = Ends::of_headers(headers);
        let both_ways = self.both_ways;
        let Some(flow) = self.find(&ends) else { return beginning(headers) };
        if flow.is_forgotten(now) {
            self.young.remove(&ends);
            return beginning(headers);
        }
        flow.last = flow.last.max(now);
        let forth = flow.contact.source == headers.source
            && flow.contact.ports.map(|ports| ports.source) == headers.ports().map(|ports| ports.source);
        flow.answered |= !forth;
        let before = flow.stage;
        let became = match headers.transport {
            Transport::Tcp { flags, .. } => flow.follow_tcp(flags, forth, both_ways),
            _ if !forth && flow.stage == Stage::Asked => {
                flow.stage = Stage::Open;
                Some(Became::Completed)
            }
            _ => None,
        };
        let ended = |stage| matches!(stage, Stage::Loose | Stage::Reset);
        if ended(flow.stage) && ended(before) && beginning(headers) == Standing::First {
            let syn = headers.tcp_flags().is_some_and(|flags| flags.0 & SYN_RST_ACK == TcpFlags::SYN.0);
            if syn {
                // The same ports once more.
                return Standing::First;
            }
        }
        let known = became.map(|became| (flow.contact, became));
        self.both_ways |= !forth;
        Standing::Known(known)
    }

    /// A host's own refusal, about a packet between these ends. What is refused is as if it had never been.
    pub(super) fn refuse(&mut self, ends: &Ends) -> Option<Contact> {
        let flow = self.find(ends).filter(|flow| flow.stage == Stage::Asked)?;
        let contact = flow.contact;
        self.young.remove(ends);
        Some(contact)
    }

    /// Remembers a flow that begins with `contact`.
    pub(super) fn begin(&mut self, contact: &Contact) {
        let ends = Ends::of(contact.source, contact.destination, contact.protocol, contact.ports);
        let loose = contact.protocol == Protocol::TCP && !contact.flags.contains(TcpFlags::SYN);
        let stage = if loose { Stage::Loose } else { Stage::Asked };
        self.make_room();
        self.young.insert(ends, Flow { contact: *contact, stage, answered: false, last: contact.time });
        if self.waiting.len() < MOST {
            let until = contact.time.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX);
            self.waiting.push_back((until, ends));
        }
    }

    /// A flow that was not answered until `now`.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<(Contact, Became)> {
        loop {
            let &(until, ends) = self.waiting.front()?;
            if now < until {
                return None;
            }
            self.waiting.pop_front();
            if let Some(known) = self.given_up(&ends) {
                return Some(known);
            }
        }
    }

    /// The flows that nobody has answered by the end.
    pub(super) fn unanswered(&mut self) -> Option<(Contact, Became)> {
        loop {
            let (_, ends) = self.waiting.pop_front()?;
            if let Some(known) = self.given_up(&ends) {
                return Some(known);
            }
        }
    }

    /// It is not looked at because of a packet, and gets no younger.
    fn given_up(&mut self, ends: &Ends) -> Option<(Contact, Became)> {
        let flow = self.young.get_mut(ends).or_else(|| self.old.get_mut(ends))?;
        let became = match flow.stage {
            Stage::Asked => Some(Became::Silent),
            Stage::HalfOpen => Some(Became::Unfinished),
            // A segment from the middle of a session that nobody knows.
            Stage::Loose if !flow.contact.flags.contains(TcpFlags::SYN) && !flow.answered => {
                Some(Became::Silent)
            }
            Stage::Open | Stage::Loose | Stage::Reset => None,
        };
        let became = became?;
        if flow.contact.protocol == Protocol::TCP {
            flow.stage = Stage::Loose;
        }
        Some((flow.contact, became))
    }

    /// The flow between these ends, which is young again.
    fn find(&mut self, ends: &Ends) -> Option<&mut Flow> {
        self.make_room();
        Some(match self.young.entry(*ends) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.old.remove(ends)?),
        })
    }

    fn make_room(&mut self) {
        if self.young.len() >= MOST {
            mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
    }
}

const SYN_RST_ACK: u8 = TcpFlags::SYN.0 | TcpFlags::RST.0 | TcpFlags::ACK.0;

impl Flow {
    /// Whether connection tracking has forgotten it by `now`.
    fn is_forgotten(&self, now: Timestamp) -> bool {
        let Self { contact, stage, answered, last } = self;
        let kept = match (contact.protocol, stage) {
            (Protocol::TCP, Stage::Asked) => ASKED,
            (Protocol::TCP, Stage::HalfOpen) => HALF_OPEN,
            // A session that was taken up in its middle lasts as long as any.
            (Protocol::TCP, Stage::Loose) if !contact.flags.contains(TcpFlags::SYN) && *answered => OPEN,
            (Protocol::TCP, Stage::Loose) => ENDING,
            (Protocol::TCP, Stage::Reset) => RESET,
            (Protocol::TCP, Stage::Open) => OPEN,
            _ if *answered => STREAM,
            _ => ONE_WAY,
        };
        now.duration_since(*last) > kept
    }

    fn follow_tcp(&mut self, flags: TcpFlags, forth: bool, both_ways: bool) -> Option<Became> {
        let has = |flag| flags.contains(flag);
        let (stage, became) = match (self.stage, forth) {
            (Stage::Asked, false) if has(TcpFlags::RST) => (Stage::Reset, Some(Became::TurnedDown)),
            (Stage::Asked, false) if has(TcpFlags::SYN) && has(TcpFlags::ACK) => (Stage::HalfOpen, None),
            // Who goes on has got an answer, though the capture has only one direction.
            (Stage::Asked, true) if !both_ways && has(TcpFlags::ACK) && !has(TcpFlags::RST) => {
                (Stage::Open, Some(Became::Completed))
            }
            (Stage::HalfOpen, true) if has(TcpFlags::RST) => (Stage::Reset, Some(Became::Unfinished)),
            (Stage::HalfOpen, true) if has(TcpFlags::ACK) => (Stage::Open, Some(Became::Completed)),
            (Stage::Open, _) if has(TcpFlags::RST) => (Stage::Reset, None),
            (Stage::Open, _) if has(TcpFlags::FIN) => (Stage::Loose, None),
            // A segment that fits no session, and the host says so.
            (Stage::Loose, false) if has(TcpFlags::RST) && !self.contact.flags.contains(TcpFlags::SYN) => {
                (Stage::Loose, Some(Became::TurnedDown))
            }
            (stage, _) => (stage, None),
        };
        self.stage = stage;
        became
    }
}

/// What a packet is that belongs to no flow.
fn beginning(headers: &Headers) -> Standing {
    const FIN_SYN_RST_ACK: u8 = SYN_RST_ACK | TcpFlags::FIN.0;
    match headers.tcp_flags().map(|flags| flags.0 & FIN_SYN_RST_ACK) {
        // An ACK takes a session up in its middle; what is neither that nor a SYN fits no flow.
        Some(flags) if flags != TcpFlags::SYN.0 && flags != TcpFlags::ACK.0 => Standing::Invalid,
        _ => Standing::First,
    }
}

#[cfg(test)]
mod tests;
