use std::sync::Arc;

use portcullis_rules::{HookSet, Match, Policy, Rate, RatePeriod, RateScope, Rule, RuleId, Ruleset};

use super::*;
use crate::mark::MarkLayout;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// An IPv4 and TCP header, from 192.0.2.9:`source` to 192.0.2.1:`destination`.
fn tcp(source: u16, destination: u16, flags: u8) -> Result<Headers, Malformed> {
    let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 9, 192, 0, 2, 1];
    bytes.extend(source.to_be_bytes());
    bytes.extend(destination.to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    Headers::parse(&bytes, 40)
}

fn question(state: State, reply: bool) -> Question {
    Question { state, reply, expected: false, accepted: false }
}

fn packet(hook: Hook, question: Question, headers: Result<Headers, Malformed>) -> Packet {
    let time = Timestamp::UNIX_EPOCH;
    Packet { time, hook, question, in_interface: None, out_interface: None, user: None, headers }
}

fn rule(hook: Hook, port: u16, action: Action) -> Rule {
    Rule {
        name: format!("{hook} {port} {action}").into(),
        hooks: HookSet::EMPTY.with(hook),
        matches: Match { port: Some([(port, port)].into_iter().collect()), ..Match::default() },
        ..Rule::new("", action)
    }
}

/// Input and output drop what no rule accepts.
fn generation(mode: Mode, rules: Vec<Rule>) -> Generation {
    let drop = Some(Action::Drop);
    let ruleset = Ruleset { rules, policy: Policy { input: drop, output: drop, forward: None } };
    let generation = Generation::new(1, mode, false, RuleTable::compile(Arc::new(ruleset)), 1);
    generation.remember_as(MarkLayout::new(0x7f00_0000).first_generation());
    generation
}

fn ssh_in(mode: Mode) -> Generation {
    generation(mode, vec![rule(Hook::Input, 22, Action::Accept), rule(Hook::Input, 23, Action::Reject)])
}

#[test]
fn nothing_is_remembered_before_there_is_a_number() {
    let table = RuleTable::compile(Arc::clone(ssh_in(Mode::Enforce).ruleset()));
    let early = Generation::new(1, Mode::Enforce, false, table, 1);
    let answer =
        |port| packet(Hook::Input, question(State::New, false), tcp(40000, port, SYN)).judge(&early).answer;
    assert_eq!([answer(22), answer(23), answer(24)], [Some(Answer::Pass), Some(Answer::Reject), None]);
    early.remember_as(MarkLayout::new(0x7f00_0000).first_generation());
    assert!(matches!(answer(22), Some(Answer::Accept(_))));
}

#[test]
fn a_first_packet_is_judged_by_its_own_key() {
    let live = ssh_in(Mode::Enforce);
    let answer =
        |port| packet(Hook::Input, question(State::New, false), tcp(40000, port, SYN)).judge(&live).answer;
    assert!(matches!(answer(22), Some(Answer::Accept(_))));
    assert_eq!(answer(23), Some(Answer::Reject));
    assert_eq!(answer(24), None);
}

#[test]
fn a_reply_is_judged_by_its_flows_first_packet() {
    let live = ssh_in(Mode::Enforce);
    // Our ssh server's answer: output drops it by itself, but the flow came in by port 22.
    let reply = packet(Hook::Output, question(State::Established, true), tcp(22, 40000, ACK));
    assert!(matches!(reply.judge(&live).answer, Some(Answer::Accept(_))));
    let other = packet(Hook::Output, question(State::Established, true), tcp(24, 40000, ACK));
    let judgement = other.judge(&live);
    assert_eq!((judgement.answer, judgement.reason), (Some(Answer::Cut), Some(Reason::FlowCut)));
}

#[test]
fn a_returning_packets_flags_are_not_consulted() {
    let mut syn_only = rule(Hook::Input, 22, Action::Accept);
    syn_only.matches.tcp_flags = TcpFlags::parse_match("syn");
    let live = generation(Mode::Enforce, vec![syn_only]);
    let returning = packet(Hook::Input, question(State::Established, false), tcp(40000, 22, ACK));
    assert!(matches!(returning.judge(&live).answer, Some(Answer::Accept(_))));
    let fresh = packet(Hook::Input, question(State::New, false), tcp(40000, 22, ACK));
    assert_eq!(fresh.judge(&live).answer, None);
}

#[test]
fn a_session_older_than_conntrack_lives_if_its_mirror_may_come_in() {
    let live = ssh_in(Mode::Enforce);
    let mid_stream = |hook, state, source, destination, flags| {
        packet(hook, question(state, false), tcp(source, destination, flags)).judge(&live).answer
    };
    assert!(matches!(mid_stream(Hook::Output, State::New, 22, 40000, ACK), Some(Answer::Accept(_))));
    assert!(matches!(mid_stream(Hook::Output, State::Established, 22, 40000, ACK), Some(Answer::Accept(_))));
    assert_eq!(mid_stream(Hook::Output, State::New, 22, 40000, SYN), None, "a new connection from port 22");
    assert_eq!(mid_stream(Hook::Output, State::New, 24, 40000, ACK), None, "no such door");
    assert_eq!(mid_stream(Hook::Input, State::New, 443, 40000, ACK), None, "no favour for what comes in");
}

