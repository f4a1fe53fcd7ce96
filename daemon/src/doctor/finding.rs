//! What a look at the host says.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Good to know.
    Note,
    /// Something needs fixing.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Finding {
    pub(super) fn fine(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, severity: Severity::Fine, what: what.into(), fix: None }
    }

    pub(super) fn note(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, severity: Severity::Note, what: what.into(), fix: None }
    }

    pub(super) fn problem(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, severity: Severity::Problem, what: what.into(), fix: Some(fix.into()) }
    }

    pub(super) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// One line, and one for the fix. What was found may quote other people's rules: nothing of that
/// reaches a terminal as it is.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, severity, what, fix } = self;
        let word = match severity {
            Severity::Fine => "ok",
            Severity::Note => "note",
            Severity::Problem => "PROBLEM",
        };
        let shown = |text: &str| {
            text.chars()
                .flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] })
                .collect::<String>()
        };
        write!(f, "{word:<8} {check}: {}", shown(what))?;
        match fix {
            Some(fix) => write!(f, "\n         fix: {}", shown(fix)),
            None => Ok(()),
        }
    }
}
