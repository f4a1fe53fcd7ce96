//! `[[rule]]`.

use std::sync::Arc;

use portcullis_rules::{Action, Field, Hook, HookSet, LogDetail, Match, Place, Rule, Standing};

use super::{
    Vocabulary, address, checks, fields,
    interface::interfaces,
    list::{self, Word},
    members::Members,
    one::{choice, flag, one, text},
    port, rate, time,
};
use crate::{
    Validity,
    problem::{Choice, FileErrors, KeyProblem, Problem, RuleProblem, ValueProblem, Wanted, is_visible},
    written::{self, Many, Scalar, Section, Stanza},
};

/// Longer names do not fit into a record's line.
const LONGEST_NAME: usize = 100;

/// What a rule says.
pub(super) fn rule(
    stanza: &Stanza<written::Rule>,
    place: Place,
    ours: Option<HookSet>,
    vocabulary: &Vocabulary<'_>,
    errors: FileErrors<'_>,
) -> Rule {
    let written = &stanza.body;
    for (key, value) in [("name", &written.name), ("action", &written.action)] {
        if value.is_none() && !stanza.has_strangers {
            errors.report(stanza.header.range.clone(), KeyProblem::Missing { section: Section::Rule, key });
        }
    }
    let hooks = hooks(written.hook.as_ref(), ours, errors);
    let matches = matches(written, vocabulary, errors);
    let action = one(written.action.as_ref(), errors, choice(&Choice::ACTION, Action::from_name));
    let failsafe = one(written.failsafe.as_ref(), errors, flag).unwrap_or(false);

    if let Some(hooks) = hooks {
        checks::hooks(written, hooks, errors);
    }
    checks::protocols(written, &matches, errors);
    if failsafe {
        checks::failsafe(written, action, errors);
    }
    Rule {
        name: one(written.name.as_ref(), errors, name).unwrap_or_default(),
        hooks: hooks.unwrap_or_default(),
        matches,
        action: action.unwrap_or(Action::Drop),
        log: one(written.log.as_ref(), errors, choice(&Choice::LOG, log)).unwrap_or_default(),
        failsafe,
        rate: one(written.rate.as_ref(), errors, |value| rate::rate(value, action)),
        standing: Standing::InForce,
        excluding: excluding(written),
        comment: one(written.comment.as_ref(), errors, |value| text(Wanted::Text)(value).map(Arc::from)),
        place,
    }
}

/// When the rule counts, if it says anything of that.
pub(super) fn validity(written: &written::Rule, errors: FileErrors<'_>) -> Option<Validity> {
    let validity = Validity {
        expires: one(written.expires.as_ref(), errors, time::moment),
        schedule: written.schedule.as_ref().and_then(|list| time::schedule(list, errors)),
    };
    (validity != Validity::default()).then_some(validity)
}

/// A name stands in records, where `policy HOOK` means that no rule decided.
fn name(value: &Scalar) -> Result<Arc<str>, Problem> {
    let name = text(Wanted::Text)(value)?;
    let is_good = name.trim() == name
        && !name.starts_with("policy ")
        && name.chars().all(is_visible)
        && name.chars().count() <= LONGEST_NAME;
    if is_good { Ok(name.into()) } else { Err(RuleProblem::BadName { name: name.into() }.into()) }
}

/// The hooks that a rule applies to: all that are ours, unless it names some. `None` while it is not
/// certain which are meant.
fn hooks(list: Option<&Many>, ours: Option<HookSet>, errors: FileErrors<'_>) -> Option<HookSet> {
    let Some(list) = list else { return ours };
    let named = list::set(list, errors, fields::hook)?;
    let ours = ours?;
    let members = written::members(list);
    // What only excludes hooks leaves the others, as far as they are ours.
    let excludes_only = members.iter().all(|(_, value)| list::word(value).1);
    if !excludes_only {
        for (span, value) in members {
            if let Scalar::Text(name) = value
                && let Some(hook) = Hook::from_name(name).filter(|&hook| !ours.contains(hook))
            {
                errors.report(span, RuleProblem::HookNotOurs { hook });
            }
        }
    }
    let hooks: HookSet = named.iter().filter(|&hook| ours.contains(hook)).collect();
    if excludes_only && hooks.is_empty() {
        errors.report(list.span(), ValueProblem::NothingLeft);
    }
    Some(hooks)
}

/// A key for each field, and how its members are read.
fn matches(written: &written::Rule, vocabulary: &Vocabulary<'_>, errors: FileErrors<'_>) -> Match {
    // Destructured, so that a new key does not compile until it is given a meaning here or above.
    let written::Rule {
        name: _,
        hook: _,
        interface,
        in_interface,
        out_interface,
        protocol,
        source,
        destination,
        source_port,
        port,
        icmp_type,
        tcp_flags,
        state,
        user,
        action: _,
        log: _,
        failsafe: _,
        rate: _,
        expires: _,
        schedule: _,
        comment: _,
    } = written;
    let interfaces = |list: &Option<Many>| interfaces(list.as_ref()?, errors);
    let address = |word: Word<'_>| address::addresses(word, vocabulary);
    let ports = |word: Word<'_>| port::ports(word, vocabulary);
    Match {
        interface: interfaces(interface),
        in_interface: interfaces(in_interface),
        out_interface: interfaces(out_interface),
        protocol: field(protocol, errors, fields::protocol),
        source: field(source, errors, address),
        destination: field(destination, errors, address),
        source_port: field(source_port, errors, ports),
        port: field(port, errors, ports),
        icmp_type: field(icmp_type, errors, fields::icmp_type),
        tcp_flags: field(tcp_flags, errors, fields::tcp_flags),
        state: field(state, errors, fields::state),
        user: field(user, errors, |word| fields::user(word, vocabulary.names)),
    }
}

/// The fields with a negated value.
fn excluding(written: &written::Rule) -> Vec<Field> {
    let fields = [
        (Field::Interface, &written.interface),
        (Field::InInterface, &written.in_interface),
        (Field::OutInterface, &written.out_interface),
        (Field::Protocol, &written.protocol),
        (Field::Source, &written.source),
        (Field::Destination, &written.destination),
        (Field::SourcePort, &written.source_port),
        (Field::Port, &written.port),
        (Field::IcmpType, &written.icmp_type),
        (Field::State, &written.state),
        (Field::User, &written.user),
    ];
    let has_negated = |list: &Option<Many>| list.as_ref().is_some_and(checks::has_negated);
    fields.into_iter().filter(|(_, list)| has_negated(list)).map(|(field, _)| field).collect()
}

fn field<T: Members>(
    list: &Option<Many>,
    errors: FileErrors<'_>,
    read: impl FnMut(Word<'_>) -> Result<T, Problem>,
) -> Option<T> {
    list::set(list.as_ref()?, errors, read)
}

fn log(word: &str) -> Option<LogDetail> {
    match word {
        "none" => Some(LogDetail::None),
        "summary" => Some(LogDetail::Summary),
        "every" => Some(LogDetail::Every),
        _ => None,
    }
}
