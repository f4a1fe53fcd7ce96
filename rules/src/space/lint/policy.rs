//! Policies that are never reached.

use super::{Finding, WORK};
use crate::{
    Cause, Hook, HookSet, Key, RuleId,
    space::{
        region::Region,
        rules::{Rules, Undecided, Work},
    },
};

/// Packets at a hook that are tried before it is worked out whether rules decide them all.
const CORNERS: u32 = 256;

/// A finding if every packet at `hook` is decided by rules, and by one that matches whatever is left
/// otherwise than the policy would.
pub(super) fn policy_never_reached(rules: &Rules<'_>, hook: Hook) -> Result<Option<Finding>, Undecided> {
    let all = rules.space.all(HookSet::EMPTY.with(hook));
    let meeting = rules.meeting_region(&all);
    let corner = |number| rules.space.corner(&all, number);
    let reaches = |key: &Key| rules.decides(key, meeting.iter().copied()) == Cause::Policy;
    if rules.space.witness(&all).is_some_and(|key| reaches(&key))
        || (0..CORNERS).filter_map(corner).any(|key| reaches(&key))
    {
        return Ok(None);
    }
    // The widest first: what they leave is soon nothing.
    let mut widest = meeting.clone();
    widest.sort_by_key(|&id| std::cmp::Reverse(breadth(rules, id)));
    let mut took = Vec::new();
    let left = rules.left(vec![all], widest, &mut took, &mut Work(WORK))?;
    if !left.is_empty() {
        return Ok(None);
    }
    let policy = rules.ruleset.policy.at(hook);
    let otherwise = took.into_iter().find(|&id| Some(rules.ruleset.rule(id).action) != policy);
    let Some(by) = otherwise else { return Ok(None) };
    // What the rules before it leave to it.
    let own = rules.regions(by).iter().filter(|region| region.hooks.contains(hook));
    let own: Vec<Region> =
        own.map(|region| Region { hooks: HookSet::EMPTY.with(hook), ..region.clone() }).collect();
    let earlier: Vec<RuleId> = meeting.into_iter().take_while(|&earlier| earlier < by).collect();
    let left = rules.left(own.clone(), earlier.iter().copied(), &mut Vec::new(), &mut Work(WORK));
    let witness = match left {
        Ok(left) => left.iter().find_map(|piece| rules.space.witness(piece)),
        // Where they are many, one that comes through is sooner hit by chance.
        Err(Undecided) => {
            let mut corners = (0..CORNERS)
                .flat_map(|number| own.iter().filter_map(move |region| rules.space.corner(region, number)));
            let is_left = |key: &Key| rules.decides(key, earlier.iter().copied()) == Cause::Policy;
            Some(corners.find(is_left).ok_or(Undecided)?)
        }
    };
    Ok(witness.map(|witness| Finding::PolicyNeverReached { hook, by, witness }))
}

/// How many fields of a rule say nothing.
fn breadth(rules: &Rules<'_>, id: RuleId) -> usize {
    let regions = rules.regions(id).iter();
    let open = regions.map(|region| {
        [
            region.protocol == crate::ByteSet::FULL,
            region.source.is_full(),
            region.destination.is_full(),
            region.port.absent,
            region.source_port.absent,
        ]
        .into_iter()
        .filter(|open| *open)
        .count()
    });
    open.max().unwrap_or(0)
}
