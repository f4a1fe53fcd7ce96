//! Rules without which nothing would change.

use std::ops::ControlFlow;

use super::{Finding, decided_by};
use crate::{
    Action, Cause, Hook, Key, LogDetail, RuleId,
    space::rules::{Rules, Seen, Undecided, Work},
};

/// A finding if whatever `id` decides would be decided in the same way without it. `alive` is one of
/// the packets that it decides.
///
/// Who would decide instead has to record it in the same way, too. And a rule that refuses what its
/// policy would refuse anyway is no finding: it gives what it refuses a name.
pub(super) fn redundant(
    rules: &Rules<'_>,
    id: RuleId,
    earlier: &[RuleId],
    later: &[RuleId],
    alive: Key,
    work: &mut Work,
) -> Result<Option<Finding>, Undecided> {
    let rule = rules.ruleset.rule(id);
    if rule.rate.is_some() {
        return Ok(None);
    }
    let own = rules.regions(id);
    let at_times = rules
        .sometimes
        .iter()
        .filter(|&&other| other > id && !rules.counts_with(other, id))
        .filter(|&&other| !replaces(rules, id, Cause::Rule(other), Hook::Input));
    if at_times.flat_map(|&other| rules.regions(other)).any(|region| own.iter().any(|own| own.meets(region)))
    {
        return Ok(None);
    }
    let differs = |key: &Key| !replaces(rules, id, rules.decides(key, later.iter().copied()), key.hook);
    if differs(&alive) || decided_by(rules, id, earlier).any(|key| differs(&key)) {
        return Ok(None);
    }
    // What earlier rules take it does not decide; of the rest, whoever comes next would.
    let mut tried = rules.widest_first(earlier);
    tried.extend(later);
    let see = |seen: Seen<'_>| {
        let same = match seen {
            Seen::Met(other) => other < id || replaces(rules, id, Cause::Rule(other), Hook::Input),
            Seen::Left(piece) => piece.hooks.iter().all(|hook| replaces(rules, id, Cause::Policy, hook)),
        };
        if same { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if rules.walk(own.to_vec(), &tried, work, see)?.is_break() {
        return Ok(None);
    }
    let instead = rules.decides(&alive, later.iter().copied());
    Ok(Some(Finding::Redundant { rule: id, instead, witness: alive }))
}

/// Whether `cause` does at `hook` what the rule does.
fn replaces(rules: &Rules<'_>, id: RuleId, cause: Cause, hook: Hook) -> bool {
    let rule = rules.ruleset.rule(id);
    match cause {
        Cause::Rule(other) => {
            let other = rules.ruleset.rule(other);
            other.action == rule.action && other.log == rule.log && other.rate.is_none()
        }
        Cause::Policy => {
            rule.action == Action::Accept
                && rules.ruleset.policy.at(hook) == Some(Action::Accept)
                && rule.log == LogDetail::Summary
        }
    }
}
