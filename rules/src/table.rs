//! The compiled form of a ruleset.

use std::sync::Arc;

use crate::{Decision, Hook, Key, Protocol, RuleId, Ruleset};

/// The protocols that rules most often tell apart; all others share the last class.
const PROTOCOLS: [Protocol; 4] = [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6];
const CLASSES: usize = PROTOCOLS.len() + 1;

/// A ruleset made ready for lookup. It answers every key as [`Ruleset::first_match`] does.
///
/// For each hook and protocol class it keeps the rules that can match there, in order. Leaving the
/// others out preserves the first match, because they match no key of that class.
#[derive(Debug, Clone)]
pub struct RuleTable {
    ruleset: Arc<Ruleset>,
    lists: [[Box<[RuleId]>; CLASSES]; 3],
}

impl RuleTable {
    /// Compiles `ruleset`.
    pub fn compile(ruleset: Arc<Ruleset>) -> Self {
        let lists = Hook::ALL.map(|hook| {
            std::array::from_fn(|class| {
                let rules = (0..).map(RuleId).zip(&ruleset.rules);
                let can_match = rules.filter(|(_, rule)| {
                    let protocol = rule.matches.protocol.as_ref();
                    rule.hooks.contains(hook)
                        && protocol.is_none_or(|set| match PROTOCOLS.get(class) {
                            Some(protocol) => set.contains(protocol.0),
                            None => set.iter().any(|number| class_of(Protocol(number)) == class),
                        })
                });
                can_match.map(|(id, _)| id).collect()
            })
        });
        Self { ruleset, lists }
    }

    /// What the rules say of `key`.
    pub fn lookup(&self, key: &Key) -> Decision {
        let list = &self.lists[key.hook as usize][class_of(key.protocol)];
        self.ruleset.first_match_among(key, list.iter().copied())
    }

    /// The ruleset this was compiled from.
    pub const fn ruleset(&self) -> &Arc<Ruleset> {
        &self.ruleset
    }
}

fn class_of(protocol: Protocol) -> usize {
    PROTOCOLS.iter().position(|known| *known == protocol).unwrap_or(PROTOCOLS.len())
}
