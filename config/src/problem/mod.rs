//! What can be wrong with a configuration: facts, which say themselves in words only when shown.

mod choice;
mod file;
mod key;
mod quoted;
mod rule;
mod set;
mod settings;
mod syntax;
mod test;
mod value;
mod wanted;

use std::{cell::RefCell, fmt, ops::Range};

pub(crate) use choice::Choice;
pub(crate) use file::FileProblem;
pub(crate) use key::KeyProblem;
pub(crate) use quoted::{Quoted, escape, is_visible};
pub(crate) use rule::{FailsafeObstacle, RuleProblem};
pub(crate) use set::{SetKind, SetProblem};
pub(crate) use settings::SettingsProblem;
pub(crate) use syntax::SyntaxProblem;
pub(crate) use test::TestProblem;
pub(crate) use value::ValueProblem;
pub(crate) use wanted::Wanted;

use crate::sources::FileId;

/// A stretch of a source text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) file: FileId,
    pub(crate) range: Range<usize>,
}

/// Something wrong, and where.
#[derive(Debug)]
pub(crate) struct Diagnostic {
    pub(crate) problem: Problem,
    /// `None` when it is not in a text.
    pub(crate) at: Option<Span>,
}

/// Something wrong.
#[derive(Debug)]
pub(crate) enum Problem {
    File(FileProblem),
    Syntax(SyntaxProblem),
    Key(KeyProblem),
    Value(ValueProblem),
    Settings(SettingsProblem),
    Set(SetProblem),
    Rule(RuleProblem),
    Test(TestProblem),
}

impl Problem {
    /// What to do about it, where the problem itself does not say so.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::File(problem) => problem.help(),
            Self::Syntax(problem) => problem.help(),
            Self::Key(problem) => problem.help(),
            Self::Value(problem) => problem.help(),
            Self::Settings(problem) => Some(problem.help()),
            Self::Set(problem) => problem.help(),
            Self::Rule(problem) => problem.help(),
            Self::Test(problem) => problem.help(),
        }
    }

    /// Another place that it is about, and what is there.
    pub(crate) fn other_place(&self) -> Option<(&Span, &'static str)> {
        match self {
            Self::Set(problem) => problem.other_place(),
            Self::Rule(RuleProblem::NameTaken { first, .. }) => Some((first, "first used here")),
            Self::Syntax(SyntaxProblem::Twice { first: Some(first), .. }) => {
                Some((first, "first written here"))
            }
            _ => None,
        }
    }

    /// Whether it says that something is missing, which may only be out of sight while a text
    /// cannot be read whole.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Key(KeyProblem::Missing { .. })
                | Self::Settings(SettingsProblem::NoHook)
                | Self::Set(SetProblem::Undefined { .. } | SetProblem::Contents)
                | Self::Rule(RuleProblem::HookNotOurs { .. })
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(problem) => problem.fmt(f),
            Self::Syntax(problem) => problem.fmt(f),
            Self::Key(problem) => problem.fmt(f),
            Self::Value(problem) => problem.fmt(f),
            Self::Settings(problem) => problem.fmt(f),
            Self::Set(problem) => problem.fmt(f),
            Self::Rule(problem) => problem.fmt(f),
            Self::Test(problem) => problem.fmt(f),
        }
    }
}

macro_rules! from {
    ($($variant:ident($problem:ty)),*) => {$(
        impl From<$problem> for Problem {
            fn from(problem: $problem) -> Self {
                Self::$variant(problem)
            }
        }
    )*};
}
from!(
    File(FileProblem),
    Syntax(SyntaxProblem),
    Key(KeyProblem),
    Value(ValueProblem),
    Settings(SettingsProblem),
    Set(SetProblem),
    Rule(RuleProblem),
    Test(TestProblem)
);

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<Diagnostic>>);

impl Problems {
    pub(crate) fn report(&self, at: Option<Span>, problem: impl Into<Problem>) {
        self.0.borrow_mut().push(Diagnostic { problem: problem.into(), at });
    }

    pub(crate) fn into_found(self) -> Vec<Diagnostic> {
        self.0.into_inner()
    }
}

/// Where problems of one file are reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileErrors<'a> {
    pub(crate) file: FileId,
    pub(crate) problems: &'a Problems,
}

impl FileErrors<'_> {
    pub(crate) const fn span(&self, range: Range<usize>) -> Span {
        Span { file: self.file, range }
    }

    pub(crate) fn report(&self, range: Range<usize>, problem: impl Into<Problem>) {
        self.problems.report(Some(self.span(range)), problem);
    }
}
