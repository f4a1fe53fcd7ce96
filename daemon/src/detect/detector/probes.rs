//! Doors that turn somebody away.

use std::net::IpAddr;

use portcullis_rules::Ports;

use super::{Detector, Knock, Score as _};
use crate::detect::{
    contact::{Contact, News},
    episode::{Actor, Episode, Kind},
    evidence, ports,
    source::Source,
    sources::Place,
    time::{Moment, Tenths},
};

/// How little is left of a door's weight: one of a family that was tried before,
const OF_A_FAMILY: f32 = 0.4;
/// and one that is known to be a service, which is down.
const OUT_OF_SERVICE: f32 = 0.3;
/// How much of its weight is left of a SYN that somebody means: programs have more of these to give away
/// by mistake than of crafted ones. Only haste makes the difference, and to come in by the doors between.
const MEANT: f32 = 0.75;
/// How much another sign of operating system detection counts, besides the door that it is seen at.
const OF_A_SIGN: f32 = 2.0;
/// How much of its weight is left of a datagram that nobody answers, of somebody whom this host has turned away: it
/// says so once in a second only (`icmp_ratelimit`).
const UNHEARD: f32 = 0.5;
/// How many doors have to have turned him away.
const HEARD: u16 = 3;
/// A day, in tenths of a second.
const DAY: u32 = 864_000;
/// Scans that begin within so many seconds of one another at one host belong together,
const TOGETHER_SECONDS: u64 = 60;
/// when there are so many.
const TOGETHER: usize = 3;
/// How long others may join them, if they don't stop, in seconds.
const JOINED_SECONDS: u64 = 600;
/// Decoys come without a pause: how long theirs is remembered, in seconds.
const DECOYS_SECONDS: u64 = 60;

impl Detector {
    /// A contact that was turned away, or should have been.
    pub(super) fn turned_away(&mut self, knock: &mut Knock<'_>) {
        let Knock { contact, now, source, door, .. } = *knock;
        let service_down =
            matches!(contact.news, News::TurnedDown | News::Silent(_)) && self.opened.within(door, now, DAY);
        if service_down {
            knock.weight *= OUT_OF_SERVICE;
        }
        let port_zero = matches!(contact.ports, Some(Ports { destination: 0, .. }));
        let place = self.place(knock);
        let known = place.is_some_and(|place| self.knows(knock, place));
        let patient = known && self.press_alone(knock);
        let flooded = !patient && self.press(knock);
        let Some(place) = place else {
            if !service_down && !flooded {
                self.stranger(knock);
            }
            return;
        };
        let signs = self.read_signs(knock, place);
        if known && !port_zero {
            return self.retry(knock, place, signs);
        }
        let record = self.sources.at(place);
        let (first_of_all, hasty) = (record.tried == 0, record.is_hasty(now));
        record.try_door(door);
        self.history.note(source, knock.who, contact, knock.technique, now);
        self.weigh_family(knock, place);
        if contact.source.is_ipv6() {
            self.sources.at(place).faces |= 1 << (self.keyed.address(contact.source) % 32);
        }
        if let Some((_, other)) = self.echoes.call(door, source, place, now) {
            for place in [place, other] {
                let echoes = &mut self.sources.at(place).echoes;
                *echoes = echoes.saturating_add(1);
            }
        }
        let record = self.sources.at(place);
        let weight = if port_zero { knock.weight * 2.0 } else { knock.weight };
        let excused = knock.meant && (record.opened == 0 || !hasty);
        record.blame(if excused { weight * MEANT } else { weight }, weight, now);
        let (score, tried, incident) = (record.score(), record.tried, record.incident);
        if incident == 0 && score >= self.settings.threshold_score() {
            self.open_scan(contact, source, place, score);
        } else if incident != 0 {
            self.add_probe(knock, place, score, signs);
        } else if tried <= 3 && !service_down && !flooded {
            self.one_of_many(knock, first_of_all);
        } else if !flooded {
            self.network_goes_on(knock);
        }
    }

    /// A datagram that nobody has answered, at a door that may be closed as well as open.
    pub(super) fn unheard(&mut self, knock: &mut Knock<'_>) {
        let Some(place) = self.sources.find(knock.source) else { return };
        if self.sources.at(place).tried >= HEARD {
            knock.weight *= UNHEARD;
            self.turned_away(knock);
        }
    }

