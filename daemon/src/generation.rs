//! A published rule table and its number.

use std::sync::{Arc, OnceLock};

use portcullis_config::{Config, Mode, Unjudged};
use portcullis_rules::{Action, Cause, Hook, LogDetail, RuleTable, Ruleset};

use crate::{hits::HitCounters, mark::GenerationMark, rates::Rates};

/// What workers judge by. A new one is compiled beside the live one and swapped in whole.
#[derive(Debug)]
pub struct Generation {
    /// Counts the tables that this daemon has published, from 1; in records.
    pub number: u64,
    /// Its number in the kernel's marks: see [`Self::remember_as`].
    mark: OnceLock<GenerationMark>,
    /// Whether verdicts are carried out, or only recorded.
    pub mode: Mode,
    /// Whether packets pass when the queue is full.
    pub fail_open: bool,
    /// Whether packets come with their connection, where the kernel has that: see [`connections`].
    pub connections: bool,
    /// The compiled rules.
    pub table: RuleTable,
    /// What its rules with a rate have counted.
    pub rates: Rates,
    /// By rule: whether what it accepts is recorded, packet for packet. Empty if no rule wants that.
    logs_accepted: Box<[bool]>,
    /// How often each rule has decided, for each worker by its number.
    pub hits: Box<[HitCounters]>,
}

impl Generation {
    /// Compiles what `config` says, for so many workers. Rates go on counting where `before` is.
    pub fn compile(config: &Config, before: Option<&Self>, workers: usize) -> Self {
        let table = RuleTable::compile(Arc::clone(&config.ruleset));
        let number = before.map_or(1, |before| before.number + 1);
        let rates = Rates::new(&config.ruleset, before.map(|before| (&**before.ruleset(), &before.rates)));
        Self { rates, ..Self::new(number, config.mode, fail_open(config), table, workers) }
    }

    /// A generation of a compiled table that has counted nothing yet, for so many workers.
    pub fn new(number: u64, mode: Mode, fail_open: bool, table: RuleTable, workers: usize) -> Self {
        let rules = table.ruleset().rules.iter();
        let logs: Vec<bool> =
            rules.map(|rule| (rule.action, rule.log) == (Action::Accept, LogDetail::Every)).collect();
        let logs_accepted = if logs.contains(&true) { logs.into() } else { Box::default() };
        let rates = Rates::new(table.ruleset(), None);
        let hits = (0..workers).map(|_| HitCounters::new(table.ruleset())).collect();
        let connections = connections(table.ruleset());
        Self {
            number,
            mark: OnceLock::new(),
            mode,
            fail_open,
            connections,
            table,
            rates,
            logs_accepted,
            hits,
        }
    }

    /// From now on, flows that are accepted are remembered by this number. Until then, and where the kernel rules
    /// can't follow, their packets pass one by one.
    pub fn remember_as(&self, mark: GenerationMark) {
        // It is told once; a second number would change nothing.
        let _ = self.mark.set(mark);
    }

    /// What accepted flows are remembered by, if they are.
    pub fn mark(&self) -> Option<GenerationMark> {
        self.mark.get().copied()
    }

    /// Whether packets that `cause` accepts are recorded, packet for packet.
    pub fn logs_accepted(&self, cause: Option<Cause>) -> bool {
        let Some(Cause::Rule(rule)) = cause else { return false };
        self.logs_accepted.get(rule.0 as usize).is_some_and(|logs| *logs)
    }

    /// The rules that this generation was compiled from.
    pub const fn ruleset(&self) -> &Arc<Ruleset> {
        self.table.ruleset()
    }
}

/// Whether packets should come with their connection: it tells what forwarded packets were sent to before that was translated. It
/// costs the kernel some time for each packet, so a host that forwards nothing does without.
pub fn connections(ruleset: &Ruleset) -> bool {
    ruleset.policy.at(Hook::Forward).is_some()
}

/// Whether packets pass when a queue is full.
pub fn fail_open(config: &Config) -> bool {
    config.mode == Mode::Monitor || config.queue.on_overload == Unjudged::Accept
}
