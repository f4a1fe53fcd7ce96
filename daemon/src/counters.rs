//! What workers count: plain numbers that anyone may read at any time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use portcullis_rules::{Action, Malformed, Reason};
use serde::{Deserialize, Serialize};

const REASONS: usize = 4 + Malformed::ALL.len();

/// One worker's counters. Only that worker writes them.
#[derive(Debug, Default)]
pub struct Counters {
    actions: [AtomicU64; 3],
    reasons: [AtomicU64; REASONS],
    /// Refused packets that the recorder has not heard of: there were too many.
    pub events_lost: AtomicU64,
    /// Accepted first contacts that the recorder has not heard of, for the same reason.
    pub contacts_left_out: AtomicU64,
    /// Receives and verdicts that the kernel refused.
    pub errors: AtomicU64,
    /// Packets that the process before had read but not judged: dropped.
    pub orphans: AtomicU64,
}

impl Counters {
    /// Packets judged so far.
    pub fn judged(&self) -> u64 {
        self.actions.iter().map(|action| action.load(Relaxed)).sum()
    }

    /// Counts a judged packet.
    pub fn count(&self, action: Action, reason: Option<Reason>) {
        self.actions[action as usize].fetch_add(1, Relaxed);
        if let Some(reason) = reason {
            self.reasons[place(reason)].fetch_add(1, Relaxed);
        }
    }
}

fn place(reason: Reason) -> usize {
    match reason {
        Reason::Rule => 0,
        Reason::Policy => 1,
        Reason::RateExceeded => 2,
        Reason::FlowCut => 3,
        Reason::Malformed(malformed) => 4 + malformed as usize,
    }
}

/// The counters of all workers together, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Packets that the rules accept.
    pub accepted: u64,
    /// Packets that the rules drop.
    pub dropped: u64,
    /// Packets that the rules reject.
    pub rejected: u64,
    /// Those not accepted, by reason.
    pub reasons: Vec<(String, u64)>,
    /// Refused packets that the recorder has not heard of: there were too many.
    pub events_lost: u64,
    /// Accepted first contacts that the recorder has not heard of, for the same reason.
    #[serde(default)]
    pub contacts_left_out: u64,
    /// Receives and verdicts that the kernel refused.
    pub errors: u64,
    /// Packets that the daemon before had read but not judged: dropped when this one took over.
    #[serde(default)]
    pub restart_orphans: u64,
}

impl Totals {
    /// Adds up `counters`.
    pub fn of<'a>(counters: impl IntoIterator<Item = &'a Counters> + Clone) -> Self {
        let sum = |pick: &dyn Fn(&Counters) -> u64| counters.clone().into_iter().map(pick).sum::<u64>();
        let action = |action: Action| sum(&|counters| counters.actions[action as usize].load(Relaxed));
        let reason = |reason: Reason| {
            let count: u64 = sum(&|counters| counters.reasons[place(reason)].load(Relaxed));
            (reason.name().to_owned(), count)
        };
        Self {
            accepted: action(Action::Accept),
            dropped: action(Action::Drop),
            rejected: action(Action::Reject),
            reasons: Reason::all().map(reason).collect(),
            events_lost: sum(&|counters| counters.events_lost.load(Relaxed)),
            contacts_left_out: sum(&|counters| counters.contacts_left_out.load(Relaxed)),
            errors: sum(&|counters| counters.errors.load(Relaxed)),
            restart_orphans: sum(&|counters| counters.orphans.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_place_of_its_own() {
        let places: BTreeSet<usize> = Reason::all().map(place).collect();
        assert_eq!(places, (0..REASONS).collect());
    }

    #[test]
    fn totals_add_up_all_workers() {
        let workers = [Counters::default(), Counters::default()];
        workers[0].count(Action::Drop, Some(Reason::Policy));
        workers[1].count(Action::Drop, Some(Reason::Policy));
        workers[1].count(Action::Accept, None);
        let totals = Totals::of(&workers);
        assert_eq!((totals.accepted, totals.dropped, totals.rejected), (1, 2, 0));
        let policy = totals.reasons.iter().find(|(name, _)| name == Reason::Policy.name());
        assert_eq!(policy.map(|(_, count)| *count), Some(2));
    }
}
