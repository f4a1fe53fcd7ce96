//! Many sources: at one door, or with the doors of a host shared out among them. And floods.

use super::{Detector, Knock, Score as _};
use crate::detect::{
    contact::{Contact, News},
    doors::bits_of,
    episode::{Actor, Episode, Kind},
    evidence,
    history::Try,
    keyed::number,
    pattern::Pattern,
    ports,
    sources::Place,
    technique::Technique,
    time::{CROWD, RATE, Tenths},
};

/// How long a door is not new to anybody, in tenths of a second.
const NOVEL: u32 = 6_000;
/// Sources in one network that have to share doors out, each its own.
const NETWORK_SOURCES: u32 = 6;
/// New doors of one host that new sources try in some two minutes, and how many sources it takes. The
/// Internet's background is a few in a minute.
const SHARED: (f32, u32) = (18.0, bits_of(14));
/// New sources at one door in some two minutes, and how many it takes.
const CROWDED: (f32, u32) = (16.0, bits_of(12));
/// Contacts at one door in ten seconds that are a flood, and from how many sources if not from one.
const FLOOD: f32 = 500.0;
const FLOOD_SOURCES: u32 = bits_of(40);
/// Handshakes at one door that nobody completes, in ten seconds.
const UNFINISHED: f32 = 200.0;
/// Datagrams of one source to one door in ten seconds: a busy sender has its reasons.
const DATAGRAMS: f32 = 2000.0;
/// A client's datagrams to a door that has closed, in ten seconds, each counted by half.
const PATIENT: f32 = 500.0;

impl Detector {
    /// Counts how hard a door is pressed, whoever does it; whether it is flooded from everywhere, so that
    /// its visitors say nothing about themselves.
    pub(super) fn press(&mut self, knock: &Knock<'_>) -> bool {
        let Knock { contact, now, door, technique, .. } = *knock;
        let hash = knock.who;
        let Some((incident, crowd)) = self.doors.at(door, now, contact.packet) else { return false };
        crowd.faces |= 1 << (hash % 64);
        let (enough, pressed) = match contact.news {
            News::Unfinished(many) => {
                let unfinished = crowd.unfinished.add(many.into(), now, RATE);
                (unfinished >= UNFINISHED, unfinished > crowd.completed.at(now, RATE))
            }
            _ => {
                let most = if technique == Technique::Syn { FLOOD } else { DATAGRAMS };
                let stream = matches!(technique, Technique::Syn | Technique::Udp);
                (crowd.refused.add(1.0, now, RATE) >= most, stream)
            }
        };
        let flooded = enough && pressed && crowd.is_many(FLOOD_SOURCES);
        let incident = *incident;
        if flooded {
            let flood = if technique == Technique::Udp { Pattern::UdpFlood } else { Pattern::SynFlood };
            self.flood(knock, incident, flood);
        }
        flooded
    }

    /// A datagram that was let in, and that nobody has answered. Some services never do. Where one does, or
    /// where the host says that nobody is there (as often as it says so: `icmp_ratelimit`), it is a part of a
    /// flood if there are enough.
    pub(super) fn unanswered(&mut self, knock: &Knock<'_>, many: u16) {
        let Knock { contact, now, door, .. } = *knock;
        let Some((incident, crowd)) = self.doors.at(door, now, contact.packet) else { return };
        let (incident, more) = (*incident, knock.who % 64);
        crowd.faces |= 1 << more;
        let unanswered = crowd.unfinished.add(many.into(), now, RATE);
        let (refused, completed) = (crowd.refused.at(now, RATE), crowd.completed.at(now, RATE));
        if refused + completed < 0.5 || unanswered + refused < DATAGRAMS.max(2.0 * completed) {
            return;
        }
        if crowd.is_many(FLOOD_SOURCES) {
            return self.flood(knock, incident, Pattern::UdpFlood);
        }
        let key = knock.who.rotate_left(17) ^ door;
        let Some((_, rate)) = self.rates.at(key, now, contact.packet) else { return };
        if rate.unfinished.add(many.into(), now, RATE) >= DATAGRAMS / 2.0 {
            self.only(knock, key, Pattern::UdpFlood);
        }
    }

