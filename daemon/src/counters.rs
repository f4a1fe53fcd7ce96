//! What workers count: plain numbers that anyone may read at any time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use portcullis_rules::{Action, Hook, Malformed, Reason};
use serde::{Deserialize, Serialize};

use crate::latency::{Latencies, Latency};

const REASONS: usize = 4 + Malformed::ALL.len();
/// Each reason, and none.
const CAUSES: usize = REASONS + 1;
const ACTIONS: usize = Action::ALL.len();
const VERDICTS: usize = Hook::ALL.len() * ACTIONS * CAUSES;

/// One worker's counters. Only that worker writes them.
#[derive(Debug)]
pub struct Counters {
    judged: AtomicU64,
    /// By hook, action and reason.
    verdicts: [AtomicU64; VERDICTS],
    /// Refused packets that the recorder has not heard of: there were too many.
    pub events_lost: AtomicU64,
    /// Accepted first contacts that the recorder has not heard of, for the same reason.
    pub contacts_left_out: AtomicU64,
    /// From receive to verdict.
    pub latency: Latency,
    /// Receives and verdicts that the kernel refused.
    pub errors: AtomicU64,
    /// Packets that the process before had read but not judged: dropped.
    pub orphans: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            judged: AtomicU64::default(),
            verdicts: [const { AtomicU64::new(0) }; VERDICTS],
            events_lost: AtomicU64::default(),
            contacts_left_out: AtomicU64::default(),
            latency: Latency::default(),
            errors: AtomicU64::default(),
            orphans: AtomicU64::default(),
        }
    }
}

impl Counters {
    /// Packets judged so far.
    pub fn judged(&self) -> u64 {
        self.judged.load(Relaxed)
    }

    /// Counts a judged packet.
    pub fn count(&self, hook: Hook, action: Action, reason: Option<Reason>) {
        for counter in [&self.judged, &self.verdicts[verdict(hook, action, reason)]] {
            // Nobody else writes it: a load and a store cost less than one locked instruction.
            counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }
}

fn verdict(hook: Hook, action: Action, reason: Option<Reason>) -> usize {
    (hook as usize * ACTIONS + action as usize) * CAUSES + reason.map_or(REASONS, place)
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
    /// All of them in every respect, as far as there were any.
    #[serde(default)]
    pub verdicts: Vec<Verdicts>,
    /// Refused packets that the recorder has not heard of: there were too many.
    pub events_lost: u64,
    /// Accepted first contacts that the recorder has not heard of, for the same reason.
    #[serde(default)]
    pub contacts_left_out: u64,
    /// How long they waited here for their verdict.
    #[serde(default)]
    pub latency: Latencies,
    /// Receives and verdicts that the kernel refused.
    pub errors: u64,
    /// Packets that the daemon before had read but not judged: dropped when this one took over.
    #[serde(default)]
    pub restart_orphans: u64,
}

/// Packets of a hook, an action and a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Where.
    pub hook: String,
    /// What the rules say.
    pub action: String,
    /// Why, if they were not accepted.
    pub reason: Option<String>,
    /// How many.
    pub packets: u64,
}

impl Totals {
    /// Adds up `counters`.
    pub fn of<'a>(counters: impl IntoIterator<Item = &'a Counters> + Clone) -> Self {
        let sum = |pick: &dyn Fn(&Counters) -> u64| counters.clone().into_iter().map(pick).sum::<u64>();
        let causes = || Reason::all().map(Some).chain([None]);
        let mut totals = Self {
            reasons: Reason::all().map(|reason| (reason.name().to_owned(), 0)).collect(),
            events_lost: sum(&|counters| counters.events_lost.load(Relaxed)),
            contacts_left_out: sum(&|counters| counters.contacts_left_out.load(Relaxed)),
            latency: Latencies::of(counters.clone().into_iter().map(|counters| &counters.latency)),
            errors: sum(&|counters| counters.errors.load(Relaxed)),
            restart_orphans: sum(&|counters| counters.orphans.load(Relaxed)),
            ..Self::default()
        };
        for (hook, action) in Hook::ALL.into_iter().flat_map(|hook| Action::ALL.map(|action| (hook, action)))
        {
            for (n, reason) in causes().enumerate() {
                let packets = sum(&|counters| counters.verdicts[verdict(hook, action, reason)].load(Relaxed));
                if packets > 0 {
                    totals.add(
                        n,
                        Verdicts {
                            hook: hook.name().to_owned(),
                            action: action.name().to_owned(),
                            reason: reason.map(|reason| reason.name().to_owned()),
                            packets,
                        },
                        action,
                    );
                }
            }
        }
        totals
    }

    fn add(&mut self, reason: usize, verdicts: Verdicts, action: Action) {
        *match action {
            Action::Accept => &mut self.accepted,
            Action::Drop => &mut self.dropped,
            Action::Reject => &mut self.rejected,
        } += verdicts.packets;
        if let Some((_, count)) = self.reasons.get_mut(reason) {
            *count += verdicts.packets;
        }
        self.verdicts.push(verdicts);
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
        workers[0].count(Hook::Input, Action::Drop, Some(Reason::Policy));
        workers[1].count(Hook::Input, Action::Drop, Some(Reason::Policy));
        workers[1].count(Hook::Output, Action::Accept, None);
        let totals = Totals::of(&workers);
        assert_eq!((totals.accepted, totals.dropped, totals.rejected), (1, 2, 0));
        let policy = totals.reasons.iter().find(|(name, _)| name == Reason::Policy.name());
        assert_eq!(policy.map(|(_, count)| *count), Some(2));
        let verdicts: Vec<_> =
            totals.verdicts.iter().map(|v| (v.hook.as_str(), v.action.as_str(), v.packets)).collect();
        assert_eq!(verdicts, [("input", "drop", 2), ("output", "accept", 1)]);
    }
}
