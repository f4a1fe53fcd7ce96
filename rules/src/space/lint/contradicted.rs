//! Members of a rule's lists that never decide.

use std::sync::Arc;

use super::{Finding, finding::same_kind};
use crate::{
    Cause, Field, HookSet, IcmpSet, Protocol, RangeSet, RuleId, Step,
    space::{part::Part, region::Region, rules::Rules},
    words::{address_range, icmp_types, range},
};

/// Longer lists come from files and services, where it is no mistake that others say something else
/// about a few of their members.
const MOST_MEMBERS: usize = 16;

/// Members of a rule's lists about which an earlier rule says the opposite, whatever the packet. That
/// an earlier rule says so of a part of a member only is how exceptions are written: no finding.
pub(super) fn in_part(rules: &Rules<'_>, id: RuleId, earlier: &[RuleId]) -> Vec<Finding> {
    let action = rules.ruleset.rule(id).action;
    let opposite: Vec<RuleId> = earlier
        .iter()
        .copied()
        .filter(|&other| !same_kind(rules.ruleset.rule(other).action, action))
        .collect();
    if opposite.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (field, member, parts) in members(rules, id) {
        let whole = |by: &&RuleId| {
            let wide = rules.regions(**by);
            parts.iter().all(|part| wide.iter().any(|wide| part.is_within(wide)))
        };
        let Some(&by) = opposite.iter().find(whole) else { continue };
        let packets = parts.iter().filter_map(|part| rules.space.witness(part));
        // Another rule may be faster still: then it is another story.
        let decided = |key: &crate::Key| rules.decides(key, earlier.iter().copied()) == Cause::Rule(by);
        if let Some(witness) = packets.into_iter().find(decided) {
            findings.push(Finding::PartNeverDecides { rule: id, field, member, by, witness });
        }
    }
    findings
}

/// The members of each list that the rule writes, and the rule's regions with that member only.
fn members(rules: &Rules<'_>, id: RuleId) -> Vec<(Field, String, Vec<Region>)> {
    let matches = &rules.ruleset.rule(id).matches;
    let regions = rules.regions(id);
    let mut members = Vec::new();
    let mut add = |field, member: String, narrowed: &dyn Fn(&Region) -> Region| {
        let narrowed = regions.iter().map(narrowed).filter(Region::is_possible);
        members.push((field, member, narrowed.collect::<Vec<_>>()));
    };
    if let Some(protocols) = &matches.protocol {
        for protocol in list(protocols.iter()) {
            let only = [protocol].into_iter().collect();
            add(Field::Protocol, Protocol(protocol).to_string(), &|region| {
                let protocol = if region.protocol.contains(protocol) { only } else { crate::ByteSet::EMPTY };
                Region { protocol, ..region.clone() }
            });
        }
    }
    let hooks: Vec<_> = rules.ruleset.rule(id).hooks.iter().collect();
    for hook in list(hooks) {
        add(Field::Hook, hook.to_string(), &|region| {
            let hooks = if region.hooks.contains(hook) { HookSet::EMPTY.with(hook) } else { HookSet::EMPTY };
            Region { hooks, ..region.clone() }
        });
    }
    for (field, set) in [(Field::Port, &matches.port), (Field::SourcePort, &matches.source_port)] {
        for member in ranges(set.as_ref()) {
            add(field, range(member), &|region| {
                let part = Part::of([member].into_iter().collect());
                match field {
                    Field::Port => Region { port: part, ..region.clone() },
                    _ => Region { source_port: part, ..region.clone() },
                }
            });
        }
    }
    for member in ranges(matches.user.as_ref()) {
        add(Field::User, range(member), &|region| Region {
            user: Part::of([member].into_iter().collect()),
            ..region.clone()
        });
    }
    if let Some(types) = &matches.icmp_type {
        for (protocol, set) in [(Protocol::ICMP, &types.v4), (Protocol::ICMPV6, &types.v6)] {
            for member in list(set.ranges().iter().flat_map(by_type)) {
                let Some(text) = icmp_type(protocol, member) else { continue };
                add(Field::IcmpType, text, &|region| {
                    let (own, none) =
                        (Part::of([member].into_iter().collect()), Part::of([].into_iter().collect()));
                    let (icmp, icmpv6) = if protocol == Protocol::ICMP { (own, none) } else { (none, own) };
                    let (icmp, icmpv6) = (
                        Part { absent: region.icmp.absent, ..icmp },
                        Part { absent: region.icmpv6.absent, ..icmpv6 },
                    );
                    Region { icmp, icmpv6, ..region.clone() }
                });
            }
        }
    }
    for (field, set) in [(Field::Source, &matches.source), (Field::Destination, &matches.destination)] {
        let Some(set) = set else { continue };
        let ranges = set.ranges();
        for member in list(ranges.collect::<Vec<_>>()) {
            add(field, address_range(member), &|region| {
                let only = Arc::new(crate::AddressSet::from_ranges([member]));
                match field {
                    Field::Source => Region { source: only, ..region.clone() },
                    _ => Region { destination: only, ..region.clone() },
                }
            });
        }
    }
    members
}

/// The members, if they are a list that somebody has written.
fn list<T>(members: impl IntoIterator<Item = T>) -> Vec<T> {
    let members: Vec<T> = members.into_iter().take(MOST_MEMBERS + 1).collect();
    if (2..=MOST_MEMBERS).contains(&members.len()) { members } else { Vec::new() }
}

/// Types one by one, since rules write them so.
fn by_type(&(first, last): &(u16, u16)) -> impl Iterator<Item = (u16, u16)> {
    let kinds = first.to_be_bytes()[0]..=last.to_be_bytes()[0];
    kinds.map(move |kind| {
        let whole = [0, u8::MAX].map(|code| u16::from_be_bytes([kind, code]));
        (whole[0].max(first), whole[1].min(last))
    })
}

/// The type as a rule writes it that is about this protocol only.
fn icmp_type(protocol: Protocol, member: (u16, u16)) -> Option<String> {
    let wanted: RangeSet<u16> = [member].into_iter().collect();
    let unwanted = wanted.complement();
    let of = |set| match protocol {
        Protocol::ICMP => IcmpSet { v4: set, ..IcmpSet::default() },
        _ => IcmpSet { v6: set, ..IcmpSet::default() },
    };
    let mut texts = icmp_types(&of(wanted), &of(unwanted))?;
    texts.pop().filter(|_| texts.is_empty())
}

fn ranges<T: Step>(set: Option<&RangeSet<T>>) -> Vec<(T, T)> {
    list(set.into_iter().flat_map(|set| set.ranges().iter().copied()))
}
