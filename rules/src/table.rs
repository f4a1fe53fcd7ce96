//! The compiled form of a ruleset.
//!
//! For each hook and address family an [`Index`] finds the rules that hold a packet's addresses,
//! ports and protocol. Where a rule names more than these, the rule itself is asked.

mod area;
mod axis;
mod block;
mod classes;
mod cross;
mod doubt;
mod finder;
mod grid;
mod index;
mod kinds;
mod mark;
mod pairs;
mod service;
mod slots;
mod steps;
mod summary;
mod tree;
mod trie;

use std::sync::Arc;

pub use self::summary::{Strategy, TablePart, TableSummary};
use self::{doubt::Doubt, finder::BATCH, index::Index, mark::Mark};
use crate::{Action, Decision, Fact, Hook, Key, Rule, RuleId, Ruleset, Standing};

/// A ruleset made ready for lookup. It answers every key as [`Ruleset::first_match`] does.
#[derive(Debug, Clone)]
pub struct RuleTable {
    ruleset: Arc<Ruleset>,
    /// By hook, its policy and its rules; hooks of the same rules share them. None where the hook is
    /// not ours.
    hooks: [Option<(Action, Arc<HookTable>)>; 3],
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
    /// Any of these.
    any: bool,
}

impl RuleTable {
    /// Compiles `ruleset`.
    pub fn compile(ruleset: Arc<Ruleset>) -> Self {
        Self::new(ruleset, None)
    }

    /// Compiles `ruleset` with this strategy wherever it can be had, whether it fits or not. The answers
    /// are the same: for tests of just that, and for measuring what the choice is worth.
    pub fn compile_as(ruleset: Arc<Ruleset>, strategy: Strategy) -> Self {
        Self::new(ruleset, Some(strategy))
    }

    fn new(ruleset: Arc<Ruleset>, wanted: Option<Strategy>) -> Self {
        let mut hooks: [Option<(Action, Arc<HookTable>)>; 3] = [None, None, None];
        for hook in Hook::ALL {
            let Some(policy) = ruleset.policy.at(hook) else { continue };
            let rules = (0..).map(RuleId).zip(&ruleset.rules);
            let rules: Vec<RuleId> =
                rules.filter(|(_, rule)| rule.applies_at(hook)).map(|(id, _)| id).collect();
            let same = hooks.iter().flatten().map(|(_, table)| table).find(|table| table.rules == rules);
            let table = same.map_or_else(|| Arc::new(HookTable::new(&ruleset, rules, wanted)), Arc::clone);
            hooks[hook as usize] = Some((policy, table));
        }
        Self { ruleset, hooks }
    }

    /// What the rules say of `key`.
    pub fn lookup(&self, key: &Key) -> Decision {
        let Some((policy, hook)) = &self.hooks[key.hook as usize] else {
            return self.by_reference(key);
        };
        if hook.asks.in_doubt(key) {
            return self.by_asking(key, *policy, hook);
        }
        let first = if key.source.is_ipv4() { hook.v4.first(key) } else { hook.v6.first(key) };
        if first.is_exact() { first.decision(*policy) } else { self.by_asking(key, *policy, hook) }
    }

    /// What the rules say of each of `keys`, as [`Self::lookup`] does, in less time where many of them are for
    /// one hook and family: what one waits for, the others don't.
    ///
    /// # Panics
    /// If there are not as many `decisions` as `keys`.
    pub fn lookup_batch(&self, mut keys: &[Key], mut decisions: &mut [Decision]) {
        assert_eq!(keys.len(), decisions.len(), "a decision for each key");
        while !keys.is_empty() {
            let count = self.lookup_alike(keys, decisions);
            keys = &keys[count..];
            decisions = &mut decisions[count..];
        }
    }

