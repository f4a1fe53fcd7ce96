//! Failsafe rules as kernel rules: they hold while the daemon is dead.

use std::fmt::{Display, Write as _};

use portcullis_rules::{
    AddressSet, ByteSet, Hook, IcmpSet, InterfacePattern, InterfaceSet, Match, Protocol, RangeSet, Rule,
};

/// The nft matches at `hook` of the packets that `rule` accepts, and of their replies, so that a
/// connection through a failsafe door needs the daemon in neither direction.
pub(super) fn rules(rule: &Rule, hook: Hook) -> Vec<String> {
    let mut rules = Vec::new();
    if rule.hooks.contains(hook) {
        rules.extend(expand(&rule.matches, hook, Direction::Forth));
    }
    if rule.hooks.contains(hook.mirrored()) {
        rules.extend(expand(&rule.matches, hook, Direction::Back));
    }
    rules
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// As the rule is written.
    Forth,
    /// Its replies: ends change places.
    Back,
}

/// One nft rule for each combination of address family and interface pattern.
fn expand(matches: &Match, hook: Hook, direction: Direction) -> Vec<String> {
    let (near, far) = match direction {
        Direction::Forth => ("s", "d"),
        Direction::Back => ("d", "s"),
    };
    let interfaces = interfaces(matches, hook, direction);
    let addresses = addresses(matches, near, far);
    let transports = transports(matches, near, far, direction);
    let mut rules = Vec::new();
    for interface in &interfaces {
        for address in &addresses {
            for transport in &transports {
                let parts = [interface, address, transport];
                let parts: Vec<&str> =
                    parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
                rules.push(parts.join(" "));
            }
        }
    }
    rules
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
fn addresses(matches: &Match, near: &str, far: &str) -> Vec<String> {
    let (source, destination) = (matches.source.as_deref(), matches.destination.as_deref());
    if source.is_none() && destination.is_none() {
        return vec![String::new()];
    }
    let family = |word: &str, ranges: fn(&AddressSet) -> Vec<String>| -> Option<String> {
        let mut parts = Vec::new();
        for (set, end) in [(source, near), (destination, far)] {
            let Some(set) = set else { continue };
            let ranges = ranges(set);
            if ranges.is_empty() {
                return None;
            }
            parts.push(format!("{word} {end}addr {{ {} }}", ranges.join(", ")));
        }
        Some(parts.join(" "))
    };
    let v4 = family("ip", |set| set.v4_ranges().map(range).collect());
    let v6 = family("ip6", |set| set.v6_ranges().map(range).collect());
    v4.into_iter().chain(v6).collect()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portcullis_rules::{Action, HookSet, LogDetail, Place};

    use super::*;

    fn rule(matches: Match) -> Rule {
        Rule {
            name: "ssh".into(),
            hooks: HookSet::EMPTY.with(Hook::Input),
            matches,
            action: Action::Accept,
            log: LogDetail::Summary,
            failsafe: true,
            rate: None,
            standing: portcullis_rules::Standing::InForce,
            comment: None,
            place: Place::default(),
        }
    }

    #[test]
    fn a_door_opens_in_both_directions() {
        let rule = rule(Match {
            protocol: Some([Protocol::TCP.0].into_iter().collect()),
            port: Some([(22, 22), (2200, 2299)].into_iter().collect()),
            ..Match::default()
        });
        assert_eq!(rules(&rule, Hook::Input), ["meta l4proto { 6 } th dport { 22, 2200-2299 }"]);
        assert_eq!(
            rules(&rule, Hook::Output),
            ["meta l4proto tcp tcp flags & (syn | ack) != syn th sport { 22, 2200-2299 }"]
        );
        assert!(rules(&rule, Hook::Forward).is_empty());
    }

    #[test]
    fn families_and_interfaces_are_spelled_out() {
        let office = ["203.0.113.0/24", "2001:db8:40::/48"].map(|prefix| prefix.parse().expect("a prefix"));
        let pattern = |text| InterfacePattern::parse(text).expect("a pattern");
        let rule = rule(Match {
            protocol: Some([Protocol::UDP.0].into_iter().collect()),
            source: Some(Arc::new(AddressSet::from_prefixes(office))),
            interface: Some(InterfaceSet {
                any_of: vec![pattern("eth0"), pattern("wg*")],
                none_of: Vec::new(),
            }),
            ..Match::default()
        });
        assert_eq!(
            rules(&rule, Hook::Input),
            [
                "iifname \"eth0\" ip saddr { 203.0.113.0-203.0.113.255 } meta l4proto { 17 }",
                "iifname \"eth0\" ip6 saddr { 2001:db8:40::-2001:db8:40:ffff:ffff:ffff:ffff:ffff } meta l4proto { 17 }",
                "iifname \"wg*\" ip saddr { 203.0.113.0-203.0.113.255 } meta l4proto { 17 }",
                "iifname \"wg*\" ip6 saddr { 2001:db8:40::-2001:db8:40:ffff:ffff:ffff:ffff:ffff } meta l4proto { 17 }",
            ]
        );
        assert_eq!(
            rules(&rule, Hook::Output)[0],
            "oifname \"eth0\" ip daddr { 203.0.113.0-203.0.113.255 } meta l4proto { 17 } ct direction reply"
        );
    }

    #[test]
    fn icmp_types_are_matched_with_their_codes() {
        let rule = rule(Match { icmp_type: IcmpSet::parse("echo-request"), ..Match::default() });
        assert_eq!(
            rules(&rule, Hook::Input),
            ["meta l4proto icmp @th,0,16 { 2048-2303 }", "meta l4proto ipv6-icmp @th,0,16 { 32768-33023 }"]
        );
    }

    #[test]
    fn a_rule_for_everything_needs_no_match() {
        assert_eq!(rules(&rule(Match::default()), Hook::Input), [""]);
        let back = rules(&rule(Match::default()), Hook::Output);
        assert_eq!(back.len(), 2);
        assert!(back[1].contains("ct direction reply"));
    }
}
