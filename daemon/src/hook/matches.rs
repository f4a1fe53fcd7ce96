//! What a rule matches, in nft's words.

use std::{
    fmt::{Display, Write as _},
    sync::Arc,
};

use portcullis_rules::{
    AddressSet, ByteSet, Hook, IcmpSet, InterfacePattern, InterfaceSet, Match, Protocol, RangeSet,
};

/// A match of one nft rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NftMatch {
    /// The family that its addresses are of, if it names some.
    pub(crate) family: Option<Family>,
    /// The match; empty for every packet.
    pub(crate) text: String,
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// What addresses of it begin with.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }

    /// The members of a set of addresses.
    pub(crate) fn members(self, set: &AddressSet) -> Vec<String> {
        match self {
            Self::V4 => set.v4_ranges().map(range).collect(),
            Self::V6 => set.v6_ranges().map(range).collect(),
        }
    }
}

/// Of which packets of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// As the rule is written.
    Forth,
    /// Its replies: ends change places.
    Back,
}

/// One match for each combination of address family and interface pattern. It holds interfaces, addresses,
/// protocol, ports and ICMP types; `named` knows which sets of addresses have a name in the table.
pub(crate) fn nft_matches(
    matches: &Match,
    hook: Hook,
    direction: Direction,
    named: &dyn Fn(&Arc<AddressSet>) -> Option<String>,
) -> Vec<NftMatch> {
    let (near, far) = match direction {
        Direction::Forth => ("s", "d"),
        Direction::Back => ("d", "s"),
    };
    let interfaces = interfaces(matches, hook, direction);
    let addresses = addresses(matches, near, far, named);
    let transports = transports(matches, near, far, direction);
    let mut all = Vec::new();
    for interface in &interfaces {
        for (family, address) in &addresses {
            for transport in &transports {
                let parts = [interface, address, transport];
                let parts: Vec<&str> =
                    parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
                all.push(NftMatch { family: *family, text: parts.join(" ") });
            }
        }
    }
    all
}

fn interfaces(matches: &Match, hook: Hook, direction: Direction) -> Vec<String> {
    let (mut came_in, mut goes_out) = (matches.in_interface.as_ref(), matches.out_interface.as_ref());
    if direction == Direction::Back {
        std::mem::swap(&mut came_in, &mut goes_out);
    }
    match hook {
        Hook::Input => patterns("iifname", matches.interface.as_ref()),
        Hook::Output => patterns("oifname", matches.interface.as_ref()),
        Hook::Forward => {
            let (came_in, goes_out) = (patterns("iifname", came_in), patterns("oifname", goes_out));
            let pairs = came_in.iter().flat_map(|a| goes_out.iter().map(move |b| format!("{a} {b}")));
            pairs.map(|pair| pair.trim().to_owned()).collect()
        }
    }
}

fn patterns(word: &str, set: Option<&InterfaceSet>) -> Vec<String> {
    let Some(InterfaceSet { any_of, none_of }) = set else { return vec![String::new()] };
    let quoted = |pattern: &InterfacePattern| format!("\"{pattern}\"");
    let mut none = String::new();
    for pattern in none_of {
        // Writing to a string cannot fail.
        let _ = write!(none, "{word} != {} ", quoted(pattern));
    }
    let none = none.trim_end();
    if any_of.is_empty() || any_of.contains(&InterfacePattern::Any) {
        return vec![none.to_owned()];
    }
    any_of.iter().map(|pattern| format!("{word} {} {none}", quoted(pattern)).trim_end().to_owned()).collect()
}

/// Matches for each family that the rule's addresses can be of.
fn addresses(
    matches: &Match,
    near: &str,
    far: &str,
    named: &dyn Fn(&Arc<AddressSet>) -> Option<String>,
) -> Vec<(Option<Family>, String)> {
    let Match { source, destination, .. } = matches;
    if source.is_none() && destination.is_none() {
        return vec![(None, String::new())];
    }
    let of_family = |family: Family| {
        let mut parts = Vec::new();
        for (set, end) in [(source, near), (destination, far)] {
            let Some(set) = set else { continue };
            let members = family.members(set);
            if members.is_empty() {
                return None;
            }
            let set = named(set).map_or_else(
                || format!("{{ {} }}", members.join(", ")),
                |name| format!("@{}", set_name(&name, family)),
            );
            parts.push(format!("{} {end}addr {set}", family.word()));
        }
        Some((Some(family), parts.join(" ")))
    };
    Family::ALL.into_iter().filter_map(of_family).collect()
}

/// The name of an nft set of one family.
pub(crate) fn set_name(name: &str, family: Family) -> String {
    format!("{name}-{}", family.word())
}

/// Matches of protocol, ports and ICMP type. A reply is told from a new flow by TCP's flags, which
/// also works for sessions older than connection tracking, and by its direction otherwise.
fn transports(matches: &Match, near: &str, far: &str, direction: Direction) -> Vec<String> {
    let back = direction == Direction::Back;
    if let Some(icmp) = &matches.icmp_type {
        return icmp_types(icmp, matches.protocol.as_ref(), back);
    }
    let mut ports = String::new();
    for (set, end) in [(&matches.source_port, near), (&matches.port, far)] {
        if let Some(set) = set {
            let _ = write!(ports, " th {end}port {{ {} }}", ranges(set));
        }
    }
    let allowed = matches.protocol.unwrap_or(ByteSet::FULL);
    let with_ports = matches.port.is_some() || matches.source_port.is_some();
    let fits = |number: &u8| allowed.contains(*number) && (!with_ports || Protocol(*number).has_ports());
    if !back {
        let any = matches.protocol.is_none() && !with_ports;
        let numbers: Vec<u8> = (0..=u8::MAX).filter(fits).collect();
        return if any { vec![String::new()] } else { protocols(&numbers, &ports) };
    }
    let mut rules = Vec::new();
    if fits(&Protocol::TCP.0) {
        rules.push(format!("meta l4proto tcp tcp flags & (syn | ack) != syn{ports}"));
    }
    let others: Vec<u8> = (0..=u8::MAX).filter(|number| fits(number) && *number != Protocol::TCP.0).collect();
    rules.extend(protocols(&others, &format!(" ct direction reply{ports}")));
    rules
}

fn protocols(numbers: &[u8], rest: &str) -> Vec<String> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let set: RangeSet<u8> = numbers.iter().map(|&number| (number, number)).collect();
    vec![format!("meta l4proto {{ {} }}{rest}", ranges(&set))]
}

fn icmp_types(icmp: &IcmpSet, protocol: Option<&ByteSet>, back: bool) -> Vec<String> {
    let families = [(Protocol::ICMP, "icmp", &icmp.v4), (Protocol::ICMPV6, "ipv6-icmp", &icmp.v6)];
    let named = families.into_iter().filter(|(number, _, types)| {
        !types.is_empty() && protocol.is_none_or(|protocol| protocol.contains(number.0))
    });
    named
        .map(|(_, word, types)| match back {
            true => format!("meta l4proto {word} ct direction reply"),
            // Type and code are the header's first 16 bits.
            false => format!("meta l4proto {word} @th,0,16 {{ {} }}", ranges(types)),
        })
        .collect()
}

fn ranges<T: Copy + Display + PartialEq + portcullis_rules::Step>(set: &RangeSet<T>) -> String {
    let texts: Vec<String> = set.ranges().iter().map(|&ends| range(ends)).collect();
    texts.join(", ")
}

fn range<T: Display + PartialEq>((first, last): (T, T)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