#[test]
fn an_unknown_user_keeps_the_old_answer() {
    let mut by_user = rule(Hook::Output, 443, Action::Accept);
    by_user.matches.user = Some([(1000, 1000)].into_iter().collect());
    let live = generation(Mode::Enforce, vec![by_user]);
    let reply = packet(Hook::Input, question(State::Established, true), tcp(443, 50000, ACK));
    assert_eq!(reply.judge(&live).answer, Some(Answer::Pass));
    let by = |user| {
        let own = packet(Hook::Output, question(State::Established, false), tcp(50000, 443, ACK));
        Packet { user, ..own }.judge(&live).answer
    };
    assert!(matches!(by(Some(1000)), Some(Answer::Accept(_))));
    assert_eq!(by(Some(0)), Some(Answer::Cut));
    assert_eq!(by(None), Some(Answer::Pass), "its socket is gone");
}

#[test]
fn a_reply_that_takes_another_way_keeps_the_old_answer() {
    let interface = |name| InterfaceName::new(name).expect("a name");
    let mut by_eth0 = rule(Hook::Input, 22, Action::Accept);
    by_eth0.matches.interface = Some(portcullis_rules::InterfaceSet {
        any_of: vec![portcullis_rules::InterfacePattern::Name(interface("eth0"))],
        none_of: Vec::new(),
    });
    let live = generation(Mode::Enforce, vec![by_eth0]);
    let reply = |port, name| {
        let reply = packet(Hook::Output, question(State::Established, true), tcp(port, 40000, ACK));
        Packet { out_interface: Some(interface(name)), ..reply }.judge(&live).answer
    };
    assert!(matches!(reply(22, "eth0"), Some(Answer::Accept(_))));
    assert_eq!(reply(22, "eth1"), Some(Answer::Pass), "until a packet comes in");
    assert_eq!(reply(24, "eth1"), Some(Answer::Cut), "whichever way it came");
}

#[test]
fn monitor_mode_lets_everything_pass_and_remembers_it() {
    let live = ssh_in(Mode::Monitor);
    for port in [22, 23, 24] {
        let judgement = packet(Hook::Input, question(State::New, false), tcp(40000, port, SYN)).judge(&live);
        assert!(matches!(judgement.answer, Some(Answer::Accept(_))), "{port}");
        assert_eq!(judgement.reason.is_some(), port != 22, "{port}");
    }
    let cut = packet(Hook::Input, question(State::Established, false), tcp(40000, 24, ACK)).judge(&live);
    assert!(matches!(cut.answer, Some(Answer::Accept(_))));
    let malformed = packet(Hook::Input, question(State::New, false), Headers::parse(&[0x45], 1)).judge(&live);
    assert_eq!(malformed.answer, Some(Answer::Pass));
    assert!(malformed.reason.is_some());
}

#[test]
fn malformed_packets_are_dropped_and_named() {
    let judgement = packet(Hook::Input, question(State::New, false), Headers::parse(&[0x45], 1))
        .judge(&ssh_in(Mode::Enforce));
    assert_eq!(judgement.answer, None);
    assert!(matches!(judgement.reason, Some(Reason::Malformed(_))));
}

#[test]
fn what_has_no_flow_is_not_remembered() {
    let live = ssh_in(Mode::Enforce);
    for state in [State::Invalid, State::Untracked] {
        let packet = packet(Hook::Input, question(state, false), tcp(40000, 22, SYN));
        assert_eq!(packet.judge(&live).answer, Some(Answer::Pass));
    }
}

#[test]
fn what_exceeds_a_rules_rate_is_dropped() {
    let rate = Rate { count: 1, period: RatePeriod::Hour, burst: 2, scope: RateScope::Source };
    let mut rules = ssh_in(Mode::Enforce).ruleset().rules.clone();
    rules.iter_mut().for_each(|rule| rule.rate = Some(rate));
    for (mode, port) in [(Mode::Enforce, 22), (Mode::Enforce, 23), (Mode::Monitor, 22)] {
        let live = generation(mode, rules.clone());
        let first = packet(Hook::Input, question(State::New, false), tcp(40000, port, SYN));
        for _ in 0..2 {
            assert_ne!(first.judge(&live).reason, Some(Reason::RateExceeded), "{port}");
        }
        let third = first.judge(&live);
        assert_eq!((third.action, third.reason), (Action::Drop, Some(Reason::RateExceeded)), "{port}");
        assert_eq!(third.answer.is_some(), mode == Mode::Monitor, "monitor mode lets it pass");
        assert_eq!(third.cause, Some(Cause::Rule(RuleId(u32::from(port) - 22))));
    }
}

#[test]
fn only_new_flows_count_for_a_rate() {
    let rate = Rate { count: 1, period: RatePeriod::Hour, burst: 1, scope: RateScope::Rule };
    let limited = |hook| Rule { rate: Some(rate), ..rule(hook, 22, Action::Accept) };
    let live = generation(Mode::Enforce, vec![limited(Hook::Input)]);
    let again = Question { accepted: true, ..question(State::New, false) };
    let passes = |question, flags| {
        let judgement = packet(Hook::Input, question, tcp(40000, 22, flags)).judge(&live);
        judgement.action == Action::Accept
    };
    for _ in 0..3 {
        assert!(passes(question(State::Established, false), ACK), "from before a reload");
        assert!(passes(again, SYN), "nobody has answered it yet");
        let reply = packet(Hook::Output, question(State::Established, true), tcp(22, 40000, ACK));
        assert_eq!(reply.judge(&live).action, Action::Accept);
        let older = packet(Hook::Output, question(State::New, false), tcp(22, 40000, ACK));
        assert_eq!(older.judge(&live).action, Action::Accept, "older than connection tracking");
    }
    assert!(passes(question(State::New, false), SYN));
    assert!(!passes(question(State::New, false), SYN));
    assert!(passes(again, SYN) && passes(question(State::Established, false), ACK));
}
