//! Text that is not TOML.

use std::fmt;

use super::{Quoted, Span};
use crate::suggest::nearest;

/// A mistake in the syntax.
#[derive(Debug)]
pub(crate) enum SyntaxProblem {
    Unquoted {
        written: String,
    },
    Twice {
        key: String,
        /// Where it stands before, unless it is written in another way there.
        first: Option<Span>,
    },
    Header,
    List,
    Quote,
    NoValue,
    LeadingZero,
    Escape,
    Control,
    /// What the parser says of all others.
    Other {
        message: String,
    },
}

impl SyntaxProblem {
    /// What the parser says of `at`, a stretch of `text`, in terms of rule files.
    pub(crate) fn new(message: &str, text: &str, at: &Span) -> Self {
        let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| message.starts_with(beginning));
        let written = || text.get(at.range.clone()).unwrap_or_default().to_owned();
        if starts(&["string values must be quoted", "invalid boolean"]) {
            Self::Unquoted { written: written() }
        } else if starts(&["duplicate key"]) {
            Self::Twice { key: written(), first: first_written(text, at) }
        } else if starts(&["unclosed table", "unclosed array table"]) {
            Self::Header
        } else if starts(&["unclosed array", "missing comma between array elements"]) {
            Self::List
        } else if starts(&["invalid basic string, expected `\"`", "invalid literal string, expected `'`"]) {
            Self::Quote
        } else if starts(&["key with no value", "missing value"]) {
            Self::NoValue
        } else if starts(&["unexpected leading zero"]) {
            Self::LeadingZero
        } else if starts(&["missing escaped value"]) {
            Self::Escape
        } else if message.contains("visible characters") {
            Self::Control
        } else {
            Self::Other { message: message.into() }
        }
    }

    /// Whether what follows may have been read as members of a list.
    pub(crate) const fn leaves_list_open(&self) -> bool {
        matches!(self, Self::List)
    }

    pub(super) fn help(&self) -> Option<String> {
        let help = match self {
            Self::Unquoted { written } => {
                if let Some(flag) = nearest(written, ["true", "false"]) {
                    return Some(format!(
                        "did you mean {flag}? Everything but numbers, true and false stands in quotes"
                    ));
                }
                return Some(format!("write \"{}\", if that is what is meant", written.escape_debug()));
            }
            Self::Twice { .. } => {
                "keep one of them; only [[rule]] and [[test]] may be written again and again"
            }
            Self::Header => "a section is written [name], a rule [[rule]]",
            Self::List => "write ] where the list ends, and commas between its members",
            Self::Quote => "end the text with the quote that it began with, on the same line",
            Self::NoValue => "write key = value",
            Self::LeadingZero => "write the number without it; in front of octal numbers stands 0o",
            Self::Escape => "write \\\\ for a backslash, or put the text in single quotes",
            Self::Control => "write it as an escape, such as \\t or \\u001b",
            Self::Other { .. } => return None,
        };
        Some(help.into())
    }
}

impl fmt::Display for SyntaxProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unquoted { written } => write!(f, "{} is text without quotes", Quoted(written)),
            Self::Twice { key, .. } => write!(f, "{} is written twice", Quoted(key)),
            Self::Header => f.write_str("this header has no closing bracket"),
            Self::List => f.write_str("a list is still open here"),
            Self::Quote => f.write_str("this text has no closing quote"),
            Self::NoValue => f.write_str("there is a key here without a value"),
            Self::LeadingZero => f.write_str("a number cannot begin with 0"),
            Self::Escape => f.write_str("a backslash begins an escape, and this is none"),
            Self::Control => f.write_str("this text holds a control character"),
            Self::Other { message } => write!(f, "this is not TOML: {message}"),
        }
    }
}

/// The line before that begins as the line of `at` does: the same header, or the same key.
fn first_written(text: &str, at: &Span) -> Option<Span> {
    let line = text.get(..at.range.start)?.rfind('\n')? + 1;
    let beginning = text.get(line..at.range.end)?;
    let mut start = 0;
    let mut first = None;
    for earlier in text[..line].split_inclusive('\n') {
        let ends = earlier.strip_prefix(beginning).map(|rest| !rest.starts_with(is_bare_key));
        if ends == Some(true) {
            let moved = line - start;
            first = Some(Span { range: at.range.start - moved..at.range.end - moved, ..at.clone() });
        }
        start += earlier.len();
    }
    first
}

const fn is_bare_key(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}
