//! Rules that open everything, and policies that are never reached.

use std::sync::Arc;

use super::{FROM_OUTSIDE, Finding, WORK};
use crate::{
    Action, Cause, Hook, HookSet, Key, Protocol, RuleId, State, TcpFlags,
    space::{
        part::Part,
        region::Region,
        rules::{Rules, Undecided, Work},
    },
};

/// Packets at a hook that are tried before it is worked out whether rules decide them all.
const CORNERS: u32 = 256;

/// A finding if a rule accepts new connections of TCP or UDP from anybody to every port, at a hook
/// whose policy refuses them.
pub(super) fn opens_everything(rules: &Rules<'_>, id: RuleId) -> Option<Finding> {
    if rules.ruleset.rule(id).action != Action::Accept {
        return None;
    }
    let closed = |hook: &Hook| rules.ruleset.policy.at(*hook).is_some_and(|action| action != Action::Accept);
    FROM_OUTSIDE.into_iter().filter(closed).find_map(|hook| {
        let opened = |protocol: Protocol| {
            [(true, false), (false, true)].into_iter().find_map(|families| {
                let everybody = everybody(rules, hook, protocol, families);
                let wide = rules.regions(id).iter().any(|region| everybody.is_within(region));
                if wide { rules.space.witness(&everybody) } else { None }
            })
        };
        let (tcp, udp) = (opened(Protocol::TCP), opened(Protocol::UDP));
        let protocol = match (&tcp, &udp) {
            (Some(_), None) => Some(Protocol::TCP),
            (None, Some(_)) => Some(Protocol::UDP),
            _ => None,
        };
        Some(Finding::OpensEverything { rule: id, hook, protocol, witness: tcp.or(udp)? })
    })
}

/// The first packets of every connection that can come by a hook.
fn everybody(rules: &Rules<'_>, hook: Hook, protocol: Protocol, (v4, v6): (bool, bool)) -> Region {
    let all = rules.space.all(HookSet::EMPTY.with(hook));
    let of_family = Arc::new(all.source.of_families(v4, v6));
    let everybody = Region {
        protocol: [protocol.0].into_iter().collect(),
        source: Arc::clone(&of_family),
        destination: of_family,
        state: [State::New].into_iter().collect(),
        tcp_flags: match protocol {
            Protocol::TCP => Part::of([(TcpFlags::SYN.0, TcpFlags::SYN.0)].into_iter().collect()),
            _ => Part::none(),
        },
        ..all
    };
    everybody.clone().tightened().unwrap_or(everybody)
}

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
    let mut widest = meeting;
    widest.sort_by_key(|&id| std::cmp::Reverse(breadth(rules, id)));
    let mut took = Vec::new();
    let left = rules.left(vec![all], widest, &mut took, &mut Work(WORK))?;
    if !left.is_empty() {
        return Ok(None);
    }
    let policy = rules.ruleset.policy.at(hook);
    let otherwise = took.into_iter().find(|&id| Some(rules.ruleset.rule(id).action) != policy);
    Ok(otherwise.and_then(|by| {
        let regions = rules.regions(by).iter().filter(|region| region.hooks.contains(hook));
        let packets = regions.flat_map(|region| {
            let at_hook = Region { hooks: HookSet::EMPTY.with(hook), ..region.clone() };
            let ordinary = rules.space.witness(&at_hook);
            let corners: Vec<Key> =
                (0..32).filter_map(|number| rules.space.corner(&at_hook, number)).collect();
            ordinary.into_iter().chain(corners)
        });
        let decided = |key: &Key| rules.ruleset.first_match(key).cause == Cause::Rule(by);
        let witness = packets.into_iter().find(decided)?;
        Some(Finding::PolicyNeverReached { hook, by, witness })
    }))
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
