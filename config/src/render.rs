//! How an error looks on a terminal.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use crate::{
    problem::{Diagnostic, Span, escape},
    report::Report,
};

/// Longer lines are shown in part, in letters.
const LONGEST: usize = 160;
/// How many letters of a long line are shown.
const SHOWN: usize = 100;
/// How many of these stand before the fault.
const BEFORE: usize = 40;

/// One error with the lines that it is about.
pub(crate) fn diagnostic(report: &Report, diagnostic: &Diagnostic, colours: bool) -> String {
    let Diagnostic { problem, at } = diagnostic;
    let mut group = Level::ERROR.primary_title(escape(&problem.to_string())).elements([] as [Element<'_>; 0]);
    if let Some(at) = at {
        group = quote(group, report, at, |span| AnnotationKind::Primary.span(span));
    }
    if let Some((other, label)) = problem.other_place() {
        group = quote(group, report, other, |span| AnnotationKind::Context.span(span).label(label));
    }
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    match (problem.help().map(|help| escape(&help)), at) {
        (None, _) => renderer.render(&[group]),
        (Some(help), Some(_)) => renderer.render(&[group.element(Level::HELP.message(help))]),
        (Some(help), None) => {
            let help = Group::with_title(Level::HELP.primary_title(help));
            format!("{}\n{}", renderer.render(&[group]), renderer.render(&[help]))
        }
    }
}

/// Adds the line that `span` begins in.
pub(crate) fn quote<'a>(
    group: Group<'a>,
    report: &'a Report,
    span: &Span,
    mark: impl Fn(Range<usize>) -> Annotation<'a>,
) -> Group<'a> {
    let source = report.sources().get(span.file);
    let number = report.lines(span.file).number(span.range.start);
    let line = report.lines(span.file).range(number, source.text());
    let within = |offset: usize| offset.clamp(line.start, line.end) - line.start;
    let shown = Shown::of(&source.text()[line.clone()], within(span.range.start)..within(span.range.end));
    let path = escape(&source.path);
    let number = number as usize;
    let snippet = Snippet::source(shown.text).line_start(number).annotation(mark(shown.mark));
    match shown.column {
        None => group.element(snippet.path(path)),
        Some(column) => group.element(Origin::path(path).line(number).char_column(column)).element(snippet),
    }
}

/// A line as it is shown.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    text: String,
    /// The marked bytes of `text`.
    mark: Range<usize>,
    /// The mark's column in the source, from 1, where it is another one in `text`.
    column: Option<usize>,
}

impl Shown {
    fn of(line: &str, mark: Range<usize>) -> Self {
        let (before, marked, after) = (&line[..mark.start], &line[mark.clone()], &line[mark.end..]);
        let column = before.chars().count();
        let [mut before, mut marked, mut after] = [before, marked, after].map(escape);
        if before.chars().count() + marked.chars().count() + after.chars().count() > LONGEST {
            before = last_letters(&before, BEFORE);
            marked = first_letters(&marked, SHOWN - BEFORE);
            after = first_letters(&after, (SHOWN - BEFORE).saturating_sub(marked.chars().count()));
        }
        let moved = before.chars().count() != column;
        let mark = before.len()..before.len() + marked.len();
        Self { text: before + &marked + &after, mark, column: moved.then_some(column + 1) }
    }
}

fn first_letters(text: &str, count: usize) -> String {
    match text.char_indices().nth(count) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn last_letters(text: &str, count: usize) -> String {
    match text.char_indices().rev().nth(count) {
        Some((start, letter)) => format!("…{}", &text[start + letter.len_utf8()..]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_line_is_shown_as_it_is() {
        let shown = Shown::of("port = 70000", 7..12);
        assert_eq!(shown, Shown { text: "port = 70000".into(), mark: 7..12, column: None });
    }

    #[test]
    fn control_characters_are_escaped_and_the_column_stays_true() {
        let shown = Shown::of("\u{1b}x = 1", 1..2);
        assert_eq!(shown, Shown { text: "\\u{1b}x = 1".into(), mark: 6..7, column: Some(2) });
    }

    #[test]
    fn a_long_line_is_shown_around_its_mark() {
        let line = format!("{}fault{}", "ä".repeat(500), "b".repeat(500));
        let shown = Shown::of(&line, 1000..1005);
        assert_eq!(&shown.text[shown.mark], "fault");
        assert_eq!(shown.column, Some(501));
        assert!(shown.text.chars().count() <= SHOWN + 2, "{}", shown.text);
        assert!(shown.text.starts_with('…') && shown.text.ends_with('…'));
    }
}
