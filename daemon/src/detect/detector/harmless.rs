//! What is told for information, if at all.

use super::Detector;
use crate::detect::{
    contact::Contact,
    episode::{Actor, Episode, Kind},
    evidence::Harmless,
    pattern::Pattern,
    record::{IncidentRecord, Phase},
    source::Source,
    technique::Technique,
    time::{Micros, Moment},
};

/// Sources that are told of at the same time; of more, nobody wants to know.
const MOST: usize = 32;

/// What goes on that nobody has to answer for: one record each, when it is over.
#[derive(Debug)]
pub(super) struct Informations {
    /// What each of the episodes is about.
    about: Vec<(Pattern, Source)>,
    episodes: Vec<Episode>,
    window: Micros,
    /// Not later than the end of any.
    wake: Moment,
}

impl Informations {
    pub(super) const fn new(window: Micros) -> Self {
        Self { about: Vec::new(), episodes: Vec::new(), window, wake: Moment::NEVER }
    }

    pub(super) const fn configure(&mut self, window: Micros) {
        self.window = window;
    }

    pub(super) const fn most_bytes() -> usize {
        MOST * (size_of::<(Pattern, Source, Episode)>() + 2048)
    }

    pub(super) const fn wake(&self) -> Moment {
        self.wake
    }

    pub(super) fn tick(&mut self, now: Moment) -> Vec<IncidentRecord> {
        let mut records = Vec::new();
        for place in (0..self.episodes.len()).rev() {
            let time = self.episodes[place].last_seen.after(self.window);
            if time <= now {
                self.about.swap_remove(place);
                records.push(self.episodes.swap_remove(place).record(Phase::End, time));
            }
        }
        records.reverse();
        let ends = self.episodes.iter().map(|episode| episode.last_seen.after(self.window));
        self.wake = ends.min().unwrap_or(Moment::NEVER);
        records
    }

    pub(super) fn finish(&mut self, now: Moment) -> Vec<IncidentRecord> {
        self.about.clear();
        self.wake = Moment::NEVER;
        self.episodes.drain(..).map(|mut episode| episode.record(Phase::End, now)).collect()
    }

    /// Counts a contact; a door, too, as long as there are few.
    pub(super) fn note(&mut self, pattern: Pattern, contact: &Contact) {
        const FEW: u64 = 48;
        let source = Source::from(contact.source);
        let known = self.about.iter().position(|&about| about == (pattern, source));
        let place = match known {
            Some(place) => place,
            None if self.about.len() < MOST => {
                let episode = Episode::new(Kind::Only(pattern), Actor::Known(source), contact, f32::INFINITY);
                self.wake = self.wake.min(episode.last_seen.after(self.window));
                self.about.push((pattern, source));
                self.episodes.push(episode);
                self.about.len() - 1
            }
            None => return,
        };
        if let Some(episode) = self.episodes.get_mut(place) {
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
