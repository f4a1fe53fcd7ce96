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
mod tests;
