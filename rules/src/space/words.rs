//! Regions in the words of the rule language.

use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use super::{Space, part::Part, region::Region};
use crate::{
    AddressSet, ByteSet, Field, Hook, HookSet, InterfaceSet, Protocol, RangeSet, StateSet, Step, TcpFlags,
};

/// A key of a rule and its values, as a rule file writes them: `port`, `[22, "8000-8099"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The key.
    pub field: Field,
    /// The values, each as it is written without quotes. Numbers need none.
    pub values: Vec<String>,
}

impl Words {
    fn new(field: Field, values: Vec<String>) -> Self {
        Self { field, values }
    }

    /// As TOML, `port = [22, 443]`, with at most so many values; how many are left out is told.
    pub fn toml(&self, most: usize) -> String {
        let quoted = |value: &String| {
            let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            if plain { value.clone() } else { format!("\"{value}\"") }
        };
        let name = self.field.name();
        match &self.values[..] {
            [one] => format!("{name} = {}", quoted(one)),
            all => {
                let shown: Vec<String> = all.iter().take(most).map(quoted).collect();
                let more = match all.len().saturating_sub(most) {
                    0 => String::new(),
                    more => format!(", … {more} more"),
                };
                format!("{name} = [{}{more}]", shown.join(", "))
            }
        }
    }
}

/// What a rule names, key by key; of ICMP types and interfaces as far as one rule can say it.
pub fn words_of(rule: &crate::Rule) -> Vec<Words> {
    let alone = crate::Ruleset { rules: vec![rule.clone()], policy: crate::Policy::default() };
    let space = Space::of([&alone]);
    let matched = space.matched(rule);
    let mut words: Vec<Words> = Vec::new();
    for own in matched.iter().flat_map(|region| space.words(region)).flatten() {
        match words.iter_mut().find(|other| other.field == own.field) {
            Some(other) => {
                for value in own.values {
                    if !other.values.contains(&value) {
                        other.values.push(value);
                    }
                }
            }
            None => words.push(own),
        }
    }
    words
}

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
        let mut parts = Vec::new();
        for &hooks in &hooks {
            for kind in &kinds {
                let protocol = region.protocol.difference(&kind.complement());
                parts.extend(Region { hooks, protocol, ..region.clone() }.tightened());
            }
        }
        parts
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
                words.push(Words::new(field, patterns(&self.interfaces.patterns(&part.values))));
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
        let types: Vec<String> = [(Protocol::ICMP, &region.icmp), (Protocol::ICMPV6, &region.icmpv6)]
            .into_iter()
            .filter(|(_, part)| !part.values.is_full())
            .flat_map(|(protocol, part)| {
                let ranges = part.values.ranges().iter();
                ranges.map(move |&range| icmp_range(protocol, range)).collect::<Vec<_>>()
            })
            .collect();
        if !types.is_empty() {
            words.push(Words::new(Field::IcmpType, types));
        }
        if region.tcp_flags.has_values() && !region.tcp_flags.values.is_full() {
            let bytes = region.tcp_flags.values.ranges().iter().flat_map(|&(first, last)| first..=last);
            words.push(Words::new(Field::TcpFlags, tcp_flags(&bytes.collect())));
        }
        if !region.state.complement().is_empty() {
            words.push(Words::new(Field::State, states(region.state)));
        }
        if region.user.has_values() && !region.user.values.is_full() {
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
    let names = |set: &ByteSet, sign: &str| set.iter().map(|p| format!("{sign}{}", Protocol(p))).collect();
    let missing = region.protocol.complement();
    let values: Vec<String> = if missing.iter().count() < region.protocol.iter().count() {
        names(&missing, "!")
    } else {
        names(&region.protocol, "")
    };
    Some(Words::new(Field::Protocol, values))
}

fn states(set: StateSet) -> Vec<String> {
    let (named, missing): (Vec<_>, Vec<_>) = (set.iter().collect(), set.complement().iter().collect());
    if missing.len() < named.len() {
        missing.iter().map(|state| format!("!{state}")).collect()
    } else {
        named.iter().map(ToString::to_string).collect()
    }
}

