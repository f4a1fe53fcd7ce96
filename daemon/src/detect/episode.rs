//! An incident that goes on.

use std::net::IpAddr;

use portcullis_rules::Malformed;

use super::{
    contact::{Contact, Oddity},
    pattern::{Pattern, Severity},
    record::{EventType, Incident, IncidentRecord, Phase},
    source::Source,
    tally::{MOST_HOSTS, Tally},
    technique::Technique,
    time::{Micros, Moment},
};
use crate::log::base36;

/// When an incident is told of again after its start, if there is something new.
const UPDATES: [Micros; 3] = [Micros::from_secs(60), Micros::from_secs(600), Micros::from_secs(3600)];
/// How long an incident is looked at before it is told of: a scan shows its size in this time, and
/// decoys that they are many.
const SETTLE: Micros = Micros::from_millis(400);
/// Sources that are named in a record.
const NAMED: usize = 8;
/// A pause between two doors that only somebody makes who hides.
const SLOWLY: Micros = Micros::from_millis(1500);

/// What kind of incident it is, as far as it is known from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One source tries doors.
    Scan,
    /// A network's sources, or those of all of them, share the doors out.
    Shared,
    /// Several sources try the same doors at the same time.
    Decoys,
    /// Sources that scan by themselves, together.
    Together,
    /// Many sources at one door.
    Crowd,
    /// One pattern, whatever else is seen.
    Only(Pattern),
}

/// Who is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    /// This one.
    Known(Source),
    /// Too many to name.
    Many,
    /// Somebody who forges addresses.
    Forged,
}

/// What was seen of an incident besides doors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Odd {
    pub(super) tiny: u32,
    pub(super) overlapping: u32,
    pub(super) extension: u32,
    pub(super) malformed: u32,
    pub(super) port_zero: u32,
    pub(super) signs: u8,
}

/// What a record has said.
#[derive(Debug, Clone, Copy)]
struct Told {
    packets: u64,
    severity: Severity,
    handshake: bool,
}

/// An incident that goes on.
#[derive(Debug, Clone)]
pub(super) struct Episode {
    pub(super) kind: Kind,
    pub(super) actor: Actor,
    pub(super) address: IpAddr,
    pub(super) target: IpAddr,
    pub(super) started: Moment,
    pub(super) first_seen: Moment,
    pub(super) last_seen: Moment,
    /// The last door that was new.
    pub(super) last_probe: Moment,
    pub(super) first_packet: u64,
    pub(super) deciding_packet: u64,
    pub(super) packets: u64,
    pub(super) probes: u64,
    pub(super) tally: Tally,
    pub(super) odd: Odd,
    pub(super) score: f32,
    pub(super) threshold: f32,
    pub(super) handshake: bool,
    pub(super) connected: bool,
    /// Sources, as bits by their hash; those of a decoy scan are few enough to be counted so.
    pub(super) faces: u64,
    pub(super) named: Vec<Source>,
    /// How many of [`UPDATES`] are past.
    updates: usize,
    /// What the last record said.
    told: Option<Told>,
}

impl Episode {
    /// An incident that `contact` decides.
    pub(super) fn new(kind: Kind, actor: Actor, contact: &Contact, threshold: f32) -> Self {
        Self {
            kind,
            actor,
            address: contact.source,
            target: contact.destination,
            started: contact.time.into(),
            first_seen: contact.time.into(),
            last_seen: contact.time.into(),
            last_probe: contact.time.into(),
            first_packet: contact.packet,
            deciding_packet: contact.packet,
            packets: 0,
            probes: 0,
            tally: Tally::default(),
            odd: Odd::default(),
            score: 0.0,
            threshold,
            handshake: false,
            connected: false,
            faces: 0,
            named: Vec::new(),
            updates: 0,
            told: None,
        }
    }

    /// Counts a packet.
    pub(super) fn touch(&mut self, contact: &Contact) {
        self.last_seen = self.last_seen.max(contact.time.into());
        self.packets += 1;
    }

