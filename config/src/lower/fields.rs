//! The smaller fields of a rule: what a member of their lists names.

use portcullis_rules::{
    ByteSet, Hook, HookSet, IcmpSet, IcmpType, Names as _, Protocol, RangeSet, State, StateSet, TcpFlags,
};

use super::{decimal, list::Word};
use crate::{
    names::Lookup,
    problem::{Choice, Problem, ValueProblem, Wanted},
    suggest::nearest,
};

/// A hook.
pub(super) fn hook(word: Word<'_>) -> Result<HookSet, Problem> {
    let hook = named(word, &Choice::HOOK, Hook::from_name)?;
    Ok(HookSet::EMPTY.with(hook))
}

/// A state.
pub(super) fn state(word: Word<'_>) -> Result<StateSet, Problem> {
    let state = named(word, &Choice::STATE, State::from_name)?;
    Ok([state].into_iter().collect())
}

/// A protocol.
pub(super) fn protocol(word: Word<'_>) -> Result<ByteSet, Problem> {
    let wanted = Wanted::Protocol;
    let protocol = match word {
        Word::Text(text) => {
            Protocol::parse(text).ok_or_else(|| wanted.word_near(text, nearest(text, Protocol::names())))?
        }
        Word::Number(number) => Protocol(u8::try_from(number).map_err(|_| wanted.word(number.to_string()))?),
        Word::Other(kind) => return Err(wanted.kind(kind).into()),
    };
    Ok([protocol.0].into_iter().collect())
}

/// An ICMP type.
pub(super) fn icmp_type(word: Word<'_>) -> Result<IcmpSet, Problem> {
    let wanted = Wanted::IcmpType;
    let text = match word {
        Word::Text(text) => text.to_owned(),
        Word::Number(number) => number.to_string(),
        Word::Other(kind) => return Err(wanted.kind(kind).into()),
    };
    IcmpSet::parse(&text).ok_or_else(|| wanted.word_near(&*text, nearest(&text, IcmpType::names())).into())
}

/// A combination of TCP flags.
pub(super) fn tcp_flags(word: Word<'_>) -> Result<ByteSet, Problem> {
    let wanted = Wanted::TcpFlags;
    match word {
        Word::Text(text) => TcpFlags::parse_match(text).ok_or_else(|| wanted.word(text).into()),
        Word::Number(number) => Err(wanted.word(number.to_string()).into()),
        Word::Other(kind) => Err(wanted.kind(kind).into()),
    }
}

/// A user, or a range of user numbers.
pub(super) fn user(word: Word<'_>, names: &Lookup<'_>) -> Result<RangeSet<u32>, Problem> {
    let wanted = Wanted::User;
    let (first, last) = match word {
        Word::Text(text) => users(text, names)?,
        Word::Number(number) => {
            let user = u32::try_from(number).map_err(|_| wanted.word(number.to_string()))?;
            (user, user)
        }
        Word::Other(kind) => return Err(wanted.kind(kind).into()),
    };
    Ok([(first, last)].into_iter().collect())
}

fn users(text: &str, names: &Lookup<'_>) -> Result<(u32, u32), ValueProblem> {
    let number = |part: &str| decimal::<u32>(part.trim());
    // A name may hold a dash, and a name of digits only is no name (useradd(8)).
    if let Some(user) = number(text).or_else(|| names.user(text)) {
        return Ok((user, user));
    }
    let range = text.split_once('-').and_then(|(first, last)| Some((number(first)?, number(last)?)));
    match range {
        Some((first, last)) if last < first => {
            Err(ValueProblem::Backwards { first: first.to_string(), last: last.to_string() })
        }
        Some(range) => Ok(range),
        None => Err(Wanted::User.word_near(text, names.nearest_user(text))),
    }
}

fn named<T>(
    word: Word<'_>,
    choice: &'static Choice,
    from_name: impl Fn(&str) -> Option<T>,
) -> Result<T, Problem> {
    let wanted = Wanted::Choice(choice);
    match word {
        Word::Text(text) => from_name(text)
            .ok_or_else(|| wanted.word_near(text, nearest(text, choice.words.iter().copied())).into()),
        Word::Number(number) => Err(wanted.word(number.to_string()).into()),
        Word::Other(kind) => Err(wanted.kind(kind).into()),
    }
}
