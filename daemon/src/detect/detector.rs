//! Sources, the doors they try, and the incidents that come of it.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use jiff::Timestamp;
use portcullis_config::Detect;

use super::{
    door::Door,
    record::{IncidentRecord, Phase},
    scan::Scan,
    source::Source,
    track::Track,
};
use crate::event::Event;

/// Contacts kept, over all sources: about 10 MB.
const CONTACTS: usize = 131_072;
/// Sources watched at most.
const MOST_TRACKS: usize = 8192;
/// Incidents that go on at the same time: at most about 40 MB.
const MOST_SCANS: usize = 1024;
/// The highest threshold that is kept to.
const MOST_THRESHOLD: u32 = 512;

/// Finds sources that try many closed doors.
///
/// Memory is bounded whatever is thrown at it. When there is no room for another source, the one
/// that has found least, and longest ago, is forgotten; when there are too many incidents, the one
/// that was silent longest is closed. Maps are seeded at random, so that nobody can aim for collisions.
#[derive(Debug)]
pub struct Detector {
    settings: Detect,
    tracks: HashMap<Source, Track>,
    /// The tracks by their worth: the first is the next to go.
    by_worth: BTreeSet<((usize, Timestamp), Source)>,
    scans: HashMap<Source, Scan>,
    /// Not later than any deadline of [`Self::scans`].
    wake: Option<Timestamp>,
}

impl Detector {
    /// A detector that has seen nothing.
    pub fn new(settings: Detect) -> Self {
        Self {
            settings,
            tracks: HashMap::new(),
            by_worth: BTreeSet::new(),
            scans: HashMap::new(),
            wake: None,
        }
    }

    /// Goes on by other settings. What has been seen is kept.
    pub fn configure(&mut self, settings: Detect) {
        self.settings = settings;
        self.wake = self.earliest();
    }

    /// Takes an event in, and says what is concluded from it, and what its time makes due.
    pub fn observe(&mut self, event: &Event) -> Vec<IncidentRecord> {
        let now = event.time;
        let mut records = self.tick(now);
        let Some((address, door)) = Door::tried(event) else { return records };
        let source = Source::from(address);
        match self.scans.get_mut(&source) {
            Some(scan) => scan.touch(door, now),
            None => self.track(source, address, door, now, &mut records),
        }
        records
    }

    /// What is due at `now`: updates, and the ends of incidents.
    pub fn tick(&mut self, now: Timestamp) -> Vec<IncidentRecord> {
        let mut records = Vec::new();
        if self.wake.is_none_or(|wake| wake > now) {
            return records;
        }
        let window = self.settings.window;
        self.scans.retain(|_, scan| {
            while let Some(record) = scan.due(now, window) {
                let over = record.incident.phase == Phase::End;
                records.push(record);
                if over {
                    return false;
                }
            }
            true
        });
        records.sort_by(|a, b| (a.timestamp, &a.incident.id).cmp(&(b.timestamp, &b.incident.id)));
        self.wake = self.earliest();
        records
    }

    /// When [`Self::tick`] may have something to say, if ever.
    pub const fn next_deadline(&self) -> Option<Timestamp> {
        self.wake
    }

    /// Closes every incident, in the order of their ids: the detector is about to be given up.
    pub fn finish(&mut self, now: Timestamp) -> Vec<IncidentRecord> {
        let mut records: Vec<_> = self
            .scans
            .drain()
            .map(|(_, mut scan)| scan.record(Phase::End, now.max(scan.last_seen())))
            .collect();
        records.sort_by(|a, b| a.incident.id.cmp(&b.incident.id));
        self.wake = None;
        records
    }

    fn track(
        &mut self,
        source: Source,
        address: IpAddr,
        door: Door,
        now: Timestamp,
        records: &mut Vec<IncidentRecord>,
    ) {
        let Detect { threshold, window, .. } = self.settings;
        let threshold = threshold.clamp(1, MOST_THRESHOLD) as usize;
        let mut track = match self.tracks.remove(&source) {
            Some(track) => {
                self.by_worth.remove(&(track.worth(), source));
                track
            }
            None => Track::new(now),
        };
        track.touch(door, now, window, 2 * threshold);
        if track.recent(window).count() < threshold {
            self.keep(source, track, CONTACTS / (2 * threshold));
            return;
        }
        if self.scans.len() >= MOST_SCANS {
            records.extend(self.close_stalest(now));
        }
        let mut scan = Scan::new(source, address, &track, now, window);
        records.push(scan.record(Phase::Start, now));
        let deadline = scan.deadline(window);
        self.wake = Some(self.wake.map_or(deadline, |wake| wake.min(deadline)));
        self.scans.insert(source, scan);
    }

    fn keep(&mut self, source: Source, track: Track, most: usize) {
        while self.tracks.len() >= most.min(MOST_TRACKS)
            && let Some((_, least)) = self.by_worth.pop_first()
        {
            self.tracks.remove(&least);
        }
        self.by_worth.insert((track.worth(), source));
        self.tracks.insert(source, track);
    }

    fn close_stalest(&mut self, now: Timestamp) -> Option<IncidentRecord> {
        let stalest = self.scans.iter().min_by_key(|(source, scan)| (scan.last_seen(), **source));
        let source = stalest.map(|(source, _)| *source)?;
        Some(self.scans.remove(&source)?.record(Phase::End, now))
    }

    fn earliest(&self) -> Option<Timestamp> {
        self.scans.values().map(|scan| scan.deadline(self.settings.window)).min()
    }
}

#[cfg(test)]
mod tests;
