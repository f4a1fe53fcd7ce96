//! Rules that never decide.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::{Finding, finding::same_kind};
use crate::{
    Cause, Key, RuleId,
    space::rules::{Rules, Seen, Undecided, Work},
};

/// So many rules that match all that a rule does are asked for a packet that they decide.
const MOST_COVERING: usize = 16;
/// So many rules that take a rule's packets away are looked at one by one for whether they are needed.
const MOST_TAKERS: usize = 24;

/// Takes all earlier rules away from a rule. Either something is left, and a packet of it is returned;
/// or nothing is.
pub(super) fn all_taken(
    rules: &Rules<'_>,
    id: RuleId,
    earlier: &[RuleId],
    work: &mut Work,
) -> Result<Result<Key, Finding>, Undecided> {
    let own = rules.regions(id);
    let covers = |other: &&RuleId| {
        let wide = rules.regions(**other);
        own.iter().all(|region| wide.iter().any(|wide| region.is_within(wide)))
    };
    let covering: Vec<RuleId> =
        earlier.iter().copied().filter(|other| covers(&other)).take(MOST_COVERING).collect();
    // Of several that would do alone, one that decides something of it.
    let alone = covering.iter().find_map(|&one| Some((vec![one], witness(rules, id, earlier, &[one])?)));
    let (by, (witness, decided_by)) = match (alone, covering.first()) {
        (Some(alone), _) => alone,
        (None, Some(&first)) => (vec![first], any_witness(rules, id, earlier).ok_or(Undecided)?),
        (None, None) => {
            let mut took = BTreeSet::new();
            let mut alive = None;
            let see = |seen: Seen<'_>| {
                match seen {
                    Seen::Met(other) => drop(took.insert(other)),
                    Seen::Left(piece) => alive = rules.space.witness(piece),
                }
                if alive.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let _ = rules.walk(own.to_vec(), &rules.widest_first(earlier), work, see)?;
            if let Some(packet) = alive {
                return Ok(Ok(packet));
            }
            let by = needed(rules, id, took.into_iter().collect(), work);
            let packet = witness(rules, id, earlier, &by).or_else(|| any_witness(rules, id, earlier));
            (by, packet.ok_or(Undecided)?)
        }
    };
    let action = rules.ruleset.rule(id).action;
    let contradicted = by.iter().any(|&by| !same_kind(rules.ruleset.rule(by).action, action));
    Ok(Err(Finding::NeverDecides { rule: id, by, contradicted, witness, decided_by }))
}

/// Of those that take all of a rule's packets together, some that still do; the first are kept, since
/// they decide.
fn needed(rules: &Rules<'_>, id: RuleId, mut took: Vec<RuleId>, work: &mut Work) -> Vec<RuleId> {
    if took.len() > MOST_TAKERS {
        return took;
    }
    for place in (0..took.len()).rev() {
        let others = took.iter().copied().enumerate().filter(|(other, _)| *other != place);
        let left = rules.left(rules.regions(id).to_vec(), others.map(|(_, id)| id), &mut Vec::new(), work);
        if left.is_ok_and(|left| left.is_empty()) {
            took.remove(place);
        }
    }
    took
}

/// A packet of the rule that one of `by` decides, and which; first of all one that is decided otherwise.
fn witness(rules: &Rules<'_>, id: RuleId, earlier: &[RuleId], by: &[RuleId]) -> Option<(Key, RuleId)> {
    let action = rules.ruleset.rule(id).action;
    let taken = |taker: RuleId| {
        let pairs = rules
            .regions(id)
            .iter()
            .flat_map(move |own| rules.regions(taker).iter().filter_map(move |region| own.and(region)));
        let packets = pairs.flat_map(|both| {
            let ordinary = rules.space.witness(&both);
            let corners = (0..8).filter_map(move |number| rules.space.corner(&both, number));
            ordinary.into_iter().chain(corners)
        });
        let mut decided = packets.filter_map(|key| Some((key, decider(rules, &key, earlier)?)));
        decided.find(|(_, decider)| by.contains(decider))
    };
    let otherwise = |taker: &RuleId| !same_kind(rules.ruleset.rule(*taker).action, action);
    let (first, rest): (Vec<RuleId>, Vec<RuleId>) = by.iter().partition(|id| otherwise(id));
    first.into_iter().chain(rest).find_map(taken)
}

fn any_witness(rules: &Rules<'_>, id: RuleId, earlier: &[RuleId]) -> Option<(Key, RuleId)> {
    let mut packets = rules.regions(id).iter().filter_map(|region| rules.space.witness(region));
    packets.find_map(|key| Some((key, decider(rules, &key, earlier)?)))
}

fn decider(rules: &Rules<'_>, key: &Key, earlier: &[RuleId]) -> Option<RuleId> {
    match rules.decides(key, earlier.iter().copied()) {
        Cause::Rule(id) => Some(id),
        Cause::Policy => None,
    }
}
