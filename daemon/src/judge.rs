//! From what the kernel said about a packet to what is done with it.

use jiff::Timestamp;
use portcullis_config::Mode;
use portcullis_rules::{
    Action, Cause, Decision, Fact, Headers, Hook, InterfaceName, Key, Malformed, Reason, RuleTable, State,
    TcpFlags,
};

use crate::{
    generation::Generation,
    mark::{Answer, Question},
};

/// A queued packet, as the kernel handed it over.
#[derive(Debug, Clone, Copy)]
pub struct Packet {
    /// When it is judged.
    pub time: Timestamp,
    /// Where it waits.
    pub hook: Hook,
    /// What connection tracking says of it.
    pub question: Question,
    /// Where it came in.
    pub in_interface: Option<InterfaceName>,
    /// Where it will go out.
    pub out_interface: Option<InterfaceName>,
    /// The user of the local socket that sent it.
    pub user: Option<u32>,
    /// Its headers, or why they can't be read.
    pub headers: Result<Headers, Malformed>,
}

/// What is done with a packet, and what is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// For the kernel; `None` is to drop it without a word.
    pub answer: Option<Answer>,
    /// What the rules say; in monitor mode the answer lets it pass all the same.
    pub action: Action,
    /// Who said it; `None` when there was nothing to ask the rules about.
    pub cause: Option<Cause>,
    /// Why it is not let through.
    pub reason: Option<Reason>,
}

impl Packet {
    /// Whether its flow was accepted once, so that this is no first contact.
    pub const fn returning(&self) -> bool {
        matches!(self.question.state, State::Established)
    }

    /// Whether it counts as a flow where rules limit them. A session that is older than connection
    /// tracking does not begin with its next packet.
    fn begins_flow(&self) -> bool {
        let flags = self.headers.as_ref().ok().and_then(Headers::tcp_flags);
        let mid_stream =
            self.hook == Hook::Output && flags.is_some_and(|flags| !flags.contains(TcpFlags::SYN));
        !self.returning() && !self.question.accepted && !mid_stream
    }

    /// Judges the packet by the rules of `generation`.
    pub fn judge(&self, generation: &Generation) -> Judgement {
        let judgement = match &self.headers {
            Ok(headers) => self.by_rules(headers, generation),
            Err(malformed) => Judgement {
                answer: None,
                action: Action::Drop,
                cause: None,
                reason: Some(Reason::Malformed(*malformed)),
            },
        };
        match generation.mode {
            Mode::Enforce => judgement,
            // Remembered like an accepted flow, so that it is told of once.
            Mode::Monitor if self.headers.is_ok() => {
                let answer =
                    judgement.answer.filter(|answer| matches!(answer, Answer::Pass | Answer::Accept(_)));
                Judgement { answer: Some(answer.unwrap_or_else(|| self.accept(generation))), ..judgement }
            }
            Mode::Monitor => Judgement { answer: Some(Answer::Pass), ..judgement },
        }
    }

    fn by_rules(&self, headers: &Headers, generation: &Generation) -> Judgement {
        let Decision { action, cause, depends_on } = self.decide(headers, &generation.table);
        let cause = Some(cause);
        if self.returning() && depends_on.is_some() {
            // The answer hangs on a user or an interface that this direction doesn't show: it stays what
            // it was, until a packet of the other direction comes by.
            return Judgement { answer: Some(Answer::Pass), action: Action::Accept, cause, reason: None };
        }
        if action != Action::Drop
            && self.begins_flow()
            && let Some(Cause::Rule(rule)) = cause
            && !generation.rates.admit(rule, headers.source, self.time)
        {
            let reason = Some(Reason::RateExceeded);
            return Judgement { answer: None, action: Action::Drop, cause, reason };
        }
        let reason = match (action, cause) {
            (Action::Accept, _) => None,
            _ if self.returning() => Some(Reason::FlowCut),
            (_, Some(Cause::Rule(_))) => Some(Reason::Rule),
            _ => Some(Reason::Policy),
        };
        let answer = match action {
            Action::Accept => Some(self.accept(generation)),
            _ if self.returning() => Some(Answer::Cut),
            Action::Drop => None,
            Action::Reject => Some(Answer::Reject),
        };
        Judgement { answer, action, cause, reason }
    }

