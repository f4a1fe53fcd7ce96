//! Everything that is wrong with a configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use crate::{
    lines::Lines,
    problem::{Diagnostic, Problem, Span},
    render,
    sources::{FileId, Sources},
};

/// Everything that is wrong with a configuration, in the order of its files and lines. It owns the
/// texts that it quotes.
///
/// Shown, it is what an administrator reads: each error with its place, the line, and what to do.
#[derive(Debug)]
pub struct Report {
    sources: Sources,
    lines: Vec<Lines>,
    found: Vec<Diagnostic>,
}

/// One error, for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorEntry<'a> {
    /// The file, as the configuration named it; `None` when the error is not in a text.
    pub file: Option<&'a str>,
    /// The line, from 1; 0 when the error is not in a text.
    pub line: u32,
    /// The column in letters, from 1; 0 when the error is not in a text.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Report {
    pub(crate) fn new(sources: Sources, found: Vec<Diagnostic>) -> Self {
        let lines = sources.files().iter().map(|source| Lines::of(source.text())).collect();
        let mut found = without_echoes(&sources, found);
        found.sort_by_key(|diagnostic| {
            diagnostic.at.as_ref().map(|at| (at.file, at.range.start, at.range.end))
        });
        Self { sources, lines, found }
    }

    /// The errors, for machines.
    pub fn errors(&self) -> impl ExactSizeIterator<Item = ErrorEntry<'_>> {
        self.found.iter().map(|Diagnostic { problem, at }| {
            let (file, line, column) = match at {
                Some(at) => {
                    let (line, column) = self.line_and_column(at);
                    (Some(&*self.sources.get(at.file).path), line, column)
                }
                None => (None, 0, 0),
            };
            ErrorEntry { file, line, column, message: problem.to_string(), help: problem.help() }
        })
    }

    /// The report as text; with colours it holds ANSI escapes.
    pub fn render(&self, colours: bool) -> String {
        let mut text = String::new();
        for (n, diagnostic) in self.found.iter().enumerate() {
            if n > 0 {
                text.push('\n');
            }
            text += &render::diagnostic(self, diagnostic, colours);
            text.push('\n');
        }
        text
    }

    pub(crate) const fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) fn lines(&self, file: FileId) -> &Lines {
        &self.lines[file.index()]
    }

    fn line_and_column(&self, at: &Span) -> (u32, u32) {
        let text = self.sources.get(at.file).text();
        let lines = self.lines(at.file);
        let line = lines.number(at.range.start);
        let before = &text[lines.range(line, text).start..at.range.start];
        (line, u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Report {}

/// A mistake in the syntax makes the parser stumble again over what follows, and what it could not
/// read seems to be missing. So of each section with such mistakes only the first is shown, after a
/// list that stays open nothing is, and nothing is called missing while there are any.
fn without_echoes(sources: &Sources, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by_key(|Diagnostic { problem, at }| {
        (!matches!(problem, Problem::Syntax(_)), at.as_ref().map(|at| (at.file, at.range.start)))
    });
    let mut broken = BTreeSet::new();
    let mut swallowed = BTreeMap::new();
    found.retain(|Diagnostic { problem, at }| {
        let Some(at) = at else { return true };
        if swallowed.get(&at.file).is_some_and(|&open| open < at.range.start) {
            return false;
        }
        match problem {
            Problem::Syntax(mistake) => {
                if mistake.leaves_list_open() && begins_line(sources, at) {
                    swallowed.entry(at.file).or_insert(at.range.start);
                }
                broken.insert((at.file, section_start(sources, at)))
            }
            _ if broken.is_empty() => true,
            _ if problem.is_absence() => false,
            _ => !broken.contains(&(at.file, section_start(sources, at))),
        }
    });
    found
}

/// Whether only space stands before `at` in its line.
fn begins_line(sources: &Sources, at: &Span) -> bool {
    let before = &sources.get(at.file).text()[..at.range.start];
    before.rsplit('\n').next().is_none_or(|line| line.trim().is_empty())
}

/// Where the last line before `at` begins that looks like a section's header.
fn section_start(sources: &Sources, at: &Span) -> usize {
    let text = sources.get(at.file).text();
    let line_end = text[at.range.start..].find('\n').map_or(text.len(), |length| at.range.start + length);
    let mut end = line_end;
    loop {
        let start = text[..end].rfind('\n').map_or(0, |newline| newline + 1);
        if start == 0 || text[start..end].starts_with('[') {
            return start;
        }
        end = start - 1;
    }
}
