//! Whose verdicts another ruleset would change.

use std::collections::HashMap;

use portcullis_rules::{Cause, Decision, Key, RuleTable, Ruleset};

/// Changes told apart at most.
const MOST: usize = 4096;

/// Another ruleset, and what it decides differently.
#[derive(Debug)]
pub(super) struct Comparison {
    table: RuleTable,
    changes: HashMap<(Decision, Decision), Change>,
    /// Packets of changes that there was no room to tell apart.
    pub(super) others: u64,
    /// Packets whose verdict changes.
    pub(super) changed: u64,
}

/// Packets whose verdict changes in one way.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) was: Decision,
    pub(super) would_be: Decision,
    pub(super) packets: u64,
    /// The first of them,
    pub(super) number: u64,
    /// and what it was.
    pub(super) witness: Key,
}

impl Comparison {
    pub(super) fn new(table: RuleTable) -> Self {
        Self { table, changes: HashMap::new(), others: 0, changed: 0 }
    }

    pub(super) fn ruleset(&self) -> &Ruleset {
        self.table.ruleset()
    }

    pub(super) fn compare(&mut self, number: u64, key: &Key, was: &Decision) {
        let would_be = self.table.lookup(key);
        if would_be.action == was.action {
            return;
        }
        self.changed += 1;
        let room = self.changes.len() < MOST;
        match self.changes.get_mut(&(*was, would_be)) {
            Some(change) => change.packets += 1,
            None if room => {
                let change = Change { was: *was, would_be, packets: 1, number, witness: *key };
                self.changes.insert((*was, would_be), change);
            }
            None => self.others += 1,
        }
    }

    /// What changes, the most frequent first.
    pub(super) fn changes(&self) -> Vec<&Change> {
        let mut changes: Vec<_> = self.changes.values().collect();
        changes.sort_by(|a, b| b.packets.cmp(&a.packets).then(a.number.cmp(&b.number)));
        changes
    }
}

/// Who decides, in words.
pub(super) fn who(ruleset: &Ruleset, key: &Key, decision: &Decision) -> String {
    match decision.cause {
        Cause::Rule(id) => format!("rule \"{}\"", ruleset.rule(id).name),
        Cause::Policy if ruleset.policy.at(key.hook).is_some() => format!("policy {}", key.hook),
        Cause::Policy => format!("{} is not judged", key.hook),
    }
}