    fn accept(&self, generation: &Generation) -> Answer {
        match (self.question.state, generation.mark()) {
            // There is no flow to remember it in.
            (State::Invalid | State::Untracked, _) | (_, None) => Answer::Pass,
            (_, Some(mark)) => Answer::Accept(mark),
        }
    }

    /// What the rules say of the first packet of this packet's flow.
    fn decide(&self, headers: &Headers, table: &RuleTable) -> Decision {
        let key = self.first_packet(headers);
        let decision = table.lookup(&key);
        let mid_stream = key.tcp_flags.is_some()
            && (self.returning() || headers.tcp_flags().is_some_and(|flags| !flags.contains(TcpFlags::SYN)));
        if key.hook == Hook::Output && decision.action != Action::Accept && mid_stream {
            // Connection tracking takes a session that is older than itself up with whichever packet
            // comes first, possibly a reply of ours. Such a flow lives if its mirror may come in.
            let mirror = Key { state: State::New, tcp_flags: Some(TcpFlags::SYN), ..key.mirrored() };
            let mirrored = table.lookup(&mirror);
            let ours = table.ruleset().policy.at(mirror.hook).is_some();
            // A flow of our own has a mirror, too, which a policy of "accept" would let in: that is not
            // enough to keep it once the rules refuse it.
            let meant = !self.returning() || matches!(mirrored.cause, Cause::Rule(_));
            if ours && meant && mirrored.action == Action::Accept && mirrored.depends_on.is_none() {
                return mirrored;
            }
        }
        if self.question.reply && decision.action != Action::Accept {
            // Replies may take another way than they were asked for by.
            let unknown = |fact| if matches!(fact, Fact::Known(_)) { Fact::Unknown } else { fact };
            let (came_in, goes_out) = (unknown(key.in_interface), unknown(key.out_interface));
            let any_way = table.lookup(&Key { in_interface: came_in, out_interface: goes_out, ..key });
            if any_way.depends_on.is_some() {
                return any_way;
            }
        }
        decision
    }

    fn first_packet(&self, headers: &Headers) -> Key {
        let Question { state, reply, expected, accepted: _ } = self.question;
        let there = |name: Option<InterfaceName>| name.map_or(Fact::Absent, Fact::Known);
        let user = match (self.hook, self.user) {
            (Hook::Output, Some(user)) => Fact::Known(user),
            // A socket that is gone, such as one in TIME_WAIT, has no user any more.
            (Hook::Output, None) if self.returning() => Fact::Unknown,
            _ => Fact::Absent,
        };
        let mut key =
            headers.key(self.hook, there(self.in_interface), there(self.out_interface), state, user);
        if reply {
            key = key.mirrored();
        }
        if self.returning() {
            key.state = if expected { State::Related } else { State::New };
            key.tcp_flags = key.tcp_flags.map(|_| TcpFlags::SYN);
        }
        key
    }
}

#[cfg(test)]
mod tests {
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
        let answer = |port| {
            packet(Hook::Input, question(State::New, false), tcp(40000, port, SYN)).judge(&early).answer
        };
        assert_eq!([answer(22), answer(23), answer(24)], [Some(Answer::Pass), Some(Answer::Reject), None]);
        early.remember_as(MarkLayout::new(0x7f00_0000).first_generation());
        assert!(matches!(answer(22), Some(Answer::Accept(_))));
    }

    #[test]
    fn a_first_packet_is_judged_by_its_own_key() {
        let live = ssh_in(Mode::Enforce);
        let answer = |port| {
            packet(Hook::Input, question(State::New, false), tcp(40000, port, SYN)).judge(&live).answer
        };
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
        assert!(matches!(
            mid_stream(Hook::Output, State::Established, 22, 40000, ACK),
            Some(Answer::Accept(_))
        ));
        assert_eq!(
            mid_stream(Hook::Output, State::New, 22, 40000, SYN),
            None,
            "a new connection from port 22"
        );
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
            let judgement =
                packet(Hook::Input, question(State::New, false), tcp(40000, port, SYN)).judge(&live);
            assert!(matches!(judgement.answer, Some(Answer::Accept(_))), "{port}");
            assert_eq!(judgement.reason.is_some(), port != 22, "{port}");
        }
        let cut = packet(Hook::Input, question(State::Established, false), tcp(40000, 24, ACK)).judge(&live);
        assert!(matches!(cut.answer, Some(Answer::Accept(_))));
        let malformed =
            packet(Hook::Input, question(State::New, false), Headers::parse(&[0x45], 1)).judge(&live);
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
}
