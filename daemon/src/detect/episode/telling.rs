//! What is told of an incident.

use super::{Actor, Episode, NAMED, Odd, Told};
use crate::{
    detect::{
        pattern::Pattern,
        record::{Incident, IncidentRecord, Phase},
        tally::MOST_HOSTS,
        technique::Technique,
        time::Moment,
    },
    log::base36,
};

impl Episode {
    /// What is known by now.
    pub(in crate::detect) fn record(&mut self, phase: Phase, time: Moment) -> IncidentRecord {
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
        let let_in = match self.connected {
            Some(door) if tally.only_host() == Some(door.ip()) => {
                format!(", and was let in at {}/tcp", door.port())
            }
            Some(door) => format!(", and was let in at {}/tcp of {}", door.port(), door.ip()),
            None => String::new(),
        };
        let seconds = self.last_seen.since(self.first_seen).as_secs();
        format!("{pattern} {state}: {who} {tried}{let_in}, {packets} packets in {seconds} s")
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
