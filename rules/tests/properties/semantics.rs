//! Each case is a rule or two, and packets as text with what the rules say of them.

use std::sync::Arc;

use portcullis_rules::{
    Action, AddressSet, ByteSet, Cause, Fact, Field, Hook, HookSet, IcmpSet, InterfacePattern, InterfaceSet,
    Key, LogDetail, Match, Matched, NoNames, Place, Policy, Protocol, RangeSet, Rule, RuleId, Ruleset,
    Standing, State, StateSet, TcpFlags, parse_packet,
};

const SSH: &str = "input tcp 192.0.2.9:40000 -> 192.0.2.1:22 in eth0";
const SSH6: &str = "input tcp [2001:db8::9]:40000 -> [2001:db8::1]:22 in eth0";
const DNS: &str = "input udp 192.0.2.9:40000 -> 192.0.2.1:53 in eth0";
const PING: &str = "input icmp 192.0.2.9 -> 192.0.2.1 in eth0";
const PING6: &str = "input icmpv6 2001:db8::9 -> 2001:db8::1 in eth0";
const GRE: &str = "input gre 192.0.2.9 -> 192.0.2.1 in eth0";
const OUT: &str = "output tcp 192.0.2.1:40000 -> 192.0.2.9:443 out eth0 user 1000";
const THROUGH: &str = "forward udp 192.0.2.9:40000 -> 198.51.100.1:53 in eth0 out wg0";