    /// A flood from everywhere: what looked like a crowd, or something new.
    fn flood(&mut self, knock: &Knock<'_>, incident: u8, flood: Pattern) {
        let Knock { contact, now, door, .. } = *knock;
        let number = if incident == 0 {
            let mut episode =
                Episode::new(Kind::Only(flood), Actor::Forged, contact, self.settings.threshold_score());
            if let Some((_, crowd)) = self.doors.at(door, now, contact.packet) {
                episode.faces = crowd.faces;
                episode.first_packet = crowd.first_packet;
            }
            let number = self.begin(episode);
            if let Some((incident, _)) = self.doors.at(door, now, contact.packet) {
                *incident = number;
            }
            number
        } else {
            incident
        };
        let hash = knock.who;
        if let Some(episode) = self.open.get_mut(number) {
            let new = incident == 0 || episode.kind == Kind::Crowd;
            if episode.kind == Kind::Crowd {
                (episode.kind, episode.actor) = (Kind::Only(flood), Actor::Forged);
            }
            episode.touch(contact);
            episode.name(knock.source, hash);
            if episode.probes == 0 {
                episode.probe(contact, knock.technique, FLOOD);
            }
            self.open.changed(number);
            if new {
                self.fold_bogons(number);
            }
        }
    }

    /// What one source does to one door, from the second time on; whether he is a client who asks again, no faster
    /// than programs do: he may be one of hundreds whose service has gone, but they are no flood.
    pub(super) fn press_alone(&mut self, knock: &Knock<'_>) -> bool {
        let Knock { contact, now, door, technique, .. } = *knock;
        let key = knock.who.rotate_left(17) ^ door;
        let Some((incident, rate)) = self.rates.at(key, now, contact.packet) else { return false };
        let port = contact.ports.map_or(0, |ports| ports.source);
        // A client that asks again keeps its port; it would have to be very impatient.
        let again = port == rate.port;
        rate.port = port;
        let flood = match (contact.news, technique) {
            (News::Unfinished(many), _) => {
                let unfinished = rate.unfinished.add(many.into(), now, RATE);
                let most = unfinished >= UNFINISHED / 2.0 && unfinished > 2.0 * rate.completed.at(now, RATE);
                most.then_some(Pattern::SynFlood)
            }
            (_, Technique::Syn) => {
                let refused = rate.refused.add(if again { 0.2 } else { 1.0 }, now, RATE);
                (refused >= FLOOD).then_some(Pattern::SynFlood)
            }
            (_, Technique::Udp) => {
                let refused = rate.refused.add(if again { 0.5 } else { 1.0 }, now, RATE);
                (refused >= DATAGRAMS).then_some(Pattern::UdpFlood)
            }
            _ => None,
        };
        let unfinished = matches!(contact.news, News::Unfinished(_));
        let patient = again && !unfinished && rate.refused.at(now, RATE) < PATIENT;
        let incident = *incident;
        match flood {
            Some(flood) => {
                self.only(knock, key, flood);
            }
            None if incident != 0 => {
                if let Some(episode) = self.open.get_mut(incident) {
                    episode.touch(contact);
                }
            }
            None => {}
        }
        patient
    }

    /// An incident of one source at one door, of one pattern; its number.
    pub(super) fn only(&mut self, knock: &Knock<'_>, key: u64, pattern: Pattern) -> u8 {
        let Knock { contact, now, source, technique, .. } = *knock;
        let Some((&mut mut number, &mut rate)) = self.rates.at(key, now, contact.packet) else { return 0 };
        if number == 0 {
            let threshold = self.settings.threshold_score();
            let mut episode = Episode::new(Kind::Only(pattern), Actor::Known(source), contact, threshold);
            episode.first_packet = rate.first_packet.into();
            if let Some(beginning) = self.beginning {
                episode.first_seen = episode.first_seen.min(beginning.moment(rate.first));
            }
            episode.score = threshold;
            episode.probe(contact, technique, threshold);
            number = self.begin(episode);
            if let Some((incident, _)) = self.rates.at(key, now, contact.packet) {
                *incident = number;
            }
        }
        if let Some(episode) = self.open.get_mut(number) {
            episode.touch(contact);
            episode.handshake |= matches!(contact.news, News::Completed(_));
            self.open.changed(number);
        }
        number
    }

