//! A published rule table and its number.

use std::sync::Arc;

use portcullis_config::{Config, Mode, Unjudged};
use portcullis_rules::{RuleTable, Ruleset};

use crate::{hook::Plan, mark::GenerationMark};

/// What workers judge by. A new one is compiled beside the live one and swapped in whole.
#[derive(Debug)]
pub struct Generation {
    /// Counts the tables that this daemon has published, from 1; in records.
    pub number: u64,
    /// Its number in the kernel's marks; `None` where accepted flows are not remembered.
    pub mark: Option<GenerationMark>,
    /// Whether verdicts are carried out, or only recorded.
    pub mode: Mode,
    /// Whether packets pass when the queue is full.
    pub fail_open: bool,
    /// The compiled rules.
    pub table: RuleTable,
}

impl Generation {
    /// Compiles what `config` says; accepted flows are remembered as `mark` if the kernel rules of
    /// `plan` can follow.
    pub fn compile(config: &Config, plan: &Plan, mark: GenerationMark, number: u64) -> Self {
        Self {
            number,
            mark: plan.remembers().then_some(mark),
            mode: config.mode,
            fail_open: fail_open(config),
            table: RuleTable::compile(Arc::clone(&config.ruleset)),
        }
    }

    /// The rules that this generation was compiled from.
    pub const fn ruleset(&self) -> &Arc<Ruleset> {
        self.table.ruleset()
    }
}

/// Whether packets pass when a queue is full.
pub fn fail_open(config: &Config) -> bool {
    config.mode == Mode::Monitor || config.queue.on_overload == Unjudged::Accept
}