    /// Counts a door that is new.
    pub(super) fn probe(&mut self, contact: &Contact, technique: Technique, score: f32) {
        self.probes += 1;
        self.last_probe = self.last_probe.max(contact.time.into());
        self.score = self.score.max(score);
        let port = contact.ports.map(|ports| ports.destination);
        self.tally.add(contact.destination, contact.protocol, port, technique);
    }

    /// Counts something odd.
    pub(super) fn note(&mut self, oddity: Oddity) {
        let count = match oddity {
            Oddity::TinyFragment => &mut self.odd.tiny,
            Oddity::OverlappingFragment => &mut self.odd.overlapping,
            Oddity::ExtensionHeaders => &mut self.odd.extension,
            Oddity::Malformed(Malformed::FragmentWithoutPorts) => &mut self.odd.tiny,
            Oddity::Malformed(_) => &mut self.odd.malformed,
            Oddity::Land => return,
        };
        *count += 1;
    }

    /// Counts a source.
    pub(super) fn name(&mut self, source: Source, hash: u64) {
        self.faces |= 1 << (hash % 64);
        if self.named.len() < NAMED && !self.named.contains(&source) {
            self.named.push(source);
        }
    }

    /// Takes another one in: it was a part of this.
    pub(super) fn absorb(&mut self, child: &Self) {
        self.first_seen = self.first_seen.min(child.first_seen);
        self.last_seen = self.last_seen.max(child.last_seen);
        self.last_probe = self.last_probe.max(child.last_probe);
        self.first_packet = self.first_packet.min(child.first_packet);
        self.deciding_packet = self.deciding_packet.min(child.deciding_packet);
        self.packets += child.packets;
        self.probes += child.probes;
        self.tally.absorb(&child.tally);
        self.score = self.score.max(child.score);
        self.handshake |= child.handshake;
    }

    /// Whether a door that it has counted is a retry, whoever tries it.
    pub(super) fn knows_doors(&self) -> bool {
        matches!(self.kind, Kind::Scan | Kind::Together) && self.tally.only_host().is_some()
    }

    /// When there may be something to tell.
    pub(super) fn deadline(&self, window: Micros) -> Moment {
        match self.told {
            None => self.started.after(SETTLE),
            Some(told) if self.is_news(told) => self.last_seen,
            Some(_) => {
                let update =
                    UPDATES.get(self.updates).map_or(Moment::NEVER, |&wait| self.started.after(wait));
                update.min(self.over(window))
            }
        }
    }

    /// When it is over, if nothing more is heard. Who is slow is waited for longer.
    fn over(&self, window: Micros) -> Moment {
        let pause = self.last_probe.since(self.first_seen).shared_by(self.probes);
        self.last_seen.after(window.max(pause.times(3)).min(Micros::from_secs(4 * 3600)))
    }

    /// The next record that is due at `now`. After [`Phase::End`] there is none.
    pub(super) fn due(&mut self, now: Moment, window: Micros) -> Option<IncidentRecord> {
        loop {
            let deadline = self.deadline(window);
            if deadline > now {
                return None;
            }
            match self.told {
                None => return Some(self.record(Phase::Start, deadline)),
                Some(told) if self.is_news(told) => return Some(self.record(Phase::Update, deadline)),
                Some(_) if deadline == self.over(window) => return Some(self.record(Phase::End, deadline)),
                Some(told) => {
                    self.updates += 1;
                    if self.packets > told.packets {
                        return Some(self.record(Phase::Update, deadline));
                    }
                }
            }
        }
    }

    /// Whether there is more to say than that it goes on: it is graver, or its source is known not to be
    /// forged. What is high already is graver only if somebody has been let in.
    fn is_news(&self, told: Told) -> bool {
        self.handshake != told.handshake
            || (told.severity < Severity::High || self.connected) && told.severity < self.severity()
    }