    /// Whether a source has tried this door before. An incident knows every port of a single host; a record knows
    /// the last few doors.
    fn knows(&mut self, knock: &Knock<'_>, place: Place) -> bool {
        let Knock { contact, source, door, .. } = *knock;
        let record = self.sources.at(place);
        let incident = record.incident;
        match self.open.get(incident) {
            Some(episode) if episode.knows_doors() && contact.ports.is_some() => {
                episode.tally.knows_alone(contact)
            }
            // Who comes round to the same dozen of doors tries nothing new.
            _ => {
                record.knows(door)
                    || record.forgets() && incident == 0 && self.history.knows(source, knock.who, contact)
            }
        }
    }

    /// The signs of operating system detection in a contact. It needs few doors: what counts is how many of them a
    /// source shows.
    fn read_signs(&mut self, knock: &Knock<'_>, place: Place) -> u8 {
        let signs = evidence::fingerprinting(knock.contact);
        let record = self.sources.at(place);
        if record.signs != 0 && signs & !record.signs != 0 {
            record.blame(OF_A_SIGN, 0.0, knock.now);
        }
        record.signs |= signs;
        signs
    }

    /// A packet to a door that the source has tried before: it counts as a packet.
    fn retry(&mut self, knock: &Knock<'_>, place: Place, signs: u8) {
        let Knock { contact, source, .. } = *knock;
        let record = self.sources.at(place);
        let (score, incident) = (record.score(), record.incident);
        if incident == 0 && signs != 0 && score >= self.settings.threshold_score() {
            return self.open_scan(contact, source, place, score);
        }
        if let Some(episode) = self.open.get_mut(incident) {
            episode.touch(contact);
            episode.odd.signs |= signs;
        }
    }

    /// Ports of one family are tried by one honest program: the second says less than the first. A sweep
    /// of hosts has no such excuse.
    fn weigh_family(&mut self, knock: &mut Knock<'_>, place: Place) {
        let Some(Ports { destination, .. }) = knock.contact.ports else { return };
        #[expect(clippy::cast_possible_truncation, reason = "part of a hash")]
        let host = self.keyed.address(knock.contact.destination) as u16 | 1;
        let record = self.sources.at(place);
        if record.host == 0 {
            record.host = host;
        }
        let family = ports::family(destination);
        if record.families & family != 0 && record.host == host {
            knock.weight *= OF_A_FAMILY;
        }
        record.families |= family;
    }

    /// A door that is new, of a source whose incident is open.
    fn add_probe(&mut self, knock: &Knock<'_>, place: Place, score: f32, signs: u8) {
        let Knock { contact, source, technique, .. } = *knock;
        let number = self.sources.at(place).incident;
        let hash = match contact.source {
            // Inside a /64, addresses are told apart, in as many bits as a record has for them.
            IpAddr::V6(_) => self.keyed.address(contact.source) % 32,
            IpAddr::V4(_) => self.keyed.source(source),
        };
        let Some(episode) = self.open.get_mut(number) else { return };
        episode.touch(contact);
        episode.odd.signs |= signs;
        if matches!(contact.ports, Some(Ports { destination: 0, .. })) {
            episode.odd.port_zero += 1;
        }
        if episode.kind == Kind::Scan || episode.kind == Kind::Decoys || episode.kind == Kind::Together {
            episode.probe(contact, technique, score);
        } else {
            episode.probe(contact, technique, episode.score + knock.weight);
        }
        episode.name(source, hash);
        self.open.changed(number);
    }

    /// The door that is one too many.
    pub(super) fn open_scan(&mut self, contact: &Contact, source: Source, place: Place, score: f32) {
        let number = match self.part_of(contact, source, place) {
            Some(number) => number,
            None => {
                let threshold = self.settings.threshold_score();
                self.begin(Episode::new(Kind::Scan, Actor::Known(source), contact, threshold))
            }
        };
        self.sources.join(place, number);
        let record = *self.sources.at(place);
        let hash = self.keyed.source(source);
        let Some(episode) = self.open.get_mut(number) else { return };
        episode.score = episode.score.max(score);
        episode.first_packet = match episode.first_packet {
            0 => u64::from(record.first_packet),
            known => known.min(record.first_packet.into()),
        };
        if let Some(beginning) = self.beginning {
            episode.first_seen = episode.first_seen.min(beginning.moment(record.first));
        }
        episode.odd.signs |= record.signs;
        episode.handshake |= record.opened != 0;
        let before = episode.probes;
        for tried in self.history.of(hash).filter(|tried| tried.source == source && tried.at >= record.first)
        {
            episode.probes += 1;
            episode.packets += 1;
            episode.odd.port_zero += u32::from(tried.port == Some(0));
            episode.tally.add(tried.host, tried.protocol, tried.port, tried.technique);
        }
        // What the history has lost meanwhile.
        episode.probes = episode.probes.max(before + u64::from(record.tried));
        episode.before += episode.probes - before;
        episode.packets = episode.packets.max(episode.probes).max(1);
        episode.name(source, hash);
        if source.prefix().network().is_ipv6() && episode.kind == Kind::Scan {
            episode.faces = record.faces.into();
        }
        self.open.changed(number);
    }

