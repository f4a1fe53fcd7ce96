//! Regions in the words of the rule language.

use super::{Space, part::Part, region::Region};
use crate::{
    AddressSet, ByteSet, Field, Hook, HookSet, IcmpSet, Protocol, RangeSet, Words,
    words::{addresses, icmp_types, numbers, patterns, protocols as names, states, tcp_flags},
};

impl Space {
    /// The region as the keys of rules that match its packets and no others: more than one rule where
    /// the language has no words for all at once. Facts that the language can't name, such as that a
    /// packet has no user, are left out.
    pub(crate) fn words(&self, region: &Region) -> Vec<Vec<Words>> {
        let Some(region) = region.clone().tightened() else { return Vec::new() };
        self.expressible(region).iter().map(|region| self.rule(region)).collect()
    }

    /// Where some of the packets lack a part that is named of the others, they become two regions.
    fn expressible(&self, region: Region) -> Vec<Region> {
        let by_hook = region.hooks.len() > 1
            && (self.names_interfaces(&region) || region.user.has_values() && !region.user.values.is_full());
        let hooks: Vec<HookSet> = if by_hook {
            region.hooks.iter().map(|hook| HookSet::EMPTY.with(hook)).collect()
        } else {
            vec![region.hooks]
        };
        let halves = |part: &Part<u16>| part.absent && part.has_values() && !part.values.is_full();
        let flags =
            region.tcp_flags.absent && region.tcp_flags.has_values() && !region.tcp_flags.values.is_full();
        let by_protocol = halves(&region.port)
            || halves(&region.source_port)
            || halves(&region.icmp)
            || halves(&region.icmpv6)
            || flags;
        let kinds: Vec<ByteSet> = if by_protocol {
            let tcp = super::region::only(Protocol::TCP);
            let icmp = super::region::only(Protocol::ICMP);
            let icmpv6 = super::region::only(Protocol::ICMPV6);
            let ports = super::region::with_ports().difference(&tcp);
            let named = tcp.union(&icmp).union(&icmpv6).union(&ports);
            vec![tcp, ports, icmp, icmpv6, named.complement()]
        } else {
            vec![ByteSet::FULL]
        };
        let (came_in, goes_out) = (self.sayable(&region.in_interface), self.sayable(&region.out_interface));
        let mut parts = Vec::new();
        for &hooks in &hooks {
            for kind in &kinds {
                let protocol = region.protocol.difference(&kind.complement());
                let part = Region { hooks, protocol, ..region.clone() };
                for in_interface in &came_in {
                    for out_interface in &goes_out {
                        let (in_interface, out_interface) = (in_interface.clone(), out_interface.clone());
                        parts.extend(Region { in_interface, out_interface, ..part.clone() }.tightened());
                    }
                }
            }
        }
        parts
    }

    /// The interfaces in as few sets of patterns as there are.
    fn sayable(&self, part: &Part<u32>) -> Vec<Part<u32>> {
        let sets = self.interfaces.patterns(&part.values);
        if !part.has_values() || sets.len() == 1 {
            return vec![part.clone()];
        }
        sets.iter().map(|set| Part { values: self.interfaces.in_set(set).into(), ..part.clone() }).collect()
    }

    fn names_interfaces(&self, region: &Region) -> bool {
        let all = self.interfaces.all();
        [&region.in_interface, &region.out_interface]
            .into_iter()
            .any(|part| part.has_values() && *part.values != all)
    }

    fn rule(&self, region: &Region) -> Vec<Words> {
        let mut words =
            vec![Words::new(Field::Hook, region.hooks.iter().map(|hook| hook.to_string()).collect())];
        let hook = region.hooks.iter().next();
        for (part, forward) in
            [(&region.in_interface, Field::InInterface), (&region.out_interface, Field::OutInterface)]
        {
            if part.has_values() && *part.values != self.interfaces.all() {
                let field = if hook == Some(Hook::Forward) { forward } else { Field::Interface };
                let sets = self.interfaces.patterns(&part.values);
                words.extend(sets.iter().map(|set| Words::new(field, patterns(set))));
            }
        }
        words.extend(protocols(region));
        // What one end says of the family need not be said of the other.
        let says = |set: &AddressSet| !set.is_full_in_its_families();
        let (source, destination) = (&region.source, &region.destination);
        if says(source) || !source.is_full() && !says(destination) {
            words.push(Words::new(Field::Source, addresses(source)));
        }
        if says(destination) {
            words.push(Words::new(Field::Destination, addresses(destination)));
        }
        for (field, part) in [(Field::SourcePort, &region.source_port), (Field::Port, &region.port)] {
            if part.has_values() && !part.values.is_full() {
                words.push(Words::new(field, numbers(&part.values)));
            }
        }
        // Where only some types are meant, there is but one of the two protocols.
        let types = [&region.icmp, &region.icmpv6].map(|part| {
            let in_part = part.has_values() && !part.values.is_full();
            if in_part {
                (RangeSet::clone(&part.values), part.values.complement())
            } else {
                Default::default()
            }
        });
        let [(v4, no_v4), (v6, no_v6)] = types;
        let (wanted, unwanted) = (IcmpSet { v4, v6 }, IcmpSet { v4: no_v4, v6: no_v6 });
        if wanted != IcmpSet::default() {
            words.extend(icmp_types(&wanted, &unwanted).map(|types| Words::new(Field::IcmpType, types)));
        }
        if region.tcp_flags.has_values() && !region.tcp_flags.values.is_full() {
            let bytes = region.tcp_flags.values.ranges().iter().flat_map(|&(first, last)| first..=last);
            words.push(Words::new(Field::TcpFlags, tcp_flags(&bytes.collect())));
        }
        if !region.state.complement().is_empty() {
            words.push(Words::new(Field::State, states(region.state)));
        }
        if region.user.has_values() && !(region.user.values.is_full() && region.user.absent) {
            words.push(Words::new(Field::User, numbers(&region.user.values)));
        }
        words
    }
}

/// Not mentioned where the other fields, as they are written, leave no other protocols.
fn protocols(region: &Region) -> Option<Words> {
    let mut open = Region { protocol: ByteSet::FULL, ..region.clone() };
    for part in [&mut open.port, &mut open.source_port] {
        if !part.has_values() || part.values.is_full() {
            *part = Part::any();
        }
    }
    if !open.tcp_flags.has_values() || open.tcp_flags.values.is_full() {
        open.tcp_flags = Part::any();
    }
    // The name of a type means another number in the other protocol.
    (open.icmp, open.icmpv6) = (Part::any(), Part::any());
    let implied = open.tightened().map(|open| open.protocol);
    if implied == Some(region.protocol) || region.protocol == ByteSet::FULL {
        return None;
    }
    Some(Words::new(Field::Protocol, names(&region.protocol)))
}
