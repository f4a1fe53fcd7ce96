//! Doors that let somebody in.

use std::net::SocketAddr;

use portcullis_rules::Protocol;

use super::{Detector, Knock};
use crate::detect::{
    episode::Kind,
    keyed::number,
    pattern::Pattern,
    ports,
    rates::GUESSES,
    time::{Micros, Moment, RATE},
};

/// What a contact that was welcome outweighs of those that were not: the first at a service, and each.
const WELCOME: (f32, f32) = (0.3, 0.02);
/// How much of what a source does has to be at one door, so that it guesses passwords there. A crowd
/// behind one address does other things, too.
const MOSTLY: f32 = 0.7;
/// Connections of one source to one door in ten seconds.
const CONNECTIONS: f32 = 500.0;
/// Who comes back after a scan waits at least so long, unless for a door that he has found,
const PAUSE: Micros = Micros::from_secs(30);
/// and so many times as long as between two doors.
const PAUSES: u64 = 3;
/// Knocks are not further apart, in tenths of a second.
const KNOCKS: u32 = 300;

impl Detector {
    /// A contact that was let in and answered.
    pub(super) fn welcome(&mut self, knock: &Knock<'_>, many: u16) {
        let Knock { contact, now, source, door, .. } = *knock;
        self.opened.note(door, now);
        self.flows.note(self.keyed.flow(contact), now);
        if let Some((_, crowd)) = self.doors.at(door, now, contact.packet) {
            crowd.completed.add(many.into(), now, RATE);
        }
        if contact.protocol == Protocol::UDP && ports::is_nobodys(number(contact)) {
            self.acquaint(contact, now);
        }
        self.count_session(knock, many);
        let Some(place) = self.sources.find_or_make_at(source, knock.who, now, contact.packet) else {
            return;
        };
        let record = self.sources.at(place);
        record.fade(now);
        let knocked = record.opened == 0
            && record.incident == 0
            && (2..=5).contains(&record.tried)
            && now.since(record.first) <= KNOCKS
            && contact.protocol == Protocol::TCP;
        // A bit by the door's hash: eight of them tell as many services as an alert needs.
        let bit = 1_u8 << (door % 8);
        // Doors that are found open between closed ones are what a scan is for.
        let service = record.opened & bit == 0 && !record.is_hasty(now);
        record.praise(if service { WELCOME.0 } else { WELCOME.1 });
        // Who has completed a handshake does not forge his address; a datagram proves nothing.
        if contact.protocol == Protocol::TCP {
            record.opened |= bit;
        }
        let incident = record.incident;
        if knocked {
            self.informations.note(Pattern::PortKnocking, contact);
        }
        self.came_back(knock, incident);
    }

    /// Somebody who scans is let in: as a part of the scan, or because of what was found.
    fn came_back(&mut self, knock: &Knock<'_>, incident: u8) {
        let Knock { contact, .. } = *knock;
        if contact.protocol != Protocol::TCP {
            return;
        }
        let Some(episode) = self.open.get_mut(incident) else { return };
        if episode.kind != Kind::Scan {
            return;
        }
        episode.touch(contact);
        episode.handshake = true;
        let pause = PAUSE.max(episode.pause().times(PAUSES));
        let later = Moment::from(contact.time).since(episode.last_probe) >= pause;
        if later || episode.tally.knows_alone(contact) {
            let door = SocketAddr::new(contact.destination, number(contact));
            episode.connected.get_or_insert(door);
        }
        self.open.changed(incident);
    }

    fn count_session(&mut self, knock: &Knock<'_>, many: u16) {
        let Knock { contact, now, door, .. } = *knock;
        if contact.protocol != Protocol::TCP {
            return;
        }
        let who = knock.who.rotate_left(17);
        let all = self.rates.at(who, now, contact.packet);
        let all = all.map_or(0.0, |(_, rate)| rate.sessions.add(1.0, now, GUESSES));
        let key = who ^ door;
        let Some((incident, rate)) = self.rates.at(key, now, contact.packet) else { return };
        let sessions = rate.sessions.add(1.0, now, GUESSES);
        let completed = rate.completed.add(many.into(), now, RATE);
        let incident = *incident;
        let guesses = ports::guesses(number(contact))
            .is_some_and(|most| sessions >= most - 0.5 && sessions >= MOSTLY * all);
        if guesses {
            let number = self.only(knock, key, Pattern::BruteForce);
            if let Some(episode) = self.open.get_mut(number) {
                episode.score = episode.score.max(sessions / 2.0);
            }
        } else if completed >= CONNECTIONS {
            self.only(knock, key, Pattern::ConnectionFlood);
        } else if let Some(episode) = self.open.get_mut(incident) {
            episode.touch(contact);
        }
    }
}
