//! What stands in for the kernel's connection tracking, in constant memory.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{Hash, Hasher},
    mem,
    net::{IpAddr, Ipv6Addr},
};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use portcullis_rules::{Headers, IcmpType, Ports, Protocol, TcpFlags, Transport};

use crate::detect::{Contact, News};

/// Flows in each of two generations: when the young ones are so many, they become the old ones, and
/// the old ones are forgotten. As many as a hash table of 65,536 places takes: it is seven eighths full at most.
const MOST: usize = 7 << 13;
/// A second, in microseconds.
const SECOND: i64 = 1_000_000;
/// How long an answer is waited for.
const PATIENCE: i64 = 2 * SECOND;
/// How long connection tracking waits for the next packet, by default (`tcp_timeouts`,
/// `nf_conntrack_proto_tcp.c`; `udp_timeouts`, `nf_conntrack_proto_udp.c`).
const ASKED: i64 = 120 * SECOND;
const HALF_OPEN: i64 = 60 * SECOND;
const OPEN: i64 = 5 * 24 * 3600 * SECOND;
const ENDING: i64 = 120 * SECOND;
const RESET: i64 = 10 * SECOND;
const ONE_WAY: i64 = 30 * SECOND;
const STREAM: i64 = 120 * SECOND;

/// Both ends of a flow, in the order of their addresses, its ports in the same order, and its protocol. IPv4
/// addresses stand as IPv6 has them (RFC 4291, 2.5.5.2), and 128 bits in two words: one of them would want
/// eight bytes more in each entry, for its alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    low: [u64; 2],
    high: [u64; 2],
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

    #[expect(clippy::cast_possible_truncation, reason = "put together from these")]
    const fn protocol(&self) -> Protocol {
        Protocol(self.ports_and_protocol as u8)
    }

    /// The ports at both ends.
    #[expect(clippy::cast_possible_truncation, reason = "put together from these")]
    const fn ports(&self) -> (u16, u16) {
        ((self.ports_and_protocol >> 24) as u16, (self.ports_and_protocol >> 8) as u16)
    }
}

/// It is hashed for each packet: in three words.
impl Hash for Ends {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { low, high, ports_and_protocol } = self;
        for [upper, lower] in [low, high] {
            state.write_u128(u128::from(*upper) << 64 | u128::from(*lower));
        }
        state.write_u64(*ports_and_protocol);
    }
}

/// The upper and the lower half of an address.
fn bits(address: IpAddr) -> [u64; 2] {
    let v6 = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let [a, b, c, d, e, f, g, h, lower @ ..] = v6.octets();
    [[a, b, c, d, e, f, g, h], lower].map(u64::from_be_bytes)
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

/// What is known of a flow beside its ends. There are many, each somewhere else in memory: so it is as short as
/// it can be, and its times are microseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Flow {
    /// The first packet's number.
    packet: u64,
    began: i64,
    /// The last packet.
    last: i64,
    length: u32,
    window: u16,
    icmp: Option<IcmpType>,
    flags: TcpFlags,
    ttl: u8,
    has_ports: bool,
    is_v4: bool,
    /// Whether it began at the lower one of its ends.
    from_low: bool,
    stage: Stage,
    /// Whether anything came back.
    answered: bool,
}

const _: () = assert!(size_of::<(Ends, Flow)>() == 80);

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
    waiting: VecDeque<(i64, Ends)>,
    /// Whether any flow was seen to be answered.
    both_ways: bool,
}

impl Flows {
    /// Where a packet belongs that was captured at `now`.
    pub(super) fn stand(&mut self, headers: &Headers, now: Timestamp) -> Standing {
        let ends = Ends::of_headers(headers);
        let (now, both_ways) = (now.as_microsecond(), self.both_ways);
        let Some(flow) = self.find(&ends) else { return beginning(headers) };
        if flow.is_forgotten(ends.protocol(), now) {
            self.young.remove(&ends);
            return beginning(headers);
        }
        flow.last = flow.last.max(now);
        let forth = flow.from_low == (headers.source < headers.destination);
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
        let known = became.map(|became| (flow.contact(&ends), became));
        self.both_ways |= !forth;
        Standing::Known(known)
    }

