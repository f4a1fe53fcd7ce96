//! The host that a capture was taken at: what it would have judged, and what became of each contact.

use std::{mem, net::IpAddr};

use foldhash::quality::FixedState;
use ipnet::IpNet;
use jiff::Timestamp;
use portcullis_rules::{
    Action, Fact, Headers, Hook, Key, Ports, Protocol, RuleTable, State, TcpFlags, Transport,
};

use super::{
    capture::Frame,
    compare::Comparison,
    flow::{Became, Ends, Flows, Standing},
    link::{self, IpPacket, NotIp},
    verdicts::Verdicts,
};
use crate::{
    detect::{Contact, Detector, IncidentRecord, News, Oddity},
    glance::{Glance, fragment::Fragments, glance, rebuilt},
};

const FIN_ACK: u8 = TcpFlags::FIN.0 | TcpFlags::ACK.0;

/// Packets of a capture, as the daemon would have met them.
pub(super) struct Host {
    pub(super) table: RuleTable,
    /// Whether the rules decide what a contact comes to, or the capture shows it.
    pub(super) by_rules: bool,
    pub(super) local: Vec<IpNet>,
    pub(super) detector: Detector,
    pub(super) verdicts: Verdicts,
    pub(super) comparison: Option<Comparison>,
    concluded: Vec<IncidentRecord>,
    flows: Flows,
    fragments: Fragments,
    /// Not a secret: the same capture always gives the same answer.
    hasher: FixedState,
    last: Timestamp,
}

impl Host {
    pub(super) fn new(
        table: RuleTable,
        by_rules: bool,
        local: Vec<IpNet>,
        detector: Detector,
        comparison: Option<Comparison>,
    ) -> Self {
        let verdicts = Verdicts::new(table.ruleset());
        Self {
            table,
            by_rules,
            local,
            detector,
            verdicts,
            comparison,
            concluded: Vec::new(),
            flows: Flows::default(),
            fragments: Fragments::new(),
            hasher: FixedState::default(),
            last: Timestamp::MIN,
        }
    }

    /// Takes a packet in.
    pub(super) fn take(&mut self, frame: &Frame<'_>) {
        self.verdicts.packets += 1;
        self.last = self.last.max(frame.time);
        while let Some((contact, became)) = self.flows.overdue(frame.time) {
            self.tell_end(&contact, became);
        }
        let packet = match link::ip(frame) {
            Ok(packet) => packet,
            Err(NotIp::Other) => {
                self.verdicts.not_ip += 1;
                return;
            }
            Err(NotIp::UnknownLink(link)) => {
                self.verdicts.unknown_link(link);
                return;
            }
        };
        let seen = glance(packet.bytes, packet.length, &self.hasher);
        if let Some(seen) = &seen {
            self.look_at(frame, &packet, seen);
            if let Some(fragment) = &seen.fragment {
                let put = self.fragments.put(fragment);
                if let Some(odd) = put.odd {
                    self.tell_odd(frame, &packet, seen, odd);
                }
                if let Some(first) = put.whole {
                    let whole = rebuilt(packet.bytes, seen, &first);
                    let length = u32::try_from(whole.len()).unwrap_or(u32::MAX);
                    self.parse(frame, &IpPacket { bytes: &whole, length, ..packet }, Some(seen));
                }
                return;
            }
        }
        self.parse(frame, &packet, seen.as_ref());
    }

    /// Tells what nobody has answered by the end, and closes the incidents.
    pub(super) fn finish(&mut self) {
        while let Some((contact, became)) = self.flows.unanswered() {
            self.tell_end(&contact, became);
        }
        let records = self.detector.finish(self.last);
        self.concluded.extend(records);
    }

    /// The incident records since the last time.
    pub(super) fn concluded(&mut self) -> Vec<IncidentRecord> {
        mem::take(&mut self.concluded)
    }

    /// What the kernel discards before it asks anybody.
    fn look_at(&mut self, frame: &Frame<'_>, packet: &IpPacket<'_>, seen: &Glance<'_>) {
        if seen.source == seen.destination && !seen.source.is_loopback() {
            self.tell_odd(frame, packet, seen, Oddity::Land);
        } else if seen.hides {
            self.tell_odd(frame, packet, seen, Oddity::ExtensionHeaders);
        }
    }

    fn parse(&mut self, frame: &Frame<'_>, packet: &IpPacket<'_>, seen: Option<&Glance<'_>>) {
        if seen.is_some_and(|seen| seen.source == seen.destination) {
            return;
        }
        match Headers::parse(packet.bytes, packet.length) {
            Ok(headers) => self.judge(frame, packet, &headers, seen),
            Err(malformed) => {
                self.verdicts.malformed += 1;
                // What a short snapshot length has cut off is not the sender's fault.
                let cut = packet.bytes.len() < packet.length as usize;
                if let Some(seen) = seen.filter(|_| !cut) {
                    self.tell_odd(frame, packet, seen, Oddity::Malformed(malformed));
                }
            }
        }
    }