    /// A source that has tried next to nothing by itself: perhaps it is one of many.
    pub(super) fn one_of_many(&mut self, knock: &Knock<'_>, first: bool) {
        let Knock { now, door, .. } = *knock;
        let novel = !self.tried.within(door, now, NOVEL);
        self.tried.note(door, now);
        if novel && self.network(knock) {
            return;
        }
        if first || novel {
            self.crowd(knock);
        }
        if novel {
            self.shared(knock);
        }
    }

    /// A source that there is no room for.
    pub(super) fn stranger(&mut self, knock: &Knock<'_>) {
        let novel = !self.tried.within(knock.door, knock.now, NOVEL);
        self.tried.note(knock.door, knock.now);
        self.crowd(knock);
        if novel {
            self.shared(knock);
        }
    }

    /// A door that is new to everybody, tried by a source of this network: whether that belongs to an
    /// incident.
    fn network(&mut self, knock: &Knock<'_>) -> bool {
        let Knock { contact, now, source, door, weight, technique, .. } = *knock;
        let network = source.network();
        let hash = knock.who;
        let Some(place) = self.sources.find_or_make(network, now, contact.packet) else { return false };
        let record = self.sources.at(place);
        record.fade(now);
        record.faces |= 1 << (hash % 32);
        if !record.knows(door) {
            record.try_door(door);
            record.blame(weight.min(1.0), weight.min(1.0), now);
        }
        let (score, sources) = (record.score(), record.faces.count_ones());
        if record.incident == 0 {
            if sources < NETWORK_SOURCES || score < 2.0 * self.settings.threshold_score() {
                return false;
            }
            self.open_network(knock, place);
        } else {
            let number = record.incident;
            if let Some(episode) = self.open.get_mut(number) {
                episode.touch(contact);
                episode.probe(contact, technique, score);
                episode.name(source, hash);
            }
            self.open.changed(number);
        }
        true
    }

    /// A door that a source tries who has tried many, but is no incident by himself: it belongs to his
    /// network's, if there is one.
    pub(super) fn network_goes_on(&mut self, knock: &Knock<'_>) {
        let Knock { contact, source, technique, .. } = *knock;
        let Some(place) = self.sources.find(source.network()) else { return };
        let number = self.sources.at(place).incident;
        let Some(episode) = self.open.get_mut(number) else { return };
        episode.touch(contact);
        episode.probe(contact, technique, episode.score);
        episode.name(source, knock.who);
        self.open.changed(number);
    }

    fn open_network(&mut self, knock: &Knock<'_>, place: Place) {
        let network = knock.source.network();
        let record = *self.sources.at(place);
        let threshold = self.settings.threshold_score();
        let mut episode = Episode::new(Kind::Shared, Actor::Known(network), knock.contact, threshold);
        episode.first_packet = record.first_packet.into();
        if let Some(beginning) = self.beginning {
            episode.first_seen = episode.first_seen.min(beginning.moment(record.first));
        }
        let mine = |tried: &&Try| network.covers(tried.source) && tried.at >= record.first;
        for tried in self.history.iter().filter(mine) {
            episode.name(tried.source, self.keyed.source(tried.source));
            episode.probes += 1;
            episode.packets += 1;
            episode.tally.add(tried.host, tried.protocol, tried.port, tried.technique);
        }
        episode.score = record.score();
        let number = self.begin(episode);
        self.sources.join(place, number);
    }