    /// The same for the first of the keys, and those after it that are for the same hook and of the same family.
    /// How many these were.
    fn lookup_alike(&self, keys: &[Key], decisions: &mut [Decision]) -> usize {
        let mut marks = [Mark::UNTOLD; BATCH];
        let (policy, asks, count) = match &self.hooks[keys[0].hook as usize] {
            Some((policy, hook)) if keys[0].source.is_ipv4() => {
                (*policy, hook.asks, hook.v4.first_of_each(keys, &mut marks))
            }
            Some((policy, hook)) => (*policy, hook.asks, hook.v6.first_of_each(keys, &mut marks)),
            None => (Action::Drop, Asks::default(), 0),
        };
        // The first may be for a hook that is not ours, or of two families.
        let count = count.max(1);
        for ((key, mark), decision) in keys[..count].iter().zip(&marks).zip(decisions) {
            let certain = mark.is_exact() && !asks.in_doubt(key);
            if certain {
                *decision = mark.decision(policy);
            } else {
                *decision = self.lookup(key);
            }
        }
        count
    }

    // What most packets don't come to is kept out of the way of those that do: code that is inlined
    // costs all of them registers.

    /// What the rules say of a key that no table is for: the hook is not ours, or its addresses are of
    /// two families, as no packet's are.
    #[cold]
    #[inline(never)]
    fn by_reference(&self, key: &Key) -> Decision {
        self.ruleset.first_match(key)
    }

    /// What the rules say of a key of which they may ask what is not known, or more than the table knows: these
    /// that may match are asked.
    #[cold]
    #[inline(never)]
    fn by_asking(&self, key: &Key, policy: Action, hook: &HookTable) -> Decision {
        if key.source.is_ipv4() != key.destination.is_ipv4() {
            return self.by_reference(key);
        }
        let mut doubt = Doubt::new(&self.ruleset, key);
        hook.each(key, |rule| doubt.ask(rule));
        doubt.decision(policy)
    }

    /// What was chosen for which rules, and what it takes.
    pub fn summary(&self) -> TableSummary {
        let mut parts: Vec<TablePart> = Vec::new();
        for hook in Hook::ALL {
            let Some((_, table)) = &self.hooks[hook as usize] else { continue };
            let earlier = Hook::ALL.into_iter().take_while(|&earlier| earlier != hook);
            let shared = earlier
                .filter(|&earlier| {
                    self.hooks[earlier as usize].as_ref().is_some_and(|(_, other)| Arc::ptr_eq(other, table))
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
    fn new(ruleset: &Ruleset, rules: Vec<RuleId>, wanted: Option<Strategy>) -> Self {
        let asks = rules.iter().fold(Asks::default(), |asks, &id| asks.and(ruleset.rule(id)));
        let (v4, v6) = (Index::new(ruleset, &rules, wanted), Index::new(ruleset, &rules, wanted));
        Self { rules, asks, v4, v6 }
    }

    /// Calls `each` with the rules that may match the key, which is of one family: all but some of those
    /// after one that matches, in any order, some more than once.
    fn each(&self, key: &Key, each: impl FnMut(RuleId)) {
        if key.source.is_ipv4() { self.v4.each(key, each) } else { self.v6.each(key, each) }
    }
}

impl Asks {
    const fn and(self, rule: &Rule) -> Self {
        let Rule { matches, standing, .. } = rule;
        let time = self.time || matches!(standing, Standing::Sometimes);
        let interface = self.interface || matches.interface.is_some();
        let in_interface = self.in_interface || matches.in_interface.is_some();
        let out_interface = self.out_interface || matches.out_interface.is_some();
        let user = self.user || matches.user.is_some();
        let any = interface || in_interface || out_interface || user || time;
        Self { interface, in_interface, out_interface, user, time, any }
    }

    /// Whether the answer may depend on what is not known of `key`.
    #[inline]
    const fn in_doubt(&self, key: &Key) -> bool {
        self.any
            && (self.time
                || (self.interface && matches!(key.interface(), Fact::Unknown))
                || (self.in_interface && matches!(key.in_interface, Fact::Unknown))
                || (self.out_interface && matches!(key.out_interface, Fact::Unknown))
                || (self.user && matches!(key.user, Fact::Unknown)))
    }
}