    /// How grave it is.
    pub(super) fn severity(&self) -> Severity {
        match self.pattern() {
            _ if self.connected => Severity::Critical,
            pattern if pattern.is_information() => Severity::Info,
            Pattern::SynFlood | Pattern::UdpFlood | Pattern::ConnectionFlood | Pattern::DecoyScan => {
                Severity::High
            }
            Pattern::Land | Pattern::PortZero | Pattern::BogonSource => Severity::Medium,
            _ if self.score >= 2.0 * self.threshold => Severity::High,
            _ => Severity::Medium,
        }
    }

    /// What it is called.
    pub(super) fn pattern(&self) -> Pattern {
        let Self { tally, odd, .. } = self;
        let most = |count: u32| 2 * u64::from(count) > self.probes;
        match self.kind {
            Kind::Only(pattern) => pattern,
            Kind::Decoys => Pattern::DecoyScan,
            Kind::Together => Pattern::CoordinatedScan,
            Kind::Crowd => Pattern::DistributedPortProbe,
            Kind::Shared if self.rotates() => Pattern::Ipv6Rotation,
            Kind::Shared => Pattern::DistributedScan,
            Kind::Scan if self.connected => Pattern::ScannedThenConnected,
            Kind::Scan if odd.signs.count_ones() >= 3 => Pattern::OsFingerprinting,
            Kind::Scan if odd.overlapping > 0 && most(odd.overlapping * 4) => Pattern::OverlappingFragments,
            Kind::Scan if most(odd.malformed) => Pattern::MalformedProbe,
            Kind::Scan if most(odd.extension) => Pattern::ExtensionHeaderEvasion,
            Kind::Scan if most(odd.port_zero) => Pattern::PortZero,
            Kind::Scan if tally.tried() < 3 && odd.tiny > 0 => Pattern::TinyFragments,
            Kind::Scan if most(tally.used(Technique::Protocol).into()) => Pattern::ProtocolScan,
            Kind::Scan
                if most(
                    u32::from(tally.used(Technique::Ping)) + u32::from(tally.used(Technique::IcmpQuery)),
                ) =>
            {
                Pattern::IcmpSweep
            }
            Kind::Scan if self.rotates() => Pattern::Ipv6Rotation,
            Kind::Scan => match (tally.distinct_ports(), tally.distinct_hosts()) {
                _ if self.is_slow() => Pattern::SlowScan,
                (_, 0 | 1) => Pattern::PortScan,
                (0 | 1, _) => Pattern::HostSweep,
                _ => Pattern::BlockScan,
            },
        }
    }

    /// Whether most doors were tried from an address of their own, inside one IPv6 network.
    fn rotates(&self) -> bool {
        let v6 = matches!(self.actor, Actor::Known(source) if source.is_v6());
        v6 && u64::from(self.faces.count_ones()) * 2 > self.probes.min(32)
    }

    fn is_slow(&self) -> bool {
        let pauses = self.probes.saturating_sub(1);
        pauses >= 2 && self.last_probe.since(self.first_seen) >= SLOWLY.times(pauses)
    }

    /// What is known by now.
    pub(super) fn record(&mut self, phase: Phase, time: Moment) -> IncidentRecord {
        let (pattern, severity) = (self.pattern(), self.severity());
        self.told = Some(Told { packets: self.packets, severity, handshake: self.handshake });
        let source = self.source();
        let sources = if self.named.len() < NAMED {
            u32::try_from(self.named.len()).unwrap_or(1).max(1)
        } else {
            estimate(self.faces)
        };
        IncidentRecord {
            timestamp: time.timestamp(),
            event_type: EventType::Incident,
            src_ip: self.address,
            dest_ip: Some(self.target),
            incident: Incident {
                id: format!("{}-{}", base36(self.started.micros()), source.replace(' ', "-")),
                source,
                pattern,
                technique: self.technique().map(str::to_owned),
                phase,
                severity,
                score: (self.score * 10.0).round() / 10.0,
                first_seen: self.first_seen.timestamp(),
                last_seen: self.last_seen.timestamp(),
                packets: self.packets,
                probes: self.probes,
                distinct_ports: self.tally.distinct_ports(),
                distinct_hosts: u32::try_from(self.tally.distinct_hosts()).unwrap_or(u32::MAX),
                sample_ports: self.tally.sample_ports(),
                sources,
                sample_sources: self.named.iter().filter(|_| sources > 1).map(ToString::to_string).collect(),
                handshake: self.handshake,
                notes: self.notes(pattern).into_iter().map(str::to_owned).collect(),
                first_packet: self.first_packet,
                deciding_packet: self.deciding_packet,
            },
            summary: self.sentence(phase, pattern, sources),
        }
    }

