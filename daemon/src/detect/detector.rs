//! From contacts to incidents.

mod crowds;
mod harmless;
mod odd;
mod probes;
mod sessions;

use std::mem;

use jiff::Timestamp;
use portcullis_config::Detect;
use portcullis_rules::{Protocol, TcpFlags};

use super::{
    contact::{Contact, News, Oddity},
    doors::Doors,
    echo::Echoes,
    episode::Episode,
    evidence::{self, Evidence, Harmless},
    history::History,
    keyed::Keyed,
    open::{Due, Open},
    ports,
    rates::Rates,
    recent::Recent,
    record::IncidentRecord,
    saved::{Saved, SavedSource},
    source::Source,
    sources::{Place, Sources},
    technique::Technique,
    time::{Beginning, Moment, Tenths},
};
use harmless::Informations;
use odd::Bogons;

/// How long a flow is remembered after it was last seen, in tenths of a second: what comes later is
/// no late reply.
const FLOW: u32 = 5 * 600;
/// How long this host knows whom it has sent a datagram, in tenths of a second.
const ACQUAINTED: u32 = 3600 * 10;
/// How much of a door's weight is left where an acquaintance tries it.
const OF_AN_ACQUAINTANCE: f32 = 0.25;
/// Sources that are saved at most.
const MOST_SAVED: usize = 1024;

/// Finds out who tries the handles.
///
/// It is pure: contacts and time go in, records come out. Its memory is fixed, whatever is thrown at
/// it ([`Self::most_bytes`]), and its tables are keyed by a secret, so that nobody can aim at a place.
#[derive(Debug)]
pub struct Detector {
    settings: Detect,
    keyed: Keyed,
    beginning: Option<Beginning>,
    sources: Sources,
    doors: Doors,
    rates: Rates,
    echoes: Echoes,
    history: History,
    /// Flows of this host, and those that were let in.
    flows: Recent<8192>,
    /// Doors that somebody tried, of late.
    tried: Recent<4096>,
    /// Doors that were open.
    opened: Recent<1024>,
    bogons: Bogons,
    informations: Informations,
    open: Open,
    due: Due,
}

/// A contact, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Knock<'a> {
    contact: &'a Contact,
    now: Tenths,
    source: Source,
    /// The source's hash.
    who: u64,
    /// The door's hash.
    door: u64,
    technique: Technique,
    weight: f32,
    meant: bool,
}

impl Detector {
    /// A detector that has seen nothing, with tables keyed by `seed`, which should be a secret.
    pub fn new(settings: Detect, seed: [u64; 2]) -> Self {
        let keyed = Keyed::new(seed);
        let window = settings.window.into();
        Self {
            settings,
            beginning: None,
            sources: Sources::new(keyed.clone()),
            doors: Doors::new(),
            rates: Rates::new(),
            echoes: Echoes::new(),
            history: History::new(),
            flows: Recent::new(),
            tried: Recent::new(),
            opened: Recent::new(),
            bogons: Bogons::default(),
            informations: Informations::new(window),
            open: Open::new(window),
            due: Due::none(),
            keyed,
        }
    }

    /// Goes on by other settings. What has been seen is kept.
    pub fn configure(&mut self, settings: Detect) {
        self.open.configure(settings.window.into());
        self.informations.configure(settings.window.into());
        self.settings = settings;
    }

    /// Bytes that it takes at most.
    pub fn most_bytes(&self) -> usize {
        let Self { sources, doors, rates, echoes, history, flows, tried, opened, .. } = self;
        let tables = [sources.bytes(), doors.bytes(), rates.bytes(), echoes.bytes(), history.bytes()];
        let recent = [flows.bytes(), tried.bytes(), opened.bytes()];
        let both: usize = tables.iter().chain(&recent).sum();
        both + Open::most_bytes() + Informations::most_bytes() + size_of::<Self>()
    }

    /// Takes a contact in, and says what is concluded from it, and what its time makes due.
    pub fn observe(&mut self, contact: &Contact) -> Vec<IncidentRecord> {
        let time = contact.time.into();
        if self.wake() <= time {
            self.due.records = self.tick(contact.time);
        }
        self.take(contact, time);
        mem::take(&mut self.due.records)
    }

    /// What is due at `now`: incidents that have settled, updates, ends.
    pub fn tick(&mut self, now: Timestamp) -> Vec<IncidentRecord> {
        let now = now.into();
        if self.wake() > now {
            return Vec::new();
        }
        let Due { mut records, over } = self.open.tick(now);
        for number in over {
            self.release(number);
        }
        records.extend(self.informations.tick(now));
        records
    }

