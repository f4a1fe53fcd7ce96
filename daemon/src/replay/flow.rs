//! What stands in for the kernel's connection tracking, in constant memory.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use jiff::Timestamp;
use portcullis_rules::{Headers, Ports, Protocol, TcpFlags, Transport};

use crate::detect::Contact;

/// Flows in each of two generations: when the young ones are so many, they become the old ones, and
/// the old ones are forgotten.
const MOST: usize = 1 << 16;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Both ends of a flow, in the order of their addresses, and its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    low: (IpAddr, u16),
    high: (IpAddr, u16),
    protocol: Protocol,
}

impl Ends {
    pub(super) fn of(source: IpAddr, destination: IpAddr, protocol: Protocol, ports: Option<Ports>) -> Self {
        let (from, to) = ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let ends = [(source, from), (destination, to)];
        let [low, high] = if ends[0] <= ends[1] { ends } else { [ends[1], ends[0]] };
        Self { low, high, protocol }
    }

    pub(super) fn of_headers(headers: &Headers) -> Self {
        Self::of(headers.source, headers.destination, headers.protocol, headers.ports())
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
}

#[derive(Debug, Clone, Copy)]
struct Flow {
    contact: Contact,
    stage: Stage,
    /// Whether anything came back.
    answered: bool,
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
    young: HashMap<Ends, Flow>,
    old: HashMap<Ends, Flow>,
    /// Those that wait for an answer, in the order of their beginnings.
    waiting: VecDeque<(Timestamp, Ends)>,
}

impl Flows {
    /// Where a packet belongs.
    pub(super) fn stand(&mut self, headers: &Headers) -> Standing {
        let ends = Ends::of_headers(headers);
        let Some(mut flow) = self.take(&ends) else { return beginning(headers) };
        let forth = flow.contact.source == headers.source
            && flow.contact.ports.map(|ports| ports.source) == headers.ports().map(|ports| ports.source);
        flow.answered |= !forth;
        let before = flow.stage;
        let became = match headers.transport {
            Transport::Tcp { flags, .. } => flow.follow_tcp(flags, forth),
            _ if !forth && flow.stage == Stage::Asked => {
                flow.stage = Stage::Open;
                Some(Became::Completed)
            }
            _ => None,
        };
        if flow.stage == Stage::Loose && before == Stage::Loose && beginning(headers) == Standing::First {
            let syn = headers.tcp_flags().is_some_and(|flags| flags.0 & SYN_RST_ACK == TcpFlags::SYN.0);
            if syn {
                // The same ports once more.
                return Standing::First;
            }
        }
        let known = became.map(|became| (flow.contact, became));
        self.keep(ends, flow);
        Standing::Known(known)
    }

    /// A host's own refusal, about a packet between these ends.
    pub(super) fn refuse(&mut self, ends: &Ends) -> Option<Contact> {
        let flow = self.take(ends)?;
        (flow.stage == Stage::Asked).then_some(flow.contact)
    }

    /// Remembers a flow that begins with `contact`.
    pub(super) fn begin(&mut self, contact: &Contact) {
        let ends = Ends::of(contact.source, contact.destination, contact.protocol, contact.ports);
        let loose = contact.protocol == Protocol::TCP && !contact.flags.contains(TcpFlags::SYN);
        let stage = if loose { Stage::Loose } else { Stage::Asked };
        self.keep(ends, Flow { contact: *contact, stage, answered: false });
        if self.waiting.len() < MOST {
            self.waiting.push_back((contact.time, ends));
        }
    }

    /// A flow that was not answered until `now`.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<(Contact, Became)> {
        loop {
            let &(since, ends) = self.waiting.front()?;
            if Duration::try_from(now.duration_since(since)).unwrap_or_default() < PATIENCE {
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

    fn given_up(&mut self, ends: &Ends) -> Option<(Contact, Became)> {
        let mut flow = self.take(ends)?;
        let became = match flow.stage {
            Stage::Asked => Some(Became::Silent),
            Stage::HalfOpen => Some(Became::Unfinished),
            // A segment from the middle of a session that nobody knows.
            Stage::Loose if !flow.contact.flags.contains(TcpFlags::SYN) && !flow.answered => {
                Some(Became::Silent)
            }
            Stage::Open | Stage::Loose => None,
        };
        if became.is_some() {
            flow.stage = Stage::Loose;
        }
        self.keep(*ends, flow);
        Some((flow.contact, became?))
    }

    fn take(&mut self, ends: &Ends) -> Option<Flow> {
        self.young.remove(ends).or_else(|| self.old.remove(ends))
    }

    fn keep(&mut self, ends: Ends, flow: Flow) {
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(ends, flow);
    }
}

const SYN_RST_ACK: u8 = TcpFlags::SYN.0 | TcpFlags::RST.0 | TcpFlags::ACK.0;

impl Flow {
    fn follow_tcp(&mut self, flags: TcpFlags, forth: bool) -> Option<Became> {
        let has = |flag| flags.contains(flag);
        let (stage, became) = match (self.stage, forth) {
            (Stage::Asked, false) if has(TcpFlags::RST) => (Stage::Loose, Some(Became::TurnedDown)),
            (Stage::Asked, false) if has(TcpFlags::SYN) && has(TcpFlags::ACK) => (Stage::HalfOpen, None),
            (Stage::HalfOpen, true) if has(TcpFlags::RST) => (Stage::Loose, Some(Became::Unfinished)),
            (Stage::HalfOpen, true) if has(TcpFlags::ACK) => (Stage::Open, Some(Became::Completed)),
            (Stage::Open, _) if has(TcpFlags::RST) || has(TcpFlags::FIN) => (Stage::Loose, None),
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
