//! The space of packets, and what rules do to it.
//!
//! Every packet is a point, along the dimensions that rules can name; a rule is a few products of
//! sets, the [`Region`]s. Lints, differences between two rulesets and proposed edits are all worked
//! out with the same few operations on regions, so that they can't disagree. What is found comes with
//! a packet as its witness, of which the rules themselves are asked, one after the other, before anybody
//! is told.

mod diff;
mod edit;
mod interfaces;
mod lint;
mod near;
mod part;
mod region;
mod rules;
mod witness;
mod words;

pub use self::{
    diff::{Change, Difference, Differences, diff},
    edit::{Edit, EditChange, edits},
    lint::{Finding, Lints, Question, lint},
    region::Region,
    rules::Covers,
};
use self::{
    interfaces::Interfaces,
    part::{Extent as _, Part},
};
use crate::{Fact, Hook, HookSet, InterfaceName, Key, Match, Protocol, RangeSet, Rule, Ruleset};

/// The space in which some rulesets can be compared.
#[derive(Debug, Clone)]
pub struct Space {
    interfaces: Interfaces,
}

impl Space {
    /// The space that tells everything apart that `rulesets` do.
    pub fn of<'a>(rulesets: impl IntoIterator<Item = &'a Ruleset>) -> Self {
        Self { interfaces: Interfaces::of(rulesets) }
    }

    /// Every packet at `hooks`.
    pub fn all(&self, hooks: HookSet) -> Region {
        let all = Part { values: self.interfaces.all().into(), absent: true };
        Region { in_interface: all.clone(), out_interface: all, ..Region::all(hooks) }
    }

    /// The packets that `rule` matches, as disjoint regions; none when it matches nothing.
    pub fn matched(&self, rule: &Rule) -> Vec<Region> {
        // Destructured, so that a new field does not compile until it has a dimension here.
        let Match {
            interface,
            in_interface,
            out_interface,
            protocol,
            source,
            destination,
            source_port,
            port,
            icmp_type,
            tcp_flags,
            state,
            user,
        } = &rule.matches;
        let mut region = self.all(rule.hooks);
        if let Some(protocol) = protocol {
            region.protocol = *protocol;
        }
        if let Some(source) = source {
            region.source = source.clone();
        }
        if let Some(destination) = destination {
            region.destination = destination.clone();
        }
        if let Some(state) = state {
            region.state = *state;
        }
        region.source_port = Part::named(source_port.clone());
        region.port = Part::named(port.clone());
        let bytes = tcp_flags.map(|set| set.iter().map(|byte| (byte, byte)).collect());
        region.tcp_flags = Part::named(bytes);
        region.user = Part::named(user.clone());
        for (set, part) in
            [(in_interface, &mut region.in_interface), (out_interface, &mut region.out_interface)]
        {
            if let Some(set) = set {
                *part = Part::of(self.interfaces.in_set(set));
            }
        }
        let mut regions = match interface.as_ref().map(|set| Part::of(self.interfaces.in_set(set))) {
            None => vec![region],
            Some(named) => {
                // What it names on input and on output are two dimensions; on forward it is nothing.
                let came_in = Region { in_interface: region.in_interface.and(&named), ..region.clone() };
                let goes_out = Region { out_interface: region.out_interface.and(&named), ..region };
                [(Hook::Input, came_in), (Hook::Output, goes_out)]
                    .into_iter()
                    .filter(|(hook, _)| rule.hooks.contains(*hook))
                    .map(|(hook, region)| Region { hooks: HookSet::EMPTY.with(hook), ..region })
                    .collect()
            }
        };
        if let Some(types) = icmp_type {
            let of = |types: &RangeSet<u16>| Part::of(types.clone());
            regions = regions
                .into_iter()
                .flat_map(|region| {
                    let v4 = Region { icmp: of(&types.v4), icmpv6: Part::none(), ..region.clone() };
                    let v6 = Region { icmp: Part::none(), icmpv6: of(&types.v6), ..region };
                    [v4, v6]
                })
                .collect();
        }
        regions.retain(Region::is_possible);
        regions
    }

    /// Whether a packet, of which every fact is known, is in the region.
    pub fn contains(&self, region: &Region, key: &Key) -> bool {
        let interface = |part: &Part<u32>, fact: Fact<InterfaceName>| match fact {
            Fact::Known(name) => self.interfaces.class(&name).is_some_and(|class| part.contains(Some(class))),
            Fact::Absent => part.contains(None),
            Fact::Unknown => false,
        };
        let number = |protocol| {
            let icmp = key.icmp.filter(|_| key.protocol == protocol);
            icmp.map(|icmp| u16::from_be_bytes([icmp.kind, icmp.code]))
        };
        let user = match key.user {
            Fact::Known(user) => Some(user),
            Fact::Absent | Fact::Unknown => None,
        };
        region.hooks.contains(key.hook)
            && region.protocol.contains(key.protocol.0)
            && region.source.contains(key.source)
            && region.destination.contains(key.destination)
            && region.source_port.contains(key.ports.map(|ports| ports.source))
            && region.port.contains(key.ports.map(|ports| ports.destination))
            && region.icmp.contains(number(Protocol::ICMP))
            && region.icmpv6.contains(number(Protocol::ICMPV6))
            && region.tcp_flags.contains(key.tcp_flags.map(|flags| flags.0))
            && region.state.contains(key.state)
            && region.user.contains(user)
            && interface(&region.in_interface, key.in_interface)
            && interface(&region.out_interface, key.out_interface)
    }
}