    fn judge(
        &mut self,
        frame: &Frame<'_>,
        packet: &IpPacket<'_>,
        headers: &Headers,
        seen: Option<&Glance<'_>>,
    ) {
        if let Some((contact, became)) = seen.and_then(|seen| self.refusal(seen)) {
            self.tell_end(&contact, became);
            self.verdicts.carried += 1;
            return;
        }
        let state = match self.flows.stand(headers, frame.time) {
            Standing::Known(known) => {
                self.verdicts.carried += 1;
                if let Some((contact, became)) = known {
                    let contact = Contact { time: frame.time, ..contact };
                    self.tell_end(&contact, became);
                }
                return;
            }
            Standing::First => State::New,
            Standing::Invalid => State::Invalid,
        };
        let hook = self.hook(packet, headers.source, headers.destination);
        let action = self.decide(frame, &key(headers, hook, state));
        let contact = contact(frame, headers, News::Accepted);
        match (hook, action) {
            (Hook::Output, Action::Accept) => {
                self.flows.begin(&contact);
                self.observe(&Contact { news: News::Sent, ..contact });
            }
            (Hook::Output, _) => {}
            _ if packet.logged && !self.by_rules => self.observe(&Contact { news: News::Refused, ..contact }),
            (_, Action::Accept) => {
                // A goodbye to nobody is answered with a reset, although it begins nothing.
                let begins = state == State::New || contact.flags.0 == FIN_ACK;
                // Where only the capture tells, nothing is let in before there is an answer.
                if self.by_rules || !begins || !waits(&contact) {
                    self.observe(&contact);
                }
                if begins {
                    self.flows.begin(&contact);
                }
            }
            (_, Action::Drop | Action::Reject) => self.observe(&Contact { news: News::Refused, ..contact }),
        }
    }

    /// What the rules say; without any that are meant, all is let in.
    fn decide(&mut self, frame: &Frame<'_>, key: &Key) -> Action {
        let decision = self.table.lookup(key);
        self.verdicts.count(key.hook, &decision);
        if let Some(comparison) = &mut self.comparison {
            comparison.compare(frame.number, key, &decision);
        }
        if self.by_rules { decision.action } else { Action::Accept }
    }

    /// Whether the packet is the host's own word that a flow ends nowhere (RFC 792, RFC 4443).
    fn refusal(&mut self, seen: &Glance<'_>) -> Option<(Contact, Became)> {
        let kind = seen.transport.first()?;
        if !matches!((seen.protocol, kind), (1, 3) | (58, 1)) {
            return None;
        }
        let inner = glance(seen.transport.get(8..)?, u32::MAX, &self.hasher)?;
        let port = |at: usize| inner.transport.get(at..)?.first_chunk().copied().map(u16::from_be_bytes);
        let ports = match inner.protocol {
            6 | 17 | 33 | 132 | 136 => Some(Ports { source: port(0)?, destination: port(2)? }),
            _ => None,
        };
        let ends = Ends::of(inner.source, inner.destination, Protocol(inner.protocol), ports);
        Some((self.flows.refuse(&ends)?, Became::TurnedDown))
    }

    fn hook(&self, packet: &IpPacket<'_>, source: IpAddr, destination: IpAddr) -> Hook {
        let ours = |address: IpAddr| self.local.iter().any(|prefix| prefix.contains(&address));
        if self.local.is_empty() {
            // Whoever begins is the other side.
            return packet.hook.unwrap_or(Hook::Input);
        }
        match (ours(source), ours(destination)) {
            (_, true) => Hook::Input,
            (true, false) => Hook::Output,
            // To everybody, also to us.
            (false, false) => packet.hook.unwrap_or(Hook::Input),
        }
    }

    fn tell_end(&mut self, contact: &Contact, became: Became) {
        if !self.is_from_outside(contact) {
            return;
        }
        let news = match became {
            Became::Completed => News::Completed(1),
            Became::TurnedDown => News::TurnedDown,
            Became::Unfinished => News::Unfinished(1),
            // Where nobody knows the rules, silence is what a firewall's refusal looks like.
            Became::Silent if !self.by_rules && waits(contact) => News::Refused,
            Became::Silent => News::Silent(1),
        };
        self.observe(&Contact { news, ..*contact });
    }

    fn is_from_outside(&self, contact: &Contact) -> bool {
        self.local.is_empty() || !self.local.iter().any(|prefix| prefix.contains(&contact.source))
    }

    fn tell_odd(&mut self, frame: &Frame<'_>, packet: &IpPacket<'_>, seen: &Glance<'_>, odd: Oddity) {
        if self.hook(packet, seen.source, seen.destination) != Hook::Output {
            self.observe(&Contact {
                time: frame.time,
                packet: frame.number,
                source: seen.source,
                destination: seen.destination,
                protocol: Protocol(seen.protocol),
                ports: None,
                flags: TcpFlags(0),
                window: 0,
                icmp: None,
                ttl: 0,
                length: packet.length,
                news: News::Oddity(odd),
            });
        }
    }

    fn observe(&mut self, contact: &Contact) {
        let records = self.detector.observe(contact);
        self.concluded.extend(records);
    }
}

/// Whether it takes an answer to tell what a contact came to.
const fn waits(contact: &Contact) -> bool {
    contact.ports.is_some()
}

fn key(headers: &Headers, hook: Hook, state: State) -> Key {
    let (came_in, goes_out) = match hook {
        Hook::Input => (Fact::Unknown, Fact::Absent),
        Hook::Output => (Fact::Absent, Fact::Unknown),
        Hook::Forward => (Fact::Unknown, Fact::Unknown),
    };
    let user = if hook == Hook::Output { Fact::Unknown } else { Fact::Absent };
    headers.key(hook, came_in, goes_out, state, user)
}

fn contact(frame: &Frame<'_>, headers: &Headers, news: News) -> Contact {
    let (flags, window) = match headers.transport {
        Transport::Tcp { flags, window, .. } => (flags, window),
        _ => (TcpFlags(0), 0),
    };
    Contact {
        time: frame.time,
        packet: frame.number,
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
    }
}
