//! The compiled form of a ruleset.
//!
//! For each hook and address family an [`Index`] finds the rules that hold a packet's addresses,
//! ports and protocol. Where a rule names more than these, the rule itself is asked.

mod area;
mod block;
mod classes;
mod cross;
mod index;
mod intervals;
mod summary;
mod tree;

use std::{net::IpAddr, sync::Arc};

pub use self::summary::{Strategy, TablePart, TableSummary};
use self::{
    area::{Point, rank},
    index::Index,
};
use crate::{Cause, Decision, Fact, Hook, Key, Matched, Rule, RuleId, Ruleset, Standing};

/// A ruleset made ready for lookup. It answers every key as [`Ruleset::first_match`] does.
#[derive(Debug, Clone)]
pub struct RuleTable {
    ruleset: Arc<Ruleset>,
    /// By hook; hooks of the same rules share one. None where the hook is not ours.
    hooks: [Option<Arc<HookTable>>; 3],
}

/// The rules of a hook.
#[derive(Debug, Clone)]
struct HookTable {
    rules: Vec<RuleId>,
    asks: Asks,
    v4: Index<u32>,
    v6: Index<u128>,
}

/// Which of the facts that may be unknown matter to a rule.
#[derive(Debug, Clone, Copy, Default)]
struct Asks {
    interface: bool,
    in_interface: bool,
    out_interface: bool,
    user: bool,
    /// A rule counts at some times only, and the ruleset is for no time in particular.
    time: bool,
}

impl RuleTable {
    /// Compiles `ruleset`.
    pub fn compile(ruleset: Arc<Ruleset>) -> Self {
        let mut hooks: [Option<Arc<HookTable>>; 3] = [None, None, None];
        for hook in ruleset.policy.hooks().iter() {
            let rules = (0..).map(RuleId).zip(&ruleset.rules);
            let rules: Vec<RuleId> =
                rules.filter(|(_, rule)| rule.applies_at(hook)).map(|(id, _)| id).collect();
            let same = hooks.iter().flatten().find(|other| other.rules == rules);
            hooks[hook as usize] =
                Some(same.map_or_else(|| Arc::new(HookTable::new(&ruleset, rules)), Arc::clone));
        }
        Self { ruleset, hooks }
    }

    /// What the rules say of `key`.
    pub fn lookup(&self, key: &Key) -> Decision {
        let ruleset = &*self.ruleset;
        let (Some(hook), Some(policy)) = (&self.hooks[key.hook as usize], ruleset.policy.at(key.hook)) else {
            return ruleset.first_match_among(key, []);
        };
        let confirms = |id: RuleId| ruleset.rule(id).matches(key) == Matched::Yes;
        let in_doubt = hook.asks.in_doubt(key);
        let rule = match (key.source, key.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let point = point(key, source.to_bits(), destination.to_bits());
                if in_doubt {
                    return ruleset.first_match_among(key, hook.v4.all(&point));
                }
                hook.v4.first(&point, confirms)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let point = point(key, source.to_bits(), destination.to_bits());
                if in_doubt {
                    return ruleset.first_match_among(key, hook.v6.all(&point));
                }
                hook.v6.first(&point, confirms)
            }
            // No packet is so.
            _ => return ruleset.first_match(key),
        };
        let (action, cause) = match rule {
            Some(id) => (ruleset.rule(id).action, Cause::Rule(id)),
            None => (policy, Cause::Policy),
        };
        Decision { action, cause, depends_on: None }
    }

    /// What was chosen for which rules, and what it takes.
    pub fn summary(&self) -> TableSummary {
        let mut parts: Vec<TablePart> = Vec::new();
        for hook in Hook::ALL {
            let Some(table) = &self.hooks[hook as usize] else { continue };
            let earlier = Hook::ALL.into_iter().take_while(|&earlier| earlier != hook);
            let shared = earlier
                .filter(|&earlier| {
                    self.hooks[earlier as usize].as_ref().is_some_and(|other| Arc::ptr_eq(other, table))
                })
                .last();
            match shared {
                Some(shared) => {
                    for part in parts.iter_mut().filter(|part| part.hooks.contains(shared)) {
                        part.hooks = part.hooks.with(hook);
                    }
                }
                None => parts.extend([
                    TablePart::new(hook, false, table.v4.strategy(), table.rules.len()),
                    TablePart::new(hook, true, table.v6.strategy(), table.rules.len()),
                ]),
            }
        }
        TableSummary { parts }
    }

    /// The ruleset this was compiled from.
    pub const fn ruleset(&self) -> &Arc<Ruleset> {
        &self.ruleset
    }
}

impl HookTable {
    fn new(ruleset: &Ruleset, rules: Vec<RuleId>) -> Self {
        let asks = rules.iter().fold(Asks::default(), |asks, &id| asks.and(ruleset.rule(id)));
        Self { asks, v4: Index::new(ruleset, &rules), v6: Index::new(ruleset, &rules), rules }
    }
}

impl Asks {
    const fn and(self, rule: &Rule) -> Self {
        let Rule { matches, standing, .. } = rule;
        Self {
            time: self.time || matches!(standing, Standing::Sometimes),
            interface: self.interface || matches.interface.is_some(),
            in_interface: self.in_interface || matches.in_interface.is_some(),
            out_interface: self.out_interface || matches.out_interface.is_some(),
            user: self.user || matches.user.is_some(),
        }
    }

    /// Whether the answer may depend on what is not known of `key`.
    const fn in_doubt(self, key: &Key) -> bool {
        self.time
            || (self.interface && matches!(key.interface(), Fact::Unknown))
            || (self.in_interface && matches!(key.in_interface, Fact::Unknown))
            || (self.out_interface && matches!(key.out_interface, Fact::Unknown))
            || (self.user && matches!(key.user, Fact::Unknown))
    }
}

fn point<A>(key: &Key, source: A, destination: A) -> Point<A> {
    let (source_port, port) = key.ports.map_or((0, 0), |ports| (ports.source, ports.destination));
    Point { source, destination, source_port, port, protocol: rank(key.protocol.0) }
}
