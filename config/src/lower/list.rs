//! Keys that take one value or a list of them, negated or not.

use std::sync::Arc;

use portcullis_rules::{AddressSet, ByteSet, Hook, HookSet, IcmpSet, RangeSet, State, StateSet};

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

/// A set of things that a packet can be or have.
pub(super) trait Members: Sized {
    fn union(parts: Vec<Self>) -> Self;
    fn complement(&self) -> Self;
    fn is_empty(&self) -> bool;
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
            Some(text) => (Word::Text(text.trim_start()), true),
            None => (Word::Text(text), false),
        },
        Scalar::Number(number) => (Word::Number(*number), false),
        other => (Word::Other(other.kind()), false),
    }
}

macro_rules! members_by_pairs {
    ($($set:ty),*) => {$(
        impl Members for $set {
            fn union(parts: Vec<Self>) -> Self {
                parts.iter().fold(Self::default(), |all, part| <$set>::union(&all, part))
            }

            fn complement(&self) -> Self {
                self.complement()
            }

            fn is_empty(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}
members_by_pairs!(ByteSet);

impl Members for IcmpSet {
    fn union(parts: Vec<Self>) -> Self {
        parts.iter().fold(Self::default(), |all, part| all.union(part))
    }

    fn complement(&self) -> Self {
        self.complement()
    }

    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

macro_rules! members_by_ranges {
    ($($number:ty),*) => {$(
        impl Members for RangeSet<$number> {
            fn union(parts: Vec<Self>) -> Self {
                parts.iter().flat_map(|part| part.ranges()).copied().collect()
            }

            fn complement(&self) -> Self {
                self.complement()
            }

            fn is_empty(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}
members_by_ranges!(u16, u32);

/// A set that stands alone is shared, not copied: it may be large.
impl Members for Arc<AddressSet> {
    fn union(mut parts: Vec<Self>) -> Self {
        if let [_] = parts[..] {
            return parts.remove(0);
        }
        let v4 = parts.iter().flat_map(|part| part.v4_ranges());
        let v6 = parts.iter().flat_map(|part| part.v6_ranges());
        let v4 = v4.map(|(first, last)| (first.into(), last.into()));
        let v6 = v6.map(|(first, last)| (first.into(), last.into()));
        Self::new(AddressSet::from_ranges(v4.chain(v6)))
    }

    fn complement(&self) -> Self {
        Self::new(AddressSet::complement(self))
    }

    fn is_empty(&self) -> bool {
        AddressSet::is_empty(self)
    }
}

impl Members for StateSet {
    fn union(parts: Vec<Self>) -> Self {
        State::ALL.into_iter().filter(|&state| parts.iter().any(|part| part.contains(state))).collect()
    }

    fn complement(&self) -> Self {
        Self::complement(*self)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Members for HookSet {
    fn union(parts: Vec<Self>) -> Self {
        parts.into_iter().flat_map(Self::iter).collect()
    }

    fn complement(&self) -> Self {
        Hook::ALL.into_iter().filter(|&hook| !self.contains(hook)).collect()
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(*self)
    }
}
