//! What becomes of events after the workers: detector, budget, files.

mod memory;
mod thread;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    path::Path,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use portcullis_config::{Detect, Log};

use self::memory::Memory;
pub use self::thread::{Handle, Tap, spawn};
use crate::{
    ban::{Asker, BanRequest},
    detect::{Contact, Detector, IncidentRecord, Phase, Sentences},
    event::Event,
    log::{
        Admission, Archivist, Budget, Counters, EventIds, Limits, Outlets, PerSecond, Record, Segment, Show,
        Sockets, Stream, Summary, describe, describe_summary, under_journald,
    },
    outcome::{Awaited, Heard},
};

/// Incident records in a second. A source needs as many packets as the detector's threshold for one
/// incident, but an attacker may have many sources.
const INCIDENTS_A_SECOND: u32 = 50;
/// How far time may go back before the clock counts as set: workers' events arrive slightly out of order.
const OUT_OF_ORDER: SignedDuration = SignedDuration::from_secs(10);

/// Takes events in, one at a time, and writes what is to be told of them. Time is the events' own.
#[derive(Debug)]
pub struct Recorder {
    budget: Budget,
    detector: Detector,
    memory: Option<Memory>,
    sentences: Sentences,
    detect: Detect,
    asker: Option<Asker>,
    awaited: Awaited,
    /// By [`Stream`].
    files: [Segment; 2],
    outlets: Outlets,
    /// Which of them could not be written to the last time.
    failing: [bool; 2],
    ids: EventIds,
    incidents_per_second: PerSecond,
    counters: Arc<Counters>,
    show: Option<Show>,
    /// The latest time heard of.
    now: Timestamp,
}

impl Recorder {
    /// A recorder that has seen nothing. Files that can't be opened are tried again when there is
    /// something to write.
    pub fn new(log: &Log, detect: Detect, show: Option<Show>) -> Self {
        let mut recorder = Self {
            budget: Budget::default(),
            detector: Detector::new(detect.clone(), seed()),
            memory: None,
            sentences: Sentences::default(),
            detect,
            asker: None,
            awaited: Awaited::default(),
            files: files(log),
            outlets: Outlets::open(log, &Sockets::default()),
            failing: [false; 2],
            ids: EventIds::default(),
            incidents_per_second: PerSecond::new(INCIDENTS_A_SECOND),
            counters: Arc::default(),
            show,
            now: Timestamp::UNIX_EPOCH,
        };
        recorder.open();
        recorder
    }

    /// Goes on where the last recorder ended whose state is in this directory, and leaves its own there.
    pub fn remember(&mut self, state: &Path, now: Timestamp) {
        let (memory, sentences) = Memory::restore(state, &mut self.detector, now);
        (self.memory, self.sentences) = (Some(memory), sentences);
    }

    /// Asks for the bans that `[detect.ban]` wants.
    pub fn ask_for_bans(&mut self, asker: Asker) {
        self.asker = Some(asker);
    }

    /// Goes on by other settings; files are opened anew.
    pub fn configure(&mut self, log: &Log, detect: Detect) {
        self.files = files(log);
        self.outlets = Outlets::open(log, &Sockets::default());
        self.detector.configure(detect.clone());
        self.detect = detect;
        self.open();
    }

    /// What has been done so far.
    pub const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Takes an event in.
    pub fn record(&mut self, event: &Event) {
        self.follow(event.time);
        self.summarise_due();
        let counter = match self.budget.admit(event) {
            Admission::Write => {
                let id = self.ids.next(event.time);
                self.tell(&describe(event, id));
                &self.counters.written
            }
            Admission::Counted => &self.counters.summarised,
            Admission::Silent if event.reason.is_some() => &self.counters.suppressed,
            Admission::Silent => &self.counters.unremarkable,
        };
        Counters::add(counter);
        if let Some(show) = &mut self.show {
            show.tick(event.time);
            show.event(event);
        }
        if let Some(contact) = event.contact() {
            self.awaited.add(&contact);
            self.observe(&contact);
        }
    }

    /// Takes in what no queue has shown.
    pub fn hear(&mut self, heard: &Heard) {
        let contact = match heard {
            Heard::Refusal(refusal) => self.awaited.refused(refusal),
            Heard::Contact(contact) => *contact,
        };
        self.observe(&contact);
    }

    fn observe(&mut self, contact: &Contact) {
        for record in self.detector.observe(contact) {
            self.conclude(&record);
        }
    }

    /// Does what is due at `now`.
    pub fn tick(&mut self, now: Timestamp) {
        self.follow(now);
        self.summarise_due();
        while let Some(contact) = self.awaited.due(now) {
            self.observe(&contact);
        }
        for record in self.detector.tick(now) {
            self.conclude(&record);
        }
        if let Some(memory) = &mut self.memory {
            memory.tick(&self.detector, &self.sentences, now);
        }
        if let Some(show) = &mut self.show {
            show.tick(now);
        }
        for file in &mut self.files {
            if let Err(error) = file.tick(now) {
                tracing::warn!("{} is not rotated: {error}", file.path().display());
            }
        }
    }

