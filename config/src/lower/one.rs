//! Keys with one value.

use crate::{
    problem::{Choice, FileErrors, Problem, ValueProblem, Wanted},
    suggest::nearest,
    written::{One, Scalar},
};

/// What `read` makes of a key's value; `None` when there is none, or when it is wrong, which is
/// reported.
pub(super) fn one<T, P: Into<Problem>>(
    written: Option<&One>,
    errors: FileErrors<'_>,
    read: impl FnOnce(&Scalar) -> Result<T, P>,
) -> Option<T> {
    let written = written?;
    read(written.get_ref()).map_err(|problem| errors.report(written.span(), problem)).ok()
}

pub(super) fn text(wanted: Wanted) -> impl Fn(&Scalar) -> Result<&str, ValueProblem> {
    move |value| match value {
        Scalar::Text(text) if !text.is_empty() => Ok(text),
        other => Err(wanted.kind(other.kind())),
    }
}

pub(super) fn flag(value: &Scalar) -> Result<bool, ValueProblem> {
    match value {
        Scalar::Boolean(flag) => Ok(*flag),
        other => Err(Wanted::Flag.kind(other.kind())),
    }
}

/// One of these words, and what it names.
pub(super) fn choice<T>(
    choice: &'static Choice,
    named: impl Fn(&str) -> Option<T>,
) -> impl Fn(&Scalar) -> Result<T, ValueProblem> {
    let wanted = Wanted::Choice(choice);
    move |value| {
        let word = text(wanted)(value)?;
        named(word).ok_or_else(|| wanted.word_near(word, nearest(word, choice.words.iter().copied())))
    }
}
