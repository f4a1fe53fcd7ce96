//! Failsafe rules as kernel rules: they hold while the daemon is dead.

use portcullis_rules::{Hook, Rule};

use super::matches::{Direction, NftMatch, nft_matches};

/// The nft matches at `hook` of the packets that `rule` accepts, and of their replies, so that a
/// connection through a failsafe door needs the daemon in neither direction.
pub(super) fn rules(rule: &Rule, hook: Hook) -> Vec<String> {
    let mut rules = Vec::new();
    let mut add = |direction| {
        let matches = nft_matches(&rule.matches, hook, direction, &|_| None);
        rules.extend(matches.into_iter().map(|NftMatch { text, .. }| text));
    };
    if rule.hooks.contains(hook) {
        add(Direction::Forth);
    }
    if rule.hooks.contains(hook.mirrored()) {
        add(Direction::Back);
    }
    rules
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portcullis_rules::{
        Action, AddressSet, HookSet, IcmpSet, InterfacePattern, InterfaceSet, LogDetail, Match, Place,
        Protocol,
    };

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
            excluding: Vec::new(),
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
