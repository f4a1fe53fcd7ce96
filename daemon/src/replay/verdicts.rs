//! How many packets each rule decides about.

use std::{collections::BTreeMap, sync::Arc};

use portcullis_rules::{Action, Cause, Decision, Hook, Ruleset};

/// Packets of a capture, by what becomes of them.
#[derive(Debug)]
pub(super) struct Verdicts {
    pub(super) packets: u64,
    /// Packets of flows that were let in: the kernel carries them.
    pub(super) carried: u64,
    pub(super) malformed: u64,
    pub(super) not_ip: u64,
    /// Packets of link types that can't be read.
    pub(super) unknown: BTreeMap<i32, u64>,
    ruleset: Arc<Ruleset>,
    rules: Vec<u64>,
    policy: [u64; 3],
    /// Where the hook is not judged at all.
    unjudged: u64,
    /// By [`Action`].
    actions: [u64; 3],
}

/// How often somebody decided something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    /// The rule's name, or `policy input`.
    pub(super) who: String,
    pub(super) action: Action,
    pub(super) packets: u64,
}

impl Verdicts {
    pub(super) fn new(ruleset: &Arc<Ruleset>) -> Self {
        Self {
            packets: 0,
            carried: 0,
            malformed: 0,
            not_ip: 0,
            unknown: BTreeMap::new(),
            ruleset: Arc::clone(ruleset),
            rules: vec![0; ruleset.rules.len()],
            policy: [0; 3],
            unjudged: 0,
            actions: [0; 3],
        }
    }

    pub(super) fn unknown_link(&mut self, link: i32) {
        const DIFFERENT: usize = 64;
        if self.unknown.len() < DIFFERENT || self.unknown.contains_key(&link) {
            *self.unknown.entry(link).or_default() += 1;
        }
    }

    pub(super) fn count(&mut self, hook: Hook, decision: &Decision) {
        self.actions[decision.action as usize] += 1;
        match decision.cause {
            Cause::Rule(id) => {
                if let Some(count) = self.rules.get_mut(id.0 as usize) {
                    *count += 1;
                }
            }
            Cause::Policy if self.ruleset.policy.at(hook).is_some() => self.policy[hook as usize] += 1,
            Cause::Policy => self.unjudged += 1,
        }
    }

    /// Packets that were judged, by the answer.
    pub(super) const fn by_action(&self, action: Action) -> u64 {
        self.actions[action as usize]
    }

    /// Rules and policies that decided about anything, in their order.
    pub(super) fn counts(&self) -> Vec<Count> {
        let rules = self.ruleset.rules.iter().zip(&self.rules).map(|(rule, &packets)| Count {
            who: rule.name.to_string(),
            action: rule.action,
            packets,
        });
        let policies = Hook::ALL.into_iter().filter_map(|hook| {
            let action = self.ruleset.policy.at(hook)?;
            Some(Count { who: format!("policy {hook}"), action, packets: self.policy[hook as usize] })
        });
        let unjudged = Count { who: "not judged".to_owned(), action: Action::Accept, packets: self.unjudged };
        rules.chain(policies).chain([unjudged]).filter(|count| count.packets > 0).collect()
    }
}