fn patterns(set: &InterfaceSet) -> Vec<String> {
    let any_of = set.any_of.iter().map(ToString::to_string);
    any_of.chain(set.none_of.iter().map(|pattern| format!("!{pattern}"))).collect()
}

/// As few texts as there are: flags without the two of ECN, where those don't count.
fn tcp_flags(bytes: &ByteSet) -> Vec<String> {
    let mut left = *bytes;
    let mut texts = Vec::new();
    loop {
        let next = left.iter().next();
        let Some(byte) = next else { break };
        // The widest text that still means nothing else.
        let widest = (0..=u8::MAX)
            .filter(|mask| mask & byte == byte)
            .map(|mask| (mask, (0..=u8::MAX).filter(|other| other & mask == byte).collect::<ByteSet>()))
            .filter(|(_, set)| set.difference(bytes).is_empty())
            .max_by_key(|(_, set)| set.iter().count());
        let Some((mask, set)) = widest else { break };
        texts.push(format!("{}/{}", TcpFlags(byte), TcpFlags(mask)));
        left = left.difference(&set);
    }
    texts
}

/// The ranges, or what is missing where that is shorter.
fn numbers<T: Step + Display>(set: &RangeSet<T>) -> Vec<String> {
    let missing = set.complement();
    if missing.ranges().len() < set.ranges().len() {
        missing.ranges().iter().map(|&member| format!("!{}", range(member))).collect()
    } else {
        set.ranges().iter().map(|&member| range(member)).collect()
    }
}

/// `22`, or `8000-8099`.
pub(super) fn range<T: Display + PartialEq>((first, last): (T, T)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// A name or a number of a type; each end of a longer range by its number.
pub(super) fn icmp_range(protocol: Protocol, (first, last): (u16, u16)) -> String {
    let ([kind, code], [last_kind, last_code]) = (first.to_be_bytes(), last.to_be_bytes());
    let name = |kind| {
        let icmp = crate::IcmpType { kind, code: 0 };
        icmp.name(protocol).map_or_else(|| kind.to_string(), ToOwned::to_owned)
    };
    match (code, last_code) {
        (0, u8::MAX) if kind == last_kind => name(kind),
        (code, last_code) if kind == last_kind && code == last_code => format!("{}/{code}", name(kind)),
        (0, u8::MAX) => format!("{kind}-{last_kind}"),
        _ => format!("{kind}/{code}-{last_kind}/{last_code}"),
    }
}

fn addresses(set: &AddressSet) -> Vec<String> {
    let missing = set.complement();
    let count = |set: &AddressSet| set.v4().ranges().len() + set.v6().ranges().len();
    // Of one family only: better said by what there is.
    let one_family = set.v4().is_empty() || set.v6().is_empty();
    if count(&missing) < count(set) && !one_family {
        missing.ranges().map(|member| format!("!{}", address_range(member))).collect()
    } else {
        set.ranges().map(address_range).collect()
    }
}

/// An address, a prefix where the range is one, else both ends.
pub(super) fn address_range((first, last): (IpAddr, IpAddr)) -> String {
    let prefix: Option<IpNet> = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => only_one(Ipv4Subnets::new(first, last, 0)).map(Into::into),
        (IpAddr::V6(first), IpAddr::V6(last)) => only_one(Ipv6Subnets::new(first, last, 0)).map(Into::into),
        _ => None,
    };
    match prefix {
        _ if first == last => first.to_string(),
        Some(prefix) => prefix.to_string(),
        None => format!("{first}-{last}"),
    }
}

fn only_one<T>(mut subnets: impl Iterator<Item = T>) -> Option<T> {
    let first = subnets.next();
    if subnets.next().is_none() { first } else { None }
}

impl AddressSet {
    /// All ranges, IPv4 first, ascending, ends included.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let v4 = self.v4_ranges().map(|(a, b): (Ipv4Addr, Ipv4Addr)| (a.into(), b.into()));
        let v6 = self.v6_ranges().map(|(a, b): (Ipv6Addr, Ipv6Addr)| (a.into(), b.into()));
        v4.chain(v6)
    }
}