    /// A host's own refusal, about a packet between these ends. What is refused is as if it had never been.
    pub(super) fn refuse(&mut self, ends: &Ends) -> Option<Contact> {
        let flow = self.find(ends).filter(|flow| flow.stage == Stage::Asked)?;
        let contact = flow.contact(ends);
        self.young.remove(ends);
        Some(contact)
    }

    /// Remembers a flow that begins with `contact`.
    pub(super) fn begin(&mut self, contact: &Contact) {
        let ends = Ends::of(contact.source, contact.destination, contact.protocol, contact.ports);
        let loose = contact.protocol == Protocol::TCP && !contact.flags.contains(TcpFlags::SYN);
        let stage = if loose { Stage::Loose } else { Stage::Asked };
        self.make_room();
        self.young.insert(ends, Flow::begin(contact, stage));
        if self.waiting.len() < MOST {
            self.waiting.push_back((contact.time.as_microsecond() + PATIENCE, ends));
        }
    }

    /// A flow that was not answered until `now`.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<(Contact, Became)> {
        let now = now.as_microsecond();
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
            Stage::Loose if !flow.flags.contains(TcpFlags::SYN) && !flow.answered => Some(Became::Silent),
            Stage::Open | Stage::Loose | Stage::Reset => None,
        };
        let became = became?;
        if ends.protocol() == Protocol::TCP {
            flow.stage = Stage::Loose;
        }
        Some((flow.contact(ends), became))
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
    fn begin(contact: &Contact, stage: Stage) -> Self {
        let Contact { time, packet, source, destination, ports, flags, window, icmp, ttl, length, .. } =
            *contact;
        let began = time.as_microsecond();
        Self {
            packet,
            began,
            last: began,
            length,
            window,
            icmp,
            flags,
            ttl,
            has_ports: ports.is_some(),
            is_v4: source.is_ipv4(),
            from_low: source < destination,
            stage,
            answered: false,
        }
    }

    /// The packet that it began with.
    fn contact(&self, ends: &Ends) -> Contact {
        let Self { packet, began, length, window, icmp, flags, ttl, has_ports, is_v4, from_low, .. } = *self;
        let address = |[upper, lower]: [u64; 2]| {
            let v6 = Ipv6Addr::from(u128::from(upper) << 64 | u128::from(lower));
            if is_v4 { v6.to_canonical() } else { v6.into() }
        };
        let (low, high, (at_low, at_high)) = (address(ends.low), address(ends.high), ends.ports());
        let [(source, from), (destination, to)] =
            if from_low { [(low, at_low), (high, at_high)] } else { [(high, at_high), (low, at_low)] };
        Contact {
            time: Timestamp::from_microsecond(began).unwrap_or(Timestamp::MAX),
            packet,
            source,
            destination,
            protocol: ends.protocol(),
            ports: has_ports.then_some(Ports { source: from, destination: to }),
            flags,
            window,
            icmp,
            ttl,
            length,
            news: News::Accepted,
        }
    }

    /// Whether connection tracking has forgotten it by `now`.
    fn is_forgotten(&self, protocol: Protocol, now: i64) -> bool {
        let Self { flags, stage, answered, last, .. } = self;
        let kept = match (protocol, stage) {
            (Protocol::TCP, Stage::Asked) => ASKED,
            (Protocol::TCP, Stage::HalfOpen) => HALF_OPEN,
            // A session that was taken up in its middle lasts as long as any.
            (Protocol::TCP, Stage::Loose) if !flags.contains(TcpFlags::SYN) && *answered => OPEN,
            (Protocol::TCP, Stage::Loose) => ENDING,
            (Protocol::TCP, Stage::Reset) => RESET,
            (Protocol::TCP, Stage::Open) => OPEN,
            _ if *answered => STREAM,
            _ => ONE_WAY,
        };
        now - *last > kept
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
            (Stage::Loose, false) if has(TcpFlags::RST) && !self.flags.contains(TcpFlags::SYN) => {
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
