//! Decisions about packets of which not everything is known.

use crate::{Action, Cause, Decision, Key, Matched, RuleId, Ruleset};

/// What rules say that come in any order, some of them twice: the same as [`Ruleset::first_match`]
/// says, as long as every rule that is left out does not match, or comes after one that does.
#[derive(Debug)]
pub(super) struct Doubt<'a> {
    ruleset: &'a Ruleset,
    key: &'a Key,
    /// The first that matches.
    decides: Option<RuleId>,
    /// By action, the first that would if an unknown fact were as it wants it.
    maybe: [Option<RuleId>; 3],
}

impl<'a> Doubt<'a> {
    pub(super) const fn new(ruleset: &'a Ruleset, key: &'a Key) -> Self {
        Self { ruleset, key, decides: None, maybe: [None; 3] }
    }

    pub(super) fn ask(&mut self, id: RuleId) {
        if self.decides.is_some_and(|decides| decides <= id) {
            return;
        }
        let rule = self.ruleset.rule(id);
        let first = match rule.matches(self.key) {
            Matched::No => return,
            Matched::Depends => &mut self.maybe[rule.action as usize],
            Matched::Yes => &mut self.decides,
        };
        *first = Some(first.map_or(id, |earlier| earlier.min(id)));
    }

    pub(super) fn decision(&self, policy: Action) -> Decision {
        let (action, cause) = match self.decides {
            Some(id) => (self.ruleset.rule(id).action, Cause::Rule(id)),
            None => (policy, Cause::Policy),
        };
        let others = Action::ALL.into_iter().filter(|&other| other != action);
        let earlier = |id: &RuleId| self.decides.is_none_or(|decides| *id < decides);
        let depends_on = others.filter_map(|other| self.maybe[other as usize].filter(earlier)).min();
        Decision { action, cause, depends_on }
    }
}
