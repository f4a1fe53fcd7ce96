//! How many packets each rule has decided, and when it last did.
//!
//! Each generation has an array of counters for each worker, which only that worker writes: no lock,
//! no shared cache line. Over reloads and restarts they are added up by the rules' names.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;
use portcullis_rules::{Cause, Hook, Ruleset};
use serde::{Deserialize, Serialize};

use crate::generation::Generation;

const FILE: &str = "rule-hits.json";

/// One worker's counters for one generation: a place for each rule, then one for each hook's policy.
#[derive(Debug)]
pub struct HitCounters(Box<[HitCounter]>);

#[derive(Debug, Default)]
struct HitCounter {
    packets: AtomicU64,
    /// In seconds since the epoch, of the last of them.
    last: AtomicI64,
}

impl HitCounters {
    /// Counters for the rules of `ruleset`.
    pub fn new(ruleset: &Ruleset) -> Self {
        Self((0..ruleset.rules.len() + Hook::ALL.len()).map(|_| HitCounter::default()).collect())
    }

    /// Counts a packet that `cause` decided at `hook`. Only one thread may do so.
    #[inline]
    pub fn count(&self, cause: Cause, hook: Hook, time: Timestamp) {
        let place = match cause {
            Cause::Rule(id) => id.0 as usize,
            Cause::Policy => self.0.len() - Hook::ALL.len() + hook as usize,
        };
        if let Some(HitCounter { packets, last }) = self.0.get(place) {
            packets.store(packets.load(Relaxed) + 1, Relaxed);
            last.store(time.as_second(), Relaxed);
        }
    }
}

/// How often a rule, or `policy HOOK`, has decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hits {
    /// Packets that came to the daemon: those of accepted flows stay in the kernel.
    pub packets: u64,
    /// When the last of them was judged, to the second.
    pub last: Option<Timestamp>,
}

impl Hits {
    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.last = self.last.max(other.last);
    }
}

/// The answer to how often rules have decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitReport {
    /// Since when packets are counted.
    pub since: Timestamp,
    /// By rule name, or `policy HOOK`.
    pub rules: BTreeMap<String, Hits>,
}

/// What all generations have counted.
#[derive(Debug)]
pub struct Tally {
    past: HitReport,
    /// Replaced generations by which a packet may still be judged.
    retired: Vec<Arc<Generation>>,
}

impl Tally {
    /// Goes on from what the last daemon kept in `directory`, or begins now.
    pub fn load(directory: &Path) -> Self {
        let kept = fs::read(directory.join(FILE)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let past = kept.unwrap_or_else(|| HitReport { since: Timestamp::now(), ..HitReport::default() });
        Self { past, retired: Vec::new() }
    }

    /// Takes in a generation that has just been replaced.
    pub fn retire(&mut self, generation: Arc<Generation>) {
        self.retired.push(generation);
        self.sweep();
    }

    /// Lets replaced generations go that nobody judges or records by any more; whether none is left.
    pub fn sweep(&mut self) -> bool {
        let past = &mut self.past.rules;
        // Whoever still judges or records by it holds it, too.
        self.retired.retain(|retired| {
            let in_use = Arc::strong_count(retired) > 1;
            if !in_use {
                add(past, retired);
            }
            in_use
        });
        self.retired.is_empty()
    }

    /// What was counted for the rules of `live` and its policies, by all generations.
    pub fn report(&self, live: &Generation) -> HitReport {
        let mut counted = self.past.rules.clone();
        for generation in self.retired.iter().map(AsRef::as_ref).chain([live]) {
            add(&mut counted, generation);
        }
        let rules = names(live.ruleset()).map(|name| {
            let hits = counted.get(name.as_str()).copied().unwrap_or_default();
            (name, hits)
        });
        HitReport { since: self.past.since, rules: rules.collect() }
    }

    /// Keeps what was counted for the next daemon. A crash leaves the old counts or the new ones.
    ///
    /// # Errors
    /// What the file system said.
    pub fn save(&self, live: &Generation, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let draft = directory.join(format!("{FILE}.new"));
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec(&self.report(live))?)?;
        file.sync_all()?;
        fs::rename(draft, directory.join(FILE))
    }
}

fn add(counted: &mut BTreeMap<String, Hits>, generation: &Generation) {
    for HitCounters(counters) in &generation.hits {
        for (name, HitCounter { packets, last }) in names(generation.ruleset()).zip(counters) {
            let packets = packets.load(Relaxed);
            if packets > 0 {
                let last = Timestamp::from_second(last.load(Relaxed)).ok();
                counted.entry(name).or_default().add(Hits { packets, last });
            }
        }
    }
}

/// The names of rules, then of policies, in the order of the counters.
fn names(ruleset: &Ruleset) -> impl Iterator<Item = String> {
    let rules = ruleset.rules.iter().map(|rule| rule.name.to_string());
    rules.chain(Hook::ALL.map(|hook| format!("policy {hook}")))
}

#[cfg(test)]
mod tests {
    use portcullis_config::Mode;
    use portcullis_rules::RuleId;

    use super::*;
    use crate::log::sample::generation;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn counts_survive_reloads_and_restarts() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut tally = Tally::load(directory.path());
        let sample = || generation(7, Mode::Enforce);
        let (first, second) = (sample(), sample());
        let rule = first.ruleset().rules[0].name.to_string();
        first.hits[0].count(Cause::Rule(RuleId(0)), Hook::Input, at(5));
        first.hits[1].count(Cause::Rule(RuleId(0)), Hook::Input, at(9));
        let judging = Arc::clone(&first);
        tally.retire(first);
        // Judged by the old rules after the new ones are live.
        judging.hits[0].count(Cause::Policy, Hook::Output, at(7));
        drop(judging);
        second.hits[0].count(Cause::Rule(RuleId(0)), Hook::Input, at(8));
        let report = tally.report(&second);
        assert_eq!(report.rules[&rule], Hits { packets: 3, last: Some(at(9)) });
        assert_eq!(report.rules["policy output"], Hits { packets: 1, last: Some(at(7)) });
        assert_eq!(report.rules["policy input"], Hits::default());
        tally.save(&second, directory.path()).expect("a directory that is ours");
        let restarted = Tally::load(directory.path()).report(&sample());
        assert_eq!(restarted, report);
    }
}
