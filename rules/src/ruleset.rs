//! Rules in source order, and what they mean.

use crate::{Action, Cause, Decision, Field, Hook, HookSet, Key, Matched, Rule, RuleId};

/// Each hook's default action. A hook without one is not ours: nothing is judged there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// For packets to this host.
    pub input: Option<Action>,
    /// For packets from this host.
    pub output: Option<Action>,
    /// For packets through this host.
    pub forward: Option<Action>,
}

impl Policy {
    /// The default action at `hook`, if that hook is ours.
    pub const fn at(&self, hook: Hook) -> Option<Action> {
        match hook {
            Hook::Input => self.input,
            Hook::Output => self.output,
            Hook::Forward => self.forward,
        }
    }

    /// The hooks that are ours.
    pub fn hooks(&self) -> HookSet {
        Hook::ALL.into_iter().filter(|&hook| self.at(hook).is_some()).collect()
    }
}

/// A policy's rules, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruleset {
    /// Tried first to last.
    pub rules: Vec<Rule>,
    /// What decides when no rule does.
    pub policy: Policy,
}

/// A rule that nearly decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule.
    pub rule: RuleId,
    /// The field on which it failed.
    pub field: Field,
}

/// A decision, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The answer.
    pub decision: Decision,
    /// The rules tried before the deciding one that fit in all but one field, in order; none at a
    /// hook that is not ours, where no rule is tried.
    pub near: Vec<NearMiss>,
}

impl Ruleset {
    /// The rule with this id.
    ///
    /// # Panics
    /// When the id is another ruleset's.
    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.0 as usize]
    }

    /// The meaning of the rule language: the first rule that matches decides, then the hook's
    /// policy; at a hook that is not ours everything is accepted.
    pub fn first_match(&self, key: &Key) -> Decision {
        let Some(policy) = self.policy.at(key.hook) else {
            return Decision { action: Action::Accept, cause: Cause::Policy, depends_on: None };
        };
        let mut maybe: [Option<RuleId>; 3] = [None; 3];
        let mut decided = (policy, Cause::Policy);
        for (id, rule) in self.ids().zip(&self.rules) {
            match rule.matches(key) {
                Matched::No => {}
                Matched::Depends => {
                    maybe[rule.action as usize].get_or_insert(id);
                }
                Matched::Yes => {
                    decided = (rule.action, Cause::Rule(id));
                    break;
                }
            }
        }
        let (action, cause) = decided;
        let others = Action::ALL.into_iter().filter(|&other| other != action);
        let depends_on = others.filter_map(|other| maybe[other as usize]).min();
        Decision { action, cause, depends_on }
    }

    /// Decides like [`Self::first_match`], and tells which earlier rules failed by one field only.
    pub fn explain(&self, key: &Key) -> Explanation {
        let decision = self.first_match(key);
        let end = match decision.cause {
            Cause::Rule(id) => id.0 as usize,
            Cause::Policy if self.policy.at(key.hook).is_none() => 0,
            Cause::Policy => self.rules.len(),
        };
        let tried = self.ids().zip(&self.rules).take(end);
        let near = tried.filter_map(|(rule, tried)| match tried.failing(key)[..] {
            [field] => Some(NearMiss { rule, field }),
            _ => None,
        });
        Explanation { decision, near: near.collect() }
    }

    fn ids(&self) -> impl Iterator<Item = RuleId> {
        (0..).map(RuleId).take(self.rules.len())
    }
}
