//! Rules that could never match, or not as their author thinks.

use portcullis_rules::{Action, ByteSet, Field, Hook, HookSet, Match, Protocol};

use toml::Spanned;

use super::list::word;
use crate::{
    problem::{FailsafeObstacle, FileErrors, RuleProblem},
    written::{self, Many, members},
};

/// Fields that packets have at some hooks only.
pub(super) fn hooks(written: &written::Rule, hooks: HookSet, errors: FileErrors<'_>) {
    let named = written.hook.is_some();
    let local: &[Hook] = &[Hook::Input, Hook::Output];
    let fields = [
        (Field::Interface, &written.interface, local),
        (Field::InInterface, &written.in_interface, &[Hook::Forward]),
        (Field::OutInterface, &written.out_interface, &[Hook::Forward]),
        (Field::User, &written.user, &[Hook::Output]),
    ];
    for (field, list, at) in fields {
        if let Some(list) = list
            && let Some(hook) = hooks.iter().find(|hook| !at.contains(hook))
        {
            errors.report(list.span(), RuleProblem::WrongHook { field, hook, named });
        }
    }
}

/// Fields that packets of some protocols only have.
pub(super) fn protocols(written: &written::Rule, matches: &Match, errors: FileErrors<'_>) {
    let (Some(list), Some(protocols)) = (&written.protocol, &matches.protocol) else { return };
    let with_ports: ByteSet = (0..=u8::MAX).filter(|&number| Protocol(number).has_ports()).collect();
    let set = |protocols: &[Protocol]| protocols.iter().map(|protocol| protocol.0).collect();
    let fields = [
        (Field::SourcePort, &written.source_port, with_ports),
        (Field::Port, &written.port, with_ports),
        (Field::IcmpType, &written.icmp_type, set(&[Protocol::ICMP, Protocol::ICMPV6])),
        (Field::TcpFlags, &written.tcp_flags, set(&[Protocol::TCP])),
    ];
    for (field, written, able) in fields {
        let unable = protocols.difference(&able);
        let none_is_able = protocols.difference(&unable).is_empty();
        // Whoever excludes a protocol does not mean all others by name.
        if let Some(written) = written
            && let Some(protocol) = unable.iter().next().map(Protocol)
            && (none_is_able || !has_negated(list))
        {
            errors.report(written.span(), RuleProblem::WrongProtocol { field, protocol });
        }
    }
    if let (Some(written), Some(types)) = (&written.icmp_type, &matches.icmp_type) {
        let v4 = protocols.contains(Protocol::ICMP.0);
        let v6 = protocols.contains(Protocol::ICMPV6.0);
        let v4_only_names_v6 = v4 && !v6 && types.v4.is_empty();
        let v6_only_names_v4 = v6 && !v4 && types.v6.is_empty();
        if v4_only_names_v6 || v6_only_names_v4 {
            errors.report(written.span(), RuleProblem::OtherIcmp);
        }
    }
}

/// What a failsafe rule may not be or have, because kernel rules stand for it.
pub(super) fn failsafe(written: &written::Rule, action: Option<Action>, errors: FileErrors<'_>) {
    if let (Some(action), Some(written)) = (action, &written.failsafe)
        && action != Action::Accept
    {
        errors.report(written.span(), RuleProblem::Failsafe(FailsafeObstacle::Action(action)));
    }
    let span = |list: &Option<Many>| list.as_ref().map(Spanned::span);
    let obstacles = [
        (FailsafeObstacle::Field(Field::TcpFlags), span(&written.tcp_flags)),
        (FailsafeObstacle::Field(Field::State), span(&written.state)),
        (FailsafeObstacle::Field(Field::User), span(&written.user)),
        (FailsafeObstacle::Field(Field::Expires), written.expires.as_ref().map(Spanned::span)),
        (FailsafeObstacle::Field(Field::Schedule), span(&written.schedule)),
        (FailsafeObstacle::Rate, written.rate.as_ref().map(Spanned::span)),
    ];
    for (obstacle, span) in obstacles {
        if let Some(span) = span {
            errors.report(span, RuleProblem::Failsafe(obstacle));
        }
    }
}

/// Whether a list takes something out.
pub(super) fn has_negated(list: &Many) -> bool {
    members(list).iter().any(|(_, value)| word(value).1)
}
