//! Interfaces.

use portcullis_rules::{InterfacePattern, InterfaceSet};

use super::list::{Split, Word, split};
use crate::{
    problem::{FileErrors, ValueProblem, Wanted},
    written::Many,
};

/// The interfaces that a list names. They are patterns, so what is negated stays apart.
pub(super) fn interfaces(list: &Many, errors: FileErrors<'_>) -> Option<InterfaceSet> {
    let wanted = Wanted::Interface;
    let Split { any_of, none_of } = split(list, errors, |word| match word {
        Word::Text(text) => match text.strip_suffix('+') {
            // A pattern of iptables'. The kernel would take it for a name, but nobody calls an interface so.
            Some(beginning) => Err(ValueProblem::Word {
                wanted,
                written: text.to_owned(),
                nearest: Some(format!("{beginning}*")),
            }
            .into()),
            None => InterfacePattern::parse(text).ok_or_else(|| wanted.word(text).into()),
        },
        Word::Number(number) => Err(wanted.word(number.to_string()).into()),
        Word::Other(kind) => Err(wanted.kind(kind).into()),
    })?;
    Some(InterfaceSet { any_of, none_of })
}