    /// Goes on at `now`. Where the clock was set back, incidents would not end, nor suspicions fade, until it is there
    /// again: so they are closed, and what was known of sources counts from now.
    fn follow(&mut self, now: Timestamp) {
        if self.now.duration_since(now) > OUT_OF_ORDER {
            tracing::warn!("the clock was set back: incidents that went on are closed");
            for record in self.detector.finish(self.now) {
                self.conclude(&record);
            }
            let known = self.detector.save();
            self.detector = Detector::new(self.detect.clone(), seed());
            self.detector.restore(&known, now);
            self.awaited = Awaited::default();
            if let Some(memory) = &mut self.memory {
                memory.begin(now);
            }
        }
        self.now = now;
    }

    /// When [`Self::tick`] may have something to do; never, if nothing is pending.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let show = self.show.as_ref().and_then(Show::deadline);
        let memory = self.memory.as_ref().and_then(|memory| memory.deadline(&self.detector));
        let detector = self.detector.next_deadline();
        let files = self.files.iter().filter_map(Segment::deadline).min();
        let known = [self.budget.deadline(), detector, self.awaited.deadline(), memory, show, files];
        known.into_iter().flatten().min()
    }

    /// Writes everything that waits for a later time: summaries, and the ends of incidents.
    pub fn finish(&mut self) {
        let summaries = self.budget.flush();
        self.summarise(summaries);
        if let Some(memory) = &mut self.memory {
            memory.save(&self.detector, &self.sentences);
        }
        for record in self.detector.finish(self.now) {
            self.conclude(&record);
        }
    }

    fn summarise_due(&mut self) {
        let summaries = self.budget.due(self.now);
        self.summarise(summaries);
    }

    fn summarise(&mut self, summaries: Vec<Summary>) {
        for summary in summaries {
            let id = self.ids.next(summary.last);
            self.tell(&describe_summary(&summary, id));
        }
    }

    fn tell(&mut self, record: &Record) {
        self.write(Stream::Blocked, &record.line());
        Counters::add_many(&self.counters.untold, self.outlets.packet(record));
    }

    fn conclude(&mut self, record: &IncidentRecord) {
        self.ban_source(record);
        if record.incident.phase == Phase::Start {
            self.counters.incident(record.incident.pattern.name());
        }
        if !self.incidents_per_second.take(self.now) {
            Counters::add(&self.counters.incident_records_left_out);
            return;
        }
        let told = self.outlets.incident(record);
        if told.is_err() {
            Counters::add(&self.counters.untold);
        }
        match &mut self.show {
            Some(show) => show.incident(record),
            // Our own log is the journal: once is enough.
            None if matches!(told, Ok(true)) && under_journald() => {}
            None => tracing::info!(incident = record.incident.id, "{}", record.summary),
        }
        self.write(Stream::Incidents, &record.line());
    }

    fn ban_source(&mut self, record: &IncidentRecord) {
        let Some(asker) = &self.asker else { return };
        if let Some((source, length)) = self.sentences.pass(record, &self.detect.ban)
            && !asker.ask(BanRequest { source, length, why: record.summary.clone() })
        {
            tracing::warn!("{source} is not banned: too many bans were asked for at once");
        }
    }

    /// Whether records can be written is better known before there are any.
    fn open(&mut self) {
        for stream in Stream::ALL {
            let outcome = self.files[stream as usize].open(self.now);
            self.note(stream, outcome);
        }
    }

    /// A line that can't be written is lost, and counted.
    fn write(&mut self, stream: Stream, line: &[u8]) {
        let outcome = self.files[stream as usize].append(line, self.now);
        if outcome.is_err() {
            Counters::add(&self.counters.write_errors);
        }
        self.note(stream, outcome);
    }

    /// Says when writing begins to fail, and when it works again.
    fn note(&mut self, stream: Stream, outcome: io::Result<()>) {
        let file = self.files[stream as usize].path();
        match (outcome, &mut self.failing[stream as usize]) {
            (Err(error), failing @ false) => {
                *failing = true;
                tracing::error!("records can't be written to {}, and are lost: {error}", file.display());
            }
            (Ok(()), failing @ true) => {
                *failing = false;
                tracing::warn!("records are written to {} again", file.display());
            }
            (Err(_), true) | (Ok(()), false) => {}
        }
    }
}

fn files(log: &Log) -> [Segment; 2] {
    let age = log.max_age.and_then(|age| age.try_into().ok());
    let limits = Limits { age, ..Limits::within(log.max_size, log.max_total) };
    let archivist = Archivist::start(log.directory.clone(), limits);
    // Of what an earlier run has left.
    archivist.wake();
    Stream::ALL
        .map(|stream| Segment::new(log.directory.clone(), stream, limits).archived_by(archivist.clone()))
}

/// A secret for the detector's tables.
fn seed() -> [u64; 2] {
    [(); 2].map(|()| RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests;
