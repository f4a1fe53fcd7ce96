//! For how long whom to ban, if at all.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use jiff::Timestamp;
use portcullis_config::{Ban, Severity as Least};
use serde::{Deserialize, Serialize};

use super::{
    pattern::Severity,
    record::{IncidentRecord, Phase},
    source::Source,
    time::{Micros, Moment},
};
use crate::log::eve_time;

/// Sources whose bans are counted; the one that was banned longest ago makes room.
const MOST: usize = 1024;

/// How often sources were banned: each time is twice as long as the one before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sentences(HashMap<Source, (u32, Timestamp)>);

/// A source that was banned before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BannedBefore {
    /// An address or a prefix.
    pub source: String,
    /// So many times,
    pub times: u32,
    /// the last time then.
    #[serde(with = "eve_time")]
    pub last: Timestamp,
}

impl Sentences {
    /// Whom to ban for an incident, and for how long. Only who has completed a handshake can be meant: any
    /// other packet may carry somebody else's address, and a ban would be what its sender wants.
    pub fn pass(&mut self, record: &IncidentRecord, ban: &Ban) -> Option<(IpAddr, Duration)> {
        let incident = &record.incident;
        let least = match ban.severity {
            Least::Low | Least::Medium => Severity::Medium,
            Least::High => Severity::High,
        };
        let grave = ban.enable && incident.severity >= least && incident.handshake;
        if !grave || incident.phase == Phase::End {
            return None;
        }
        let source = Source::parse(&incident.source).filter(|source| source.is_host())?;
        let now = record.timestamp;
        if !self.0.contains_key(&source)
            && self.0.len() >= MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (_, last))| *last).map(|(source, _)| *source)
        {
            self.0.remove(&oldest);
        }
        let (times, last) = self.0.entry(source).or_insert((0, Timestamp::MIN));
        let length = ban.first.saturating_mul(1_u32.checked_shl(*times).unwrap_or(u32::MAX)).min(ban.longest);
        // An incident that goes on while its source is banned was decided by packets from before.
        let served = ban.first.saturating_mul(1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX));
        if *times > 0 && Moment::from(now).since((*last).into()) < Micros::from(served.min(ban.longest)) {
            return None;
        }
        (*times, *last) = (times.saturating_add(1), now);
        Some((record.src_ip, length))
    }

    /// What a restart must not forget.
    pub fn save(&self) -> Vec<BannedBefore> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|(source, &(times, last))| BannedBefore { source: source.to_string(), times, last })
            .collect();
        all.sort_by(|a, b| a.source.cmp(&b.source));
        all
    }

    /// Goes on where others ended. Sources that make no sense are left out.
    pub fn restore(saved: &[BannedBefore]) -> Self {
        let known = saved.iter().filter_map(|BannedBefore { source, times, last }| {
            Some((Source::parse(source)?, (*times, *last)))
        });
        Self(known.take(MOST).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, contact::News};
    use crate::log::sample::{at, tcp};
    use portcullis_config::Detect;

    const ENABLED: Ban = Ban {
        enable: true,
        first: Duration::from_secs(600),
        longest: Duration::from_secs(1500),
        severity: Least::High,
    };

    /// The record of a scan that the detector is sure of.
    fn scan() -> IncidentRecord {
        let mut detector = Detector::new(Detect::default(), [1, 2]);
        for port in 1..=40 {
            detector.observe(&tcp("203.0.113.9", 40000, "192.0.2.1", port).contact().unwrap());
        }
        let mut met = tcp("203.0.113.9", 40000, "192.0.2.1", 443).contact().unwrap();
        met.news = News::Completed(1);
        detector.observe(&met);
        detector.tick(at(1000)).remove(0)
    }

    #[test]
    fn each_time_is_twice_as_long_up_to_the_longest() {
        let mut sentences = Sentences::default();
        let mut record = scan();
        let mut lengths = Vec::new();
        for hours in 1..=4 {
            record.timestamp = at(hours * 3_600_000);
            let length = sentences.pass(&record, &ENABLED).map(|(_, length)| length.as_secs());
            lengths.extend(length);
            assert_eq!(sentences.pass(&record, &ENABLED), None, "it is banned already");
            sentences = Sentences::restore(&sentences.save());
        }
        assert_eq!(lengths, [600, 1200, 1500, 1500]);
    }

    #[test]
    fn what_may_be_forged_is_no_reason() {
        let record = scan();
        let passes = |change: fn(&mut IncidentRecord)| {
            let mut record = record.clone();
            change(&mut record);
            Sentences::default().pass(&record, &ENABLED).is_some()
        };
        assert!(passes(|_| {}));
        assert!(!passes(|record| record.incident.handshake = false));
        assert!(!passes(|record| record.incident.source = "many".to_owned()));
        assert!(!passes(|record| record.incident.source = "203.0.113.0/24".to_owned()));
        assert!(!passes(|record| record.incident.severity = Severity::Medium));
        assert!(!passes(|record| record.incident.phase = Phase::End));
        assert_eq!(Sentences::default().pass(&record, &Ban { enable: false, ..ENABLED }), None);
    }
}
