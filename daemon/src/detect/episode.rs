//! An incident that goes on.

mod naming;
mod telling;

use std::net::{IpAddr, SocketAddr};

use portcullis_rules::Malformed;

use super::{
    contact::{Contact, Oddity},
    pattern::{Pattern, Severity},
    record::{IncidentRecord, Phase},
    source::Source,
    tally::Tally,
    technique::Technique,
    time::{Micros, Moment},
};

/// When an incident is told of again after its start, if there is something new.
const UPDATES: [Micros; 3] = [Micros::from_secs(60), Micros::from_secs(600), Micros::from_secs(3600)];
/// How long an incident is looked at before it is told of: a scan shows its size in this time, and
/// decoys that they are many.
const SETTLE: Micros = Micros::from_millis(400);
/// Sources that are named in a record.
const NAMED: usize = 8;
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

impl Odd {
    fn absorb(&mut self, other: Self) {
        let Self { tiny, overlapping, extension, malformed, port_zero, signs } = other;
        self.tiny += tiny;
        self.overlapping += overlapping;
        self.extension += extension;
        self.malformed += malformed;
        self.port_zero += port_zero;
        self.signs |= signs;
    }
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
    /// How many of them were before it was noticed: what was odd about those is not known.
    pub(super) before: u64,
    pub(super) tally: Tally,
    pub(super) odd: Odd,
    pub(super) score: f32,
    pub(super) threshold: f32,
    pub(super) handshake: bool,
    /// The door where who had scanned was let in first.
    pub(super) connected: Option<SocketAddr>,
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
            before: 0,
            tally: Tally::default(),
            odd: Odd::default(),
            score: 0.0,
            threshold,
            handshake: false,
            connected: None,
            faces: 0,
            named: Vec::new(),
            updates: 0,
            told: None,
        }
    }

    /// Counts a packet.
    #[inline]
    pub(super) fn touch(&mut self, contact: &Contact) {
        self.last_seen = self.last_seen.max(contact.time.into());
        self.packets += 1;
    }

    /// Counts a door that is new.
    #[inline]
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
    #[inline]
    pub(super) fn name(&mut self, source: Source, hash: u64) {
        self.faces |= 1 << (hash % 64);
        if self.named.len() < NAMED {
            self.name_anew(source);
        }
    }

    #[cold]
    fn name_anew(&mut self, source: Source) {
        if !self.named.contains(&source) {
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
        self.before += child.before;
        self.tally.absorb(&child.tally);
        self.odd.absorb(child.odd);
        self.score = self.score.max(child.score);
        self.handshake |= child.handshake;
    }

    /// Whether a door that it has counted is a retry, whoever tries it.
    #[inline]
    pub(super) fn knows_doors(&self) -> bool {
        matches!(self.kind, Kind::Scan | Kind::Together) && self.tally.only_host().is_some()
    }

    /// When there may be something to tell.
    #[inline]
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

    /// What passes between two doors, on average.
    pub(super) fn pause(&self) -> Micros {
        self.last_probe.since(self.first_seen).shared_by(self.probes)
    }

    /// When it is over, if nothing more is heard. Who is slow is waited for longer.
    fn over(&self, window: Micros) -> Moment {
        // This is asked for every packet: without a division, unless somebody is slow.
        let slow = self.last_probe.since(self.first_seen) > window.times(self.probes / 3);
        let wait = if slow { window.max(self.pause().times(3)) } else { window };
        self.last_seen.after(wait.min(Micros::from_secs(4 * 3600)))
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
            || (told.severity < Severity::High || self.connected.is_some()) && told.severity < self.severity()
    }

    /// Whether anybody has been told of it.
    pub(super) const fn is_told(&self) -> bool {
        self.told.is_some()
    }
}
