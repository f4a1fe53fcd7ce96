//! Packets that nobody sends by accident.

use std::net::{IpAddr, Ipv6Addr};

use super::{Detector, Score as _};
use crate::detect::{
    contact::{Contact, Oddity},
    episode::{Actor, Episode, Kind},
    pattern::Pattern,
    source::Source,
    technique::Technique,
    time::{FAST, Fading, Tenths},
};

/// How many contacts from impossible sources are an incident.
const BOGUS: f32 = 3.0;

/// Contacts from sources that can't be.
#[derive(Debug, Default)]
pub(super) struct Bogons {
    impossible: Fading,
    /// What should not be seen on the Internet, but is in laboratories.
    unlikely: Fading,
    /// The kinds that were seen, as bits.
    kinds: u8,
    first_packet: u64,
    incident: u8,
}

impl Bogons {
    pub(super) fn release(&mut self, incident: u8) {
        if self.incident == incident {
            *self = Self::default();
        }
    }
}

/// What is wrong with a source: whether it is impossible, and a bit for its kind.
#[inline]
fn bogus(source: IpAddr) -> Option<(bool, u8)> {
    // RFC 6890 and its registries.
    let kind = match source {
        IpAddr::V4(v4) => match v4.octets() {
            // Nearly all there are.
            [1..=126 | 128..=168 | 170..=191 | 193..=197 | 199..=202 | 204..=223, ..] => return None,
            [0, ..] => (true, 0),
            [127, ..] => (true, 1),
            [224..=239, ..] => (true, 2),
            [240..=255, ..] => (true, 3),
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => (false, 4),
            [198, 18 | 19, ..] => (false, 5),
            [192, 88, 99, _] => (false, 6),
            [169, 254, ..] => (false, 7),
            _ => return None,
        },
        IpAddr::V6(v6) => match v6 {
            Ipv6Addr::LOCALHOST => (true, 1),
            _ if v6.is_multicast() => (true, 2),
            _ if v6.is_unspecified() => (true, 0),
            _ if v6.to_ipv4_mapped().is_some() => (true, 3),
            _ if v6.segments()[..2] == [0x2001, 0x0db8] => (false, 4),
            _ if v6.segments()[0] == 0x100 => (false, 5),
            _ => return None,
        },
    };
    Some((kind.0, 1 << kind.1))
}

impl Detector {
    /// Whether the source of a contact can't be, so that there is nobody to blame.
    pub(super) fn is_bogus(&mut self, contact: &Contact, now: Tenths) -> bool {
        let Some((impossible, kind)) = bogus(contact.source) else { return false };
        if contact.source.is_unspecified() && !matches!(contact.ports, Some(ports) if ports.source != 68) {
            return true;
        }
        let Bogons { impossible: sure, unlikely, kinds, first_packet, incident } = &mut self.bogons;
        if *kinds == 0 {
            *first_packet = contact.packet;
        }
        *kinds |= kind;
        if impossible {
            sure.add(1.0, now, FAST);
        } else {
            unlikely.add(1.0, now, FAST);
        }
        let certain = sure.at(now, FAST);
        let many_kinds = kinds.count_ones() >= 3 && certain + 0.5 * unlikely.at(now, FAST) >= BOGUS;
        if *incident == 0 && (certain >= BOGUS || many_kinds) {
            let threshold = self.settings.threshold_score();
            let mut episode =
                Episode::new(Kind::Only(Pattern::BogonSource), Actor::Forged, contact, threshold);
            episode.first_packet = *first_packet;
            self.bogons.incident = self.begin(episode);
        }
        let number = self.bogons.incident;
        if let Some(episode) = self.open.get_mut(number) {
            let source = Source::from(contact.source);
            episode.touch(contact);
            episode.name(source, self.keyed.source(source));
            if episode.kind == Kind::Only(Pattern::BogonSource) {
                episode.probe(contact, Technique::Syn, certain);
            }
            self.open.changed(number);
        }
        impossible
    }

    /// Makes impossible sources a part of a flood: who forges addresses at random hits some that can't be.
    pub(super) fn fold_bogons(&mut self, flood: u8) {
        let target = self.open.get(flood).map(|whole| whole.target);
        let before = std::mem::replace(&mut self.bogons.incident, flood);
        let same = self.open.get(before).is_some_and(|part| Some(part.target) == target);
        if let Some(part) = same.then(|| self.open.take(before)).flatten()
            && let Some(whole) = self.open.get_mut(flood)
        {
            whole.first_packet = whole.first_packet.min(part.first_packet);
            whole.packets += part.packets;
        }
    }

    /// One such packet is enough; whoever sends it has forged its source.
    pub(super) fn land(&mut self, contact: &Contact) {
        let kind = Kind::Only(Pattern::Land);
        let known = self.open.iter().find(|(_, episode)| episode.kind == kind);
        let number = match known.map(|(number, _)| number) {
            Some(number) => number,
            None => {
                let threshold = self.settings.threshold_score();
                self.begin(Episode::new(kind, Actor::Forged, contact, threshold))
            }
        };
        if let Some(episode) = self.open.get_mut(number) {
            episode.touch(contact);
            episode.probe(contact, Technique::Syn, self.settings.threshold_score());
            self.open.changed(number);
        }
    }

    /// Something that a source has no honest reason to send. There are no doors in it to tell apart: each
    /// packet counts.
    pub(super) fn oddity(&mut self, contact: &Contact, oddity: Oddity, now: Tenths) {
        let weight = match oddity {
            Oddity::OverlappingFragment => 3.0,
            Oddity::ExtensionHeaders => 0.5,
            Oddity::TinyFragment | Oddity::Malformed(_) | Oddity::Land => 1.0,
        };
        let source = Source::from(contact.source);
        let Some(place) = self.sources.find_or_make(source, now, contact.packet) else { return };
        let record = self.sources.at(place);
        record.fade(now);
        record.blame(weight, weight, now);
        let score = record.score();
        if record.incident == 0 && score >= self.settings.threshold_score() {
            self.open_scan(contact, source, place, score);
        }
        let number = self.sources.at(place).incident;
        if let Some(episode) = self.open.get_mut(number) {
            episode.note(oddity);
            episode.score = episode.score.max(score);
            match oddity {
                // The packet that it is a part of is counted.
                Oddity::ExtensionHeaders => {
                    episode.last_seen = episode.last_seen.max(contact.time.into());
                }
                _ => episode.touch(contact),
            }
            self.open.changed(number);
        }
    }
}
