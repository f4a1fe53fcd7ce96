//! A published rule table and its number.

use std::sync::Arc;

use portcullis_config::Mode;
use portcullis_rules::{RuleTable, Ruleset};

/// What workers judge by. A new one is compiled beside the live one and swapped in whole.
#[derive(Debug)]
pub struct Generation {
    /// Counts published tables; in records. The kernel's marks carry a shorter number.
    pub number: u64,
    /// Whether verdicts are carried out, or only recorded.
    pub mode: Mode,
    /// The compiled rules.
    pub table: RuleTable,
}

impl Generation {
    /// The rules that this generation was compiled from.
    pub fn ruleset(&self) -> &Arc<Ruleset> {
        self.table.ruleset()
    }
}
