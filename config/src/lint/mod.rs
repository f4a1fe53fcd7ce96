//! What is valid and yet suspicious.

mod empty;
mod show;
mod times;
mod written;

use std::fmt;

use portcullis_rules::{Finding, Hook, Lints, Question, lint as lint_rules};
use serde::Serialize;

use self::{show::Shown, times::Times, written::Written};
use crate::{Loaded, Report, problem::Span};

/// Everything suspicious about a valid configuration, in the order of its files and lines; it owns
/// the texts that it quotes. Shown, each warning has its place, the line, and a packet as its witness.
#[derive(Debug)]
pub struct Warnings {
    /// Holds the texts, and no errors.
    texts: Report,
    found: Vec<Warning>,
    /// What would have taken too much work to be told, in words.
    undecided: Vec<String>,
}

/// One warning, for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarningEntry<'a> {
    /// What kind of: `never-decides`, `redundant`, ….
    pub kind: &'static str,
    /// The file, as the configuration named it; `None` where it is not about one place.
    pub file: Option<&'a str>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The rule that it is about.
    pub rule: Option<&'a str>,
    /// What is suspicious.
    pub message: &'a str,
    /// Other rules that have to do with it.
    pub others: Vec<&'a str>,
    /// A packet that shows it.
    pub witness: Option<&'a str>,
    /// What to do about it.
    pub help: Option<&'a str>,
}

/// Something suspicious, in words.
#[derive(Debug, Default)]
struct Warning {
    kind: &'static str,
    title: String,
    at: Option<Span>,
    rule: Option<String>,
    /// Other rules, where they are, and what they do.
    others: Vec<(String, Option<Span>, String)>,
    witness: Option<String>,
    notes: Vec<String>,
    help: Option<String>,
}

/// Looks for what is suspicious in a configuration, at whatever time: the clock has no say in it, but
/// for what has expired.
pub fn lint(loaded: &Loaded) -> Warnings {
    let texts = Report::new(loaded.sources.clone(), Vec::new());
    let written = Written::read(loaded);
    let ruleset = &*loaded.config.ruleset_at(None);
    let times = Times::of(&loaded.config);
    let Lints { findings, undecided } = lint_rules(ruleset, &|wide, narrow| times.cover(wide, narrow));
    let shown = Shown { ruleset, written: &written };
    // Once is enough: a rule that opens everything makes its policy idle, and an empty set makes the rules
    // that name it idle.
    let is_told = |finding: &Finding| {
        match finding {
        Finding::PolicyNeverReached { by, hook, .. } => findings.iter().any(|other| {
            matches!(other, Finding::OpensEverything { rule, hook: at, .. } if (rule, at) == (by, hook))
        }),
        Finding::Impossible { rule, fields } => fields.len() == 1 && written.names_empty_set(ruleset, *rule),
        _ => false,
    }
    };
    let mut found: Vec<Warning> =
        findings.iter().filter(|finding| !is_told(finding)).map(|finding| shown.warning(finding)).collect();
    found.extend(written.empty_sets(ruleset, &findings));
    found.extend(written.unused_sets());
    found.extend(written.hooks_left_out(ruleset));
    found.sort_by_key(|warning| warning.at.as_ref().map(|at| (at.file, at.range.start)));
    let undecided = undecided.into_iter().map(|question| match question {
        Question::Rule(id) => format!("whether rule {} ever decides", shown.name(id)),
        Question::Policy(hook) => format!("whether the policy of {hook} ever decides"),
    });
    Warnings { texts, found, undecided: undecided.collect() }
}

impl Warnings {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What could not be told within bounds, in words: "whether …".
    pub fn undecided(&self) -> &[String] {
        &self.undecided
    }

    /// The warnings, for machines.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = WarningEntry<'_>> {
        self.found.iter().map(|warning| WarningEntry {
            kind: warning.kind,
            file: warning.at.as_ref().map(|at| &*self.texts.sources().get(at.file).path),
            line: warning.at.as_ref().map(|at| self.texts.lines(at.file).number(at.range.start)),
            rule: warning.rule.as_deref(),
            message: &warning.title,
            others: warning.others.iter().map(|(name, ..)| name.as_str()).collect(),
            witness: warning.witness.as_deref(),
            help: warning.help.as_deref(),
        })
    }

    /// The warnings as text; with colours it holds ANSI escapes.
    pub fn render(&self, colours: bool) -> String {
        let texts: Vec<String> =
            self.found.iter().map(|warning| show::text(&self.texts, warning, colours)).collect();
        texts.join("\n\n")
    }
}

impl fmt::Display for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// The hooks, in words.
fn hooks(hooks: impl Iterator<Item = Hook>) -> String {
    let names: Vec<&str> = hooks.map(Hook::name).collect();
    match &names[..] {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => names.concat(),
    }
}
