//! An incident that goes on.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;

use super::{
    door::Door,
    record::{EventType, Incident, IncidentRecord, Pattern, Phase, Severity},
    source::Source,
    tally::{MOST_HOSTS, Tally},
    track::{Track, after, since},
};
use crate::log::base36;

/// When an incident is told of again after its start, if there is something new.
const UPDATES: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(10 * 60), Duration::from_secs(60 * 60)];

/// An incident that goes on.
#[derive(Debug)]
pub(super) struct Scan {
    source: Source,
    address: IpAddr,
    started: Timestamp,
    first_seen: Timestamp,
    last_seen: Timestamp,
    packets: u64,
    tally: Tally,
    /// How many of [`UPDATES`] are past.
    updates: usize,
    /// [`Self::packets`] in the last record.
    told: u64,
}

impl Scan {
    /// An incident made of a track's recent contacts.
    pub(super) fn new(
        source: Source,
        address: IpAddr,
        track: &Track,
        now: Timestamp,
        window: Duration,
    ) -> Self {
        let mut scan = Self {
            source,
            address,
            started: now,
            first_seen: now,
            last_seen: now,
            packets: 0,
            tally: Tally::default(),
            updates: 0,
            told: 0,
        };
        for contact in track.recent(window) {
            scan.first_seen = scan.first_seen.min(contact.first);
            scan.packets += contact.packets;
            scan.tally.add(contact.door);
        }
        scan
    }

    /// Counts a packet.
    pub(super) fn touch(&mut self, door: Door, now: Timestamp) {
        self.last_seen = self.last_seen.max(now);
        self.packets += 1;
        self.tally.add(door);
    }

    /// When the last packet came.
    pub(super) const fn last_seen(&self) -> Timestamp {
        self.last_seen
    }

    /// When there may be something to tell.
    pub(super) fn deadline(&self, window: Duration) -> Timestamp {
        let update = UPDATES.get(self.updates).map_or(Timestamp::MAX, |&wait| after(self.started, wait));
        update.min(after(self.last_seen, window))
    }

    /// The next record that is due at `now`. After [`Phase::End`] there is none.
    pub(super) fn due(&mut self, now: Timestamp, window: Duration) -> Option<IncidentRecord> {
        loop {
            let deadline = self.deadline(window);
            if deadline > now {
                return None;
            }
            if deadline == after(self.last_seen, window) {
                return Some(self.record(Phase::End, deadline));
            }
            self.updates += 1;
            if self.packets > self.told {
                return Some(self.record(Phase::Update, deadline));
            }
        }
    }

    /// What is known by now.
    pub(super) fn record(&mut self, phase: Phase, timestamp: Timestamp) -> IncidentRecord {
        self.told = self.packets;
        let hosts = self.tally.distinct_hosts();
        let started = u64::try_from(self.started.as_microsecond()).unwrap_or(0);
        IncidentRecord {
            timestamp,
            event_type: EventType::Incident,
            src_ip: self.address,
            incident: Incident {
                id: format!("{}-{}", base36(started), self.source),
                source: self.source.to_string(),
                pattern: self.tally.pattern(),
                phase,
                severity: self.severity(),
                first_seen: self.first_seen,
                last_seen: self.last_seen,
                packets: self.packets,
                distinct_ports: self.tally.distinct_ports(),
                distinct_hosts: u32::try_from(hosts).unwrap_or(u32::MAX),
                sample_ports: self.tally.sample_ports(),
            },
            summary: self.sentence(phase),
        }
    }

    fn severity(&self) -> Severity {
        let hosts = u32::try_from(self.tally.distinct_hosts()).unwrap_or(u32::MAX);
        match self.tally.distinct_ports().max(hosts) {
            0..20 => Severity::Low,
            20..100 => Severity::Medium,
            100.. => Severity::High,
        }
    }

    fn sentence(&self, phase: Phase) -> String {
        let Self { source, packets, tally, .. } = self;
        let (ports, hosts) = (tally.distinct_ports(), tally.distinct_hosts());
        let hosts = if hosts < MOST_HOSTS { hosts.to_string() } else { format!("at least {hosts}") };
        let sample = tally.sample_ports();
        let tried = match (tally.pattern(), tally.only_host()) {
            (Pattern::PortScan, Some(host)) => format!("{ports} closed ports of {host}"),
            (Pattern::HostSweep, _) => format!("port {} of {hosts} hosts", sample.join(", ")),
            _ => format!("{ports} closed ports of {hosts} hosts"),
        };
        let state = match phase {
            Phase::Start => "begins",
            Phase::Update => "so far",
            Phase::End => "is over",
        };
        let seconds = since(self.first_seen, self.last_seen).as_secs();
        let pattern = tally.pattern().name();
        format!("{pattern} {state}: {source} tried {tried}, {packets} packets in {seconds} s")
    }
}