    /// When [`Self::tick`] may have something to say, if ever.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let wake = self.wake();
        (wake < Moment::NEVER).then(|| wake.timestamp())
    }

    fn wake(&self) -> Moment {
        self.open.wake().min(self.informations.wake())
    }

    /// Closes every incident, in the order of their beginnings: the detector is about to be given up.
    pub fn finish(&mut self, now: Timestamp) -> Vec<IncidentRecord> {
        let now = now.into();
        let mut records = self.open.finish(now);
        records.extend(self.informations.finish(now));
        records
    }

    /// The sources that are over the threshold, or nearly: what a restart must not forget.
    pub fn save(&self) -> Saved {
        let beginning = self.beginning;
        let near = self.settings.threshold_score() / 2.0;
        let mut sources: Vec<SavedSource> = beginning
            .into_iter()
            .flat_map(|beginning| {
                self.sources.over(near).map(move |(source, record)| SavedSource {
                    source: source.to_string(),
                    score: record.score(),
                    last: beginning.moment(record.last).timestamp(),
                })
            })
            .collect();
        sources.sort_by(|a, b| b.score.total_cmp(&a.score));
        sources.truncate(MOST_SAVED);
        Saved { sources, banned: Vec::new() }
    }

    /// Goes on where another detector was saved. Sources that make no sense are left out.
    pub fn restore(&mut self, saved: &Saved, now: Timestamp) {
        let beginning = *self.beginning.get_or_insert_with(|| Beginning::before(now.into()));
        for SavedSource { source, score, last } in &saved.sources {
            let Some(source) = Source::parse(source).filter(|_| score.is_finite() && *score >= 0.0) else {
                continue;
            };
            let last = beginning.tenths((*last).min(now).into());
            if let Some(place) = self.sources.find_or_make(source, last, 0) {
                self.sources.at(place).restore(score.min(1000.0));
            }
        }
    }

    fn take(&mut self, contact: &Contact, time: Moment) {
        let now = self.tenths(time);
        match contact.news {
            News::Sent => return self.sent(contact, now),
            News::Oddity(Oddity::Land) => return self.land(contact),
            _ if contact.source == contact.destination => return self.land(contact),
            News::Oddity(oddity) => return self.oddity(contact, oddity, now),
            _ => {}
        }
        if self.is_bogus(contact, now) {
            return;
        }
        match evidence::weigh(contact) {
            Evidence::Harmless(harmless) => self.harmless(contact, harmless),
            Evidence::Probe { .. } if self.is_late(contact, now) => {
                self.harmless(contact, Harmless::LateReply);
            }
            Evidence::Probe { technique, mut weight, meant } => {
                if technique == Technique::Udp && self.is_acquainted(contact, now) {
                    weight *= OF_AN_ACQUAINTANCE;
                }
                let (source, door) = (contact.source.into(), self.keyed.door(contact));
                let who = self.keyed.source(source);
                let mut knock = Knock { contact, now, source, who, door, technique, weight, meant };
                match contact.news {
                    News::Completed(many) => self.welcome(&knock, many),
                    news if evidence::counts(news, technique) => self.turned_away(&mut knock),
                    News::Accepted => self.flows.note(self.keyed.flow(contact), now),
                    News::Silent(many) if technique == Technique::Udp => {
                        self.unanswered(&knock, many);
                        self.unheard(&mut knock);
                    }
                    _ => {}
                }
            }
        }
    }

    fn tenths(&mut self, time: Moment) -> Tenths {
        self.beginning.get_or_insert_with(|| Beginning::before(time)).tenths(time)
    }

    /// Remembers a flow of this host's own, and whom it talks to.
    fn sent(&mut self, contact: &Contact, now: Tenths) {
        self.flows.note(!self.keyed.flow(contact), now);
        if contact.protocol == Protocol::UDP {
            self.acquaint(contact, now);
        }
    }

    /// Remembers that this host sends the other end datagrams.
    fn acquaint(&mut self, contact: &Contact, now: Tenths) {
        self.flows.note(self.keyed.flow(&Contact { ports: None, ..*contact }), now);
    }

    /// Whether it belongs to a flow that was alive a moment ago. A SYN begins one, whatever was before.
    fn is_late(&self, contact: &Contact, now: Tenths) -> bool {
        let may_be = match contact.protocol {
            Protocol::TCP => contact.flags.contains(TcpFlags::ACK),
            Protocol::UDP => true,
            _ => false,
        };
        if !may_be {
            return false;
        }
        let flow = self.keyed.flow(contact);
        let known = |flow| self.flows.within(flow, now, FLOW);
        match contact.news {
            News::Refused => known(!flow) || known(flow),
            // The program that has asked is gone, and the host says so. What was let in is remembered as the
            // flow that it began: that alone is no question of the host's own.
            News::TurnedDown | News::Silent(_) => known(!flow),
            _ => false,
        }
    }

    /// Whether a datagram comes from somebody whom this host itself sends datagrams: calls and games agree on
    /// doors by other ways than by knocking. Doors of services are no part of that.
    fn is_acquainted(&self, contact: &Contact, now: Tenths) -> bool {
        contact.ports.is_some_and(|ports| ports::is_nobodys(ports.destination))
            && self.flows.within(self.keyed.flow(&Contact { ports: None, ..*contact }), now, ACQUAINTED)
    }

    /// Opens an incident, and tells its number.
    fn begin(&mut self, episode: Episode) -> u8 {
        let over = self.due.over.len();
        let number = self.open.begin(episode, &mut self.due);
        for gone in self.due.over.split_off(over) {
            self.release(gone);
        }
        number
    }

    /// Forgets which records belong to an incident that is over.
    fn release(&mut self, number: u8) {
        self.sources.release(number, self.settings.threshold_score() / 2.0);
        self.doors.release(number, |crowd| crowd.faces = 0);
        self.rates.release(number, |_| {});
        self.bogons.release(number);
    }

    /// Where the source of a knock is known, if it is.
    fn place(&mut self, knock: &Knock<'_>) -> Option<Place> {
        let place = self.sources.find_or_make_at(knock.source, knock.who, knock.now, knock.contact.packet)?;
        self.sources.at(place).fade(knock.now);
        Some(place)
    }
}

/// What the settings mean.
trait Score {
    /// The score of an incident.
    fn threshold_score(&self) -> f32;
}

impl Score for Detect {
    fn threshold_score(&self) -> f32 {
        u16::try_from(self.threshold).map_or_else(|_| f32::from(u16::MAX), f32::from)
    }
}

#[cfg(test)]
mod tests;