    /// Many sources, each with a door of its own, at one host.
    fn shared(&mut self, knock: &Knock<'_>) {
        let Knock { contact, now, weight, technique, .. } = *knock;
        let key = self.keyed.address(contact.destination);
        let hash = knock.who;
        let Some((incident, crowd)) = self.doors.at(key, now, contact.packet) else { return };
        let mut number = *incident;
        crowd.faces |= 1 << (hash % 64);
        // Doors that say little say nothing at all when many try them: peers find each other there.
        let weight = weight.min(1.0);
        let sum = crowd.strangers.add(weight * weight, now, CROWD);
        if number == 0 {
            if sum < SHARED.0 || !crowd.is_many(SHARED.1) {
                return;
            }
            let first = crowd.first;
            let mut episode =
                Episode::new(Kind::Shared, Actor::Many, contact, self.settings.threshold_score());
            for tried in
                self.history.iter().filter(|tried| tried.host == contact.destination && tried.at >= first)
            {
                episode.first_packet = episode.first_packet.min(tried.packet.into());
                episode.name(tried.source, self.keyed.source(tried.source));
                episode.probes += 1;
                episode.packets += 1;
                episode.tally.add(tried.host, tried.protocol, tried.port, tried.technique);
            }
            number = self.begin(episode);
            if let Some((incident, _)) = self.doors.at(key, now, contact.packet) {
                *incident = number;
            }
        }
        if let Some(episode) = self.open.get_mut(number) {
            episode.touch(contact);
            episode.probe(contact, technique, sum / 2.0);
            episode.name(knock.source, hash);
            self.open.changed(number);
        }
    }

    /// Whether many sources are at this host's doors already.
    fn is_shared_out(&mut self, contact: &Contact, now: Tenths) -> bool {
        self.incident_at_host(contact, now).is_some_and(|incident| *incident != 0)
    }

    /// The incident of many sources at the doors of a contact's host, if there is one.
    pub(super) fn incident_at_host(&mut self, contact: &Contact, now: Tenths) -> Option<&mut u8> {
        let host = self.keyed.address(contact.destination);
        self.doors.at(host, now, contact.packet).map(|(incident, _)| incident)
    }

    /// Many sources at one door that scanners ask for.
    fn crowd(&mut self, knock: &Knock<'_>) {
        let Knock { contact, now, door, technique, .. } = *knock;
        let port = number(contact);
        // Who means to use a service that the world uses is its client; it is down, or has moved.
        let client = match technique {
            Technique::Syn => knock.meant,
            Technique::Udp => !evidence::empty(contact),
            _ => return,
        };
        if !ports::is_probed(port) || client && ports::is_public(port) {
            return;
        }
        let hash = knock.who;
        let Some((&mut mut incident, crowd)) = self.doors.at(door, now, contact.packet) else { return };
        let sum = crowd.strangers.add(1.0, now, CROWD);
        if incident == 0 {
            if sum < CROWDED.0 || !crowd.is_many(CROWDED.1) {
                return;
            }
            let (first, first_packet) = (crowd.first, crowd.first_packet);
            // Who scans the whole host comes to this door, too.
            if self.is_shared_out(contact, now) {
                return;
            }
            let mut episode =
                Episode::new(Kind::Crowd, Actor::Many, contact, self.settings.threshold_score());
            episode.first_packet = first_packet;
            let port = contact.ports.map(|ports| ports.destination);
            let here = |tried: &&Try| {
                tried.host == contact.destination
                    && (tried.protocol, tried.port) == (contact.protocol, port)
                    && tried.at >= first
            };
            for tried in self.history.iter().filter(here) {
                episode.name(tried.source, self.keyed.source(tried.source));
                episode.packets += 1;
            }
            incident = self.begin(episode);
            if let Some((known, _)) = self.doors.at(door, now, contact.packet) {
                *known = incident;
            }
        }
        if let Some(episode) = self.open.get_mut(incident) {
            episode.touch(contact);
            episode.name(knock.source, hash);
            if episode.kind == Kind::Crowd {
                episode.probe(contact, technique, sum / 2.0);
            }
            self.open.changed(incident);
        }
    }
}