    /// The incident that this source turns out to be a part of: its network's, that of decoys, or one of
    /// several that scan together.
    fn part_of(&mut self, contact: &Contact, source: Source, place: Place) -> Option<u8> {
        if let Some(network) = self.sources.find(source.network()) {
            let number = self.sources.at(network).incident;
            if number != 0 {
                return Some(number);
            }
        }
        let record = *self.sources.at(place);
        // Scanners that know nothing of one another meet at a door now and then; decoys meet at each, though at
        // the last one the others may be still to come.
        let is_decoy =
            record.echoes >= 2 && u16::from(record.echoes) * 4 >= record.tried.saturating_sub(1) * 3;
        let near = |time: Moment, seconds| Moment::from(contact.time).since(time).as_secs() <= seconds;
        if is_decoy {
            let known = self.open.iter().find(|(_, episode)| {
                episode.kind == Kind::Decoys
                    && episode.target == contact.destination
                    && near(episode.last_seen, DECOYS_SECONDS)
            });
            let threshold = self.settings.threshold_score();
            return Some(match known.map(|(number, _)| number) {
                Some(number) => number,
                None => self.begin(Episode::new(Kind::Decoys, Actor::Many, contact, threshold)),
            });
        }
        let neighbour = |actor| matches!(actor, Actor::Known(other) if source.network().covers(other));
        // For a while only, or whoever keeps one going could hide others in it.
        let goes_on = |episode: &Episode| {
            episode.kind == Kind::Together
                && near(episode.started, JOINED_SECONDS)
                && near(episode.last_seen, TOGETHER_SECONDS)
        };
        let beside = |episode: &Episode| {
            matches!(episode.kind, Kind::Scan | Kind::Together)
                && episode.target == contact.destination
                && (near(episode.started, TOGETHER_SECONDS) || goes_on(episode) || neighbour(episode.actor))
        };
        let others: Vec<u8> =
            self.open.iter().filter(|(_, episode)| beside(episode)).map(|(number, _)| number).collect();
        let together = |detector: &Self, number: &u8| {
            detector.open.get(*number).is_some_and(|episode| episode.kind == Kind::Together)
        };
        if let Some(&number) = others.iter().find(|number| together(self, number)) {
            return Some(number);
        }
        if others.len() + 1 < TOGETHER {
            return None;
        }
        Some(self.merge(contact, &others))
    }

    /// One incident in the place of several.
    fn merge(&mut self, contact: &Contact, others: &[u8]) -> u8 {
        let threshold = self.settings.threshold_score();
        let mut whole = Episode::new(Kind::Together, Actor::Many, contact, threshold);
        for &number in others {
            let Some(part) = self.open.take(number) else { continue };
            whole.absorb(&part);
            if let Actor::Known(source) = part.actor {
                whole.name(source, self.keyed.source(source));
            }
        }
        let now = self.tenths(contact.time.into());
        let shared = self.take_shared(contact, now, &mut whole);
        let number = self.begin(whole);
        for &part in others {
            self.sources.hand_over(part, number);
        }
        if shared && let Some(incident) = self.incident_at_host(contact, now) {
            *incident = number;
        }
        number
    }

    /// Takes in what the same sources began as, before they were told apart: many with a door each. Whether
    /// there was such a thing.
    fn take_shared(&mut self, contact: &Contact, now: Tenths, whole: &mut Episode) -> bool {
        let number = self.incident_at_host(contact, now).map_or(0, |number| *number);
        let near = |time: Moment| Moment::from(contact.time).since(time).as_secs() <= TOGETHER_SECONDS;
        let same = |part: &Episode| part.kind == Kind::Shared && near(part.started);
        let Some(part) = self.open.get(number).is_some_and(same).then(|| self.open.take(number)).flatten()
        else {
            return false;
        };
        // Both have counted the same doors.
        let (probes, packets) = (whole.probes.max(part.probes), whole.packets.max(part.packets));
        whole.absorb(&part);
        (whole.probes, whole.packets) = (probes, packets);
        true
    }
}
