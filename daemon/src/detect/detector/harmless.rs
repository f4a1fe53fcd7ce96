//! What is told for information, if at all.

use std::time::Duration;

use jiff::Timestamp;

use super::Detector;
use crate::detect::{
    contact::Contact,
    episode::{Actor, Episode, Kind},
    evidence::Harmless,
    pattern::Pattern,
    record::{IncidentRecord, Phase},
    source::Source,
    technique::Technique,
    time::after,
};

/// Sources that are told of at the same time; of more, nobody wants to know.
const MOST: usize = 32;

/// What goes on that nobody has to answer for: one record each, when it is over.
#[derive(Debug, Default)]
pub(super) struct Informations(Vec<(Pattern, Source, Episode)>);

impl Informations {
    pub(super) const fn most_bytes() -> usize {
        MOST * (size_of::<(Pattern, Source, Episode)>() + 2048)
    }

    pub(super) fn wake(&self, window: Duration) -> Option<Timestamp> {
        self.0.iter().map(|(_, _, episode)| after(episode.last_seen, window)).min()
    }

    pub(super) fn tick(&mut self, now: Timestamp, window: Duration) -> Vec<IncidentRecord> {
        let over = |entry: &mut (Pattern, Source, Episode)| after(entry.2.last_seen, window) <= now;
        self.0
            .extract_if(.., over)
            .map(|(_, _, mut episode)| {
                let time = after(episode.last_seen, window);
                episode.record(Phase::End, time)
            })
            .collect()
    }

    pub(super) fn finish(&mut self, now: Timestamp) -> Vec<IncidentRecord> {
        self.0.drain(..).map(|(_, _, mut episode)| episode.record(Phase::End, now)).collect()
    }

    /// Counts a contact; a door, too, as long as there are few.
    pub(super) fn note(&mut self, pattern: Pattern, contact: &Contact) {
        const FEW: u64 = 48;
        let source = Source::from(contact.source);
        let known = self.0.iter().position(|(known, who, _)| *known == pattern && *who == source);
        let place = match known {
            Some(place) => place,
            None if self.0.len() < MOST => {
                let episode = Episode::new(Kind::Only(pattern), Actor::Known(source), contact, f32::INFINITY);
                self.0.push((pattern, source, episode));
                self.0.len() - 1
            }
            None => return,
        };
        if let Some((_, _, episode)) = self.0.get_mut(place) {
            episode.touch(contact);
            if episode.probes < FEW {
                episode.probe(contact, Technique::Syn, 0.0);
            }
        }
    }
}

impl Detector {
    /// Takes note of what says nothing about its sender.
    pub(super) fn harmless(&mut self, contact: &Contact, harmless: Harmless) {
        let pattern = match harmless {
            Harmless::Backscatter => Pattern::Backscatter,
            Harmless::LateReply => Pattern::LateReply,
            Harmless::Traceroute => Pattern::Traceroute,
            Harmless::Broadcast => return,
        };
        self.informations.note(pattern, contact);
    }
}