fn key(text: &str) -> Key {
    parse_packet(text, &NoNames).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A rule for all hooks.
fn rule(action: Action, matches: Match) -> Rule {
    Rule {
        name: "rule".into(),
        hooks: Hook::ALL.into_iter().collect(),
        matches,
        action,
        log: LogDetail::default(),
        failsafe: false,
        rate: None,
        standing: Standing::InForce,
        excluding: Vec::new(),
        comment: None,
        place: Place::default(),
    }
}

fn ports(first: u16, last: u16) -> RangeSet<u16> {
    [(first, last)].into_iter().collect()
}

fn addresses(prefix: &str) -> AddressSet {
    AddressSet::from_prefixes([prefix.parse().expect("a prefix")])
}

fn interfaces(any_of: &[&str], none_of: &[&str]) -> InterfaceSet {
    let patterns =
        |texts: &[&str]| texts.iter().map(|text| InterfacePattern::parse(text).expect("a pattern")).collect();
    InterfaceSet { any_of: patterns(any_of), none_of: patterns(none_of) }
}

#[test]
fn each_field() {
    let all = Match::default;
    let port = |port| Match { port: Some(port), ..all() };
    let source = |set| Match { source: Some(Arc::new(set)), ..all() };
    let icmp = |set| Match { icmp_type: Some(set), ..all() };
    let echo = || IcmpSet::parse("echo-request").expect("a name");
    let flags = |text| Match { tcp_flags: TcpFlags::parse_match(text), ..all() };
    let protocols = |set: ByteSet| Match { protocol: Some(set), ..all() };
    let tcp = || ByteSet::from_iter([Protocol::TCP.0]);
    let interface =
        |any_of: &[&str], none_of: &[&str]| Match { interface: Some(interfaces(any_of, none_of)), ..all() };
    let state = |states: StateSet| Match { state: Some(states), ..all() };
    let user = |set| Match { user: Some(set), ..all() };
    let alice = || RangeSet::from_iter([(1000u32, 1000)]);

    let everything = [SSH, SSH6, DNS, PING, PING6, GRE, OUT, THROUGH];
    let cases: [(&str, Match, &[&str]); 32] = [
        ("nothing named", all(), &everything),
        ("port", port(ports(22, 22)), &[SSH, SSH6]),
        ("port range", port(ports(22, 53)), &[SSH, SSH6, DNS, THROUGH]),
        ("every port: not those without", port(RangeSet::full()), &[SSH, SSH6, DNS, OUT, THROUGH]),
        ("port, negated: not those without", port(ports(22, 22).complement()), &[DNS, OUT, THROUGH]),
        ("no port", port(RangeSet::default()), &[]),
        (
            "source port",
            Match { source_port: Some(ports(40000, 40000)), ..all() },
            &[SSH, SSH6, DNS, OUT, THROUGH],
        ),
        ("source", source(addresses("192.0.2.8/31")), &[SSH, DNS, PING, GRE, THROUGH]),
        (
            "source, negated: the other family too",
            source(addresses("192.0.2.8/31").complement()),
            &[SSH6, PING6, OUT],
        ),
        ("all of IPv4", source(addresses("0.0.0.0/0")), &[SSH, DNS, PING, GRE, OUT, THROUGH]),
        (
            "destination",
            Match { destination: Some(Arc::new(addresses("2001:db8::/32"))), ..all() },
            &[SSH6, PING6],
        ),
        ("protocol", protocols(tcp()), &[SSH, SSH6, OUT]),
        ("protocol, negated", protocols(tcp().complement()), &[DNS, PING, PING6, GRE, THROUGH]),
        ("icmp by name, in both families", icmp(echo()), &[PING, PING6]),
        ("icmp, negated: not those without", icmp(echo().complement()), &[]),
        ("icmp, another type", icmp(IcmpSet::parse("3").expect("a number")), &[]),
        ("flags", flags("syn"), &[SSH, SSH6, OUT]),
        ("flags with a mask", flags("syn / syn,ack"), &[SSH, SSH6, OUT]),
        ("other flags", flags("syn,ack"), &[]),
        ("no ack", flags("none/ack"), &[SSH, SSH6, OUT]),
        (
            "interface on input and output",
            interface(&["eth0"], &[]),
            &[SSH, SSH6, DNS, PING, PING6, GRE, OUT],
        ),
        ("interface pattern", interface(&["eth*"], &[]), &[SSH, SSH6, DNS, PING, PING6, GRE, OUT]),
        ("interface, negated", interface(&[], &["wg*"]), &[SSH, SSH6, DNS, PING, PING6, GRE, OUT]),
        ("interface, negated away", interface(&["eth*"], &["eth0"]), &[]),
        ("any interface: none on forward", interface(&["*"], &[]), &[SSH, SSH6, DNS, PING, PING6, GRE, OUT]),
        (
            "in-interface",
            Match { in_interface: Some(interfaces(&["eth0"], &[])), ..all() },
            &[SSH, SSH6, DNS, PING, PING6, GRE, THROUGH],
        ),
        ("out-interface", Match { out_interface: Some(interfaces(&["wg0"], &[])), ..all() }, &[THROUGH]),
        (
            "out-interface, negated: not those without",
            Match { out_interface: Some(interfaces(&[], &["wg0"])), ..all() },
            &[OUT],
        ),
        ("state", state(StateSet::from_iter([State::New])), &everything),
        ("state, negated", state(StateSet::from_iter([State::New]).complement()), &[]),
        ("user", user(alice()), &[OUT]),
        ("user, negated: not those without", user(alice().complement()), &[]),
    ];
    for (name, matches, matching) in cases {
        let rule = rule(Action::Accept, matches);
        for text in everything {
            let expected = if matching.contains(&text) { Matched::Yes } else { Matched::No };
            assert_eq!(rule.matches(&key(text)), expected, "{name}: {text}");
            assert_eq!(rule.failing(&key(text)).is_empty(), expected == Matched::Yes, "{name}: {text}");
        }
    }
}

#[test]
fn flags_with_and_without_a_mask() {
    let cases: [(&str, &[&str], &[&str]); 5] = [
        ("syn", &["syn", "syn,ece,cwr"], &["syn,ack", "none", "ack"]),
        ("syn/syn,ack", &["syn", "syn,psh", "syn,ece"], &["syn,ack", "ack", "none"]),
        ("none", &["none", "ece"], &["fin", "syn"]),
        ("all", &["all", "fin,syn,rst,psh,ack,urg,cwr"], &["syn", "none"]),
        ("syn,ece", &["syn,ece", "syn,ece,cwr"], &["syn", "syn,ack,ece"]),
    ];
    for (written, matching, others) in cases {
        let rule =
            rule(Action::Drop, Match { tcp_flags: TcpFlags::parse_match(written), ..Match::default() });
        let key = |flags| key(&format!("{SSH} flags {flags}"));
        assert!(matching.iter().all(|flags| rule.matches(&key(flags)) == Matched::Yes), "{written}");
        assert!(others.iter().all(|flags| rule.matches(&key(flags)) == Matched::No), "{written}");
    }
}

/// Rule 0 drops from 192.0.2.9; rule 1 accepts ssh; rule 2 rejects all of UDP on output.
fn three_rules() -> Ruleset {
    let source = Some(Arc::new(addresses("192.0.2.9/32")));
    let udp = Some(ByteSet::from_iter([Protocol::UDP.0]));
    let reject = rule(Action::Reject, Match { protocol: udp, ..Match::default() });
    Ruleset {
        rules: vec![
            rule(Action::Drop, Match { source, ..Match::default() }),
            rule(Action::Accept, Match { port: Some(ports(22, 22)), ..Match::default() }),
            Rule { hooks: HookSet::EMPTY.with(Hook::Output), ..reject },
        ],
        policy: Policy { input: Some(Action::Reject), output: Some(Action::Accept), forward: None },
    }
}

#[test]
fn the_first_match_decides_then_the_policy() {
    let cases = [
        (SSH, Action::Drop, Cause::Rule(RuleId(0))),
        (SSH6, Action::Accept, Cause::Rule(RuleId(1))),
        (PING6, Action::Reject, Cause::Policy),
        (OUT, Action::Accept, Cause::Policy),
        ("output udp 192.0.2.1:40000 -> 192.0.2.9:53", Action::Reject, Cause::Rule(RuleId(2))),
        ("input udp 192.0.2.1:40000 -> 192.0.2.9:53", Action::Reject, Cause::Policy),
        // The hook is not ours: not even a rule that names it decides.
        (THROUGH, Action::Accept, Cause::Policy),
    ];
    for (text, action, cause) in cases {
        let decision = three_rules().first_match(&key(text));
        assert_eq!((decision.action, decision.cause, decision.depends_on), (action, cause, None), "{text}");
    }
}

#[test]
fn near_misses() {
    let near = |text| {
        let explanation = three_rules().explain(&key(text));
        explanation.near.into_iter().map(|miss| (miss.rule.0, miss.field)).collect::<Vec<_>>()
    };
    assert_eq!(near(SSH), []);
    assert_eq!(near(SSH6), [(0, Field::Source)]);
    assert_eq!(near(PING6), [(0, Field::Source), (1, Field::Port)]);
    assert_eq!(
        near("input udp 192.0.2.1:1 -> 192.0.2.9:53"),
        [(0, Field::Source), (1, Field::Port), (2, Field::Hook)]
    );
    assert_eq!(near(THROUGH), []);
}

#[test]
fn unknown_facts_make_the_answer_depend() {
    let on_wg = Match { interface: Some(interfaces(&["wg*"], &[])), ..Match::default() };
    let as_root = Match { user: Some(RangeSet::from_iter([(0, 0)])), ..Match::default() };
    let policy = Policy { input: Some(Action::Drop), output: Some(Action::Drop), forward: None };
    let decide =
        |rules: &[Rule], text| Ruleset { rules: rules.to_vec(), policy }.first_match(&key(text)).depends_on;
    let unsaid = "input icmp 192.0.2.9 -> 192.0.2.1";
    let from_here = "output icmp 192.0.2.1 -> 192.0.2.9";

    let accept_wg = rule(Action::Accept, on_wg.clone());
    assert_eq!(decide(std::slice::from_ref(&accept_wg), unsaid), Some(RuleId(0)));
    assert_eq!(decide(std::slice::from_ref(&accept_wg), PING), None);
    // It would say what is said anyway.
    assert_eq!(decide(&[rule(Action::Drop, on_wg.clone())], unsaid), None);
    // It comes after the rule that decides.
    assert_eq!(decide(&[rule(Action::Drop, Match::default()), accept_wg.clone()], unsaid), None);
    // It fails on something else.
    let over_tcp = Match { port: Some(RangeSet::full()), ..on_wg };
    assert_eq!(decide(&[rule(Action::Accept, over_tcp)], unsaid), None);
    // The user of an outgoing packet; an incoming one has none.
    let accept_root = rule(Action::Accept, as_root);
    assert_eq!(decide(std::slice::from_ref(&accept_root), from_here), Some(RuleId(0)));
    assert_eq!(decide(std::slice::from_ref(&accept_root), unsaid), None);
    // The first of several.
    assert_eq!(decide(&[accept_root, accept_wg], from_here), Some(RuleId(0)));
}

#[test]
fn a_reply_mirrored_is_the_packet_it_answers() {
    let cases = [
        (
            "input tcp 192.0.2.1:443 -> 192.0.2.9:40000 in eth0 state established flags ack",
            "output tcp 192.0.2.9:40000 -> 192.0.2.1:443 out eth0 state established flags ack",
        ),
        (
            "forward udp [2001:db8::1]:53 -> [2001:db8::9]:40000 in wg0 out eth0",
            "forward udp [2001:db8::9]:40000 -> [2001:db8::1]:53 in eth0 out wg0",
        ),
        (
            "output icmp 192.0.2.1 -> 192.0.2.9 out eth0 type echo-reply user 0",
            "input icmp 192.0.2.9 -> 192.0.2.1 in eth0",
        ),
        ("input icmpv6 2001:db8::1 -> 2001:db8::9 type 129", "output icmpv6 2001:db8::9 -> 2001:db8::1"),
        (
            "input icmp 192.0.2.9 -> 192.0.2.1 type timestamp-reply",
            "output icmp 192.0.2.1 -> 192.0.2.9 type timestamp-request",
        ),
    ];
    for (reply, first) in cases {
        assert_eq!(key(reply).mirrored(), key(first), "{reply}");
    }
    assert_eq!(key(OUT).mirrored().user, Fact::Absent);
    assert_eq!(key(SSH).mirrored().user, Fact::Unknown);
}

/// What a rule says when it counts, when it doesn't, and when nobody says at which time.
#[test]
fn a_rule_counts_at_its_time() {
    let said = |standing| {
        let rule = Rule { standing, ..Rule::new("guest", Action::Accept) };
        let policy = Policy { input: Some(Action::Drop), ..Policy::default() };
        let explanation = Ruleset { rules: vec![rule], policy }.explain(&key(SSH));
        let near: Vec<Field> = explanation.near.iter().map(|miss| miss.field).collect();
        (explanation.decision.action, explanation.decision.depends_on, near)
    };
    assert_eq!(said(Standing::InForce), (Action::Accept, None, vec![]));
    assert_eq!(said(Standing::Expired), (Action::Drop, None, vec![Field::Expires]));
    assert_eq!(said(Standing::Resting), (Action::Drop, None, vec![Field::Schedule]));
    assert_eq!(said(Standing::Sometimes), (Action::Drop, Some(RuleId(0)), vec![]));
}
