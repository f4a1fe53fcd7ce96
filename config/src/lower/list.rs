//! Keys that take one value or a list of them, negated or not.

use super::members::Members;
use crate::{
    problem::{FileErrors, Problem, ValueProblem},
    written::{Kind, Many, Scalar, members},
};

/// A member of a list, without its negation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word<'a> {
    Text(&'a str),
    Number(i128),
    Other(Kind),
}

/// The members of a list, apart.
#[derive(Debug)]
pub(super) struct Split<T> {
    pub(super) any_of: Vec<T>,
    pub(super) none_of: Vec<T>,
}

/// Reads the members one by one; `None` when one of them is wrong or there is none, which is
/// reported.
pub(super) fn split<T>(
    list: &Many,
    errors: FileErrors<'_>,
    mut read: impl FnMut(Word<'_>) -> Result<T, Problem>,
) -> Option<Split<T>> {
    let members = members(list);
    if members.is_empty() {
        errors.report(list.span(), ValueProblem::EmptyList);
        return None;
    }
    let count = members.len();
    let mut split = Split { any_of: Vec::new(), none_of: Vec::new() };
    for (span, value) in members {
        let (word, negated) = word(value);
        match read(word) {
            Ok(member) if negated => split.none_of.push(member),
            Ok(member) => split.any_of.push(member),
            Err(problem) => errors.report(span, problem),
        }
    }
    (split.any_of.len() + split.none_of.len() == count).then_some(split)
}

/// The members united, without the negated ones; only negated ones leave everything else.
pub(super) fn set<T: Members>(
    list: &Many,
    errors: FileErrors<'_>,
    read: impl FnMut(Word<'_>) -> Result<T, Problem>,
) -> Option<T> {
    let Split { any_of, none_of } = split(list, errors, read)?;
    let set = match (any_of.is_empty(), none_of.is_empty()) {
        (true, _) => T::union(none_of).complement(),
        (false, true) => T::union(any_of),
        (false, false) => {
            let outside = T::union(any_of).complement();
            T::union(vec![outside, T::union(none_of)]).complement()
        }
    };
    // A set may be empty for now, so a list with sets in it may be.
    if set.is_empty() && references(list).next().is_none() {
        errors.report(list.span(), ValueProblem::NothingLeft);
    }
    Some(set)
}

/// The names of the sets that a list refers to.
pub(super) fn references(list: &Many) -> impl Iterator<Item = &str> {
    members(list).into_iter().filter_map(|(_, value)| match word(value) {
        (Word::Text(text), _) => text.strip_prefix('@'),
        _ => None,
    })
}

/// The member, and whether it is negated.
pub(super) fn word(value: &Scalar) -> (Word<'_>, bool) {
    match value {
        Scalar::Text(text) => match text.strip_prefix('!') {
            Some(text) => (non_empty(text.trim_start()), true),
            None => (non_empty(text), false),
        },
        Scalar::Number(number) => (Word::Number(*number), false),
        other => (Word::Other(other.kind()), false),
    }
}

const fn non_empty(text: &str) -> Word<'_> {
    if text.is_empty() { Word::Other(Kind::EmptyText) } else { Word::Text(text) }
}
