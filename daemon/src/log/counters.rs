//! What the recorder did, in numbers.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts since start, readable from any thread. Every event is counted in exactly one of
/// `written`, `summarised`, `suppressed` and `unremarkable`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Packets that have a record of their own.
    pub written: AtomicU64,
    /// Packets counted in a summary record, or waiting for one.
    pub summarised: AtomicU64,
    /// Blocked packets that a rule's `log = "none"` keeps out.
    pub suppressed: AtomicU64,
    /// Accepted packets that nobody asked to see.
    pub unremarkable: AtomicU64,
    /// Incidents begun.
    pub incidents: AtomicU64,
    /// The same by pattern. Only the recorder writes it, once an incident.
    patterns: Mutex<BTreeMap<String, u64>>,
    /// Incident records left out because there were too many in a second.
    pub incident_records_left_out: AtomicU64,
    /// Records lost because they could not be written.
    pub write_errors: AtomicU64,
    /// Entries that the journal or syslog had no room for.
    pub untold: AtomicU64,
}

impl Counters {
    /// Adds one.
    pub(crate) fn add(counter: &AtomicU64) {
        Self::add_many(counter, 1);
    }

    /// Adds so many.
    pub(crate) fn add_many(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts an incident.
    pub(crate) fn incident(&self, pattern: &str) {
        Self::add(&self.incidents);
        let mut patterns = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        *patterns.entry(pattern.to_owned()).or_default() += 1;
    }

    /// Incidents by pattern.
    pub fn patterns(&self) -> Vec<(String, u64)> {
        let patterns = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        patterns.iter().map(|(pattern, count)| (pattern.clone(), *count)).collect()
    }

    /// Reads one of the counters.
    pub fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