    /// Whether anybody has been told of it.
    pub(super) const fn is_told(&self) -> bool {
        self.told.is_some()
    }

    fn source(&self) -> String {
        match self.actor {
            Actor::Known(source) => source.to_string(),
            Actor::Many => "many".to_owned(),
            Actor::Forged => "forged".to_owned(),
        }
    }

    fn technique(&self) -> Option<&'static str> {
        match self.tally.technique()? {
            Technique::Syn if self.handshake => Some(Technique::Connect.name()),
            technique => Some(technique.name()),
        }
    }

    fn notes(&self, pattern: Pattern) -> Vec<&'static str> {
        let Odd { tiny, overlapping, extension, malformed, port_zero, signs } = self.odd;
        let seen = [
            (pattern == Pattern::DecoyScan, "attribution uncertain"),
            (tiny > 0 && pattern != Pattern::TinyFragments, "tiny fragments"),
            (overlapping > 0 && pattern != Pattern::OverlappingFragments, "overlapping fragments"),
            (extension > 0 && pattern != Pattern::ExtensionHeaderEvasion, "extension headers"),
            (malformed > 0 && pattern != Pattern::MalformedProbe, "malformed packets"),
            (port_zero > 0 && pattern != Pattern::PortZero, "port zero"),
            (signs.count_ones() >= 3 && pattern != Pattern::OsFingerprinting, "os fingerprinting"),
        ];
        seen.into_iter().filter(|(seen, _)| *seen).map(|(_, note)| note).collect()
    }

    fn sentence(&self, phase: Phase, pattern: Pattern, sources: u32) -> String {
        let Self { packets, tally, .. } = self;
        let (ports, hosts) = (tally.distinct_ports(), tally.distinct_hosts());
        let hosts = if hosts < MOST_HOSTS { hosts.to_string() } else { format!("at least {hosts}") };
        let sample = tally.sample_ports();
        let place = tally.only_host().map_or_else(|| format!("{hosts} hosts"), |host| host.to_string());
        let tried = match (ports, tally.used(Technique::Protocol)) {
            (0, 0) => format!("pinged {place}"),
            (0, protocols) => format!("tried {protocols} protocols of {place}"),
            (1, _) => format!("tried port {} of {place}", sample.join(", ")),
            (2.., _) => format!("tried {ports} ports of {place}"),
        };
        let tried = match pattern {
            Pattern::BruteForce => tried.replace("tried", "opened sessions at"),
            _ if tally.tried() == 0 => format!("sent what can't be meant well to {}", self.target),
            _ => tried,
        };
        let who = match self.actor {
            Actor::Known(source) if sources > 1 => format!("{sources} sources in {source}"),
            Actor::Known(source) => source.to_string(),
            Actor::Many | Actor::Forged if sources > 1 => format!("about {sources} sources"),
            Actor::Many | Actor::Forged => "somebody who forges addresses".to_owned(),
        };
        let state = match phase {
            Phase::Start => "begins",
            Phase::Update => "so far",
            Phase::End => "is over",
        };
        let seconds = self.last_seen.since(self.first_seen).as_secs();
        format!("{pattern} {state}: {who} {tried}, {packets} packets in {seconds} s")
    }
}

/// About how many sources have set these bits (linear counting).
fn estimate(faces: u64) -> u32 {
    match faces.count_zeros() {
        0 => 266,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 266")]
        unset => (64.0 * (64.0 / f64::from(unset)).ln()).round() as u32,
    }
}
