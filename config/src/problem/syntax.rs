//! Text that is not TOML.

use std::fmt;

use super::Quoted;

/// A mistake in the syntax.
#[derive(Debug)]
pub(crate) enum SyntaxProblem {
    Unquoted {
        written: String,
    },
    Twice {
        key: String,
    },
    Header,
    List,
    Quote,
    NoValue,
    LeadingZero,
    Escape,
    /// What the parser says of all others.
    Other {
        message: String,
    },
}

impl SyntaxProblem {
    /// What the parser says, in terms of rule files; `written` is what it points at.
    pub(crate) fn new(message: &str, written: Option<&str>) -> Self {
        let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| message.starts_with(beginning));
        let written = || written.unwrap_or_default().to_owned();
        if starts(&["string values must be quoted", "invalid boolean"]) {
            Self::Unquoted { written: written() }
        } else if starts(&["duplicate key"]) {
            Self::Twice { key: written() }
        } else if starts(&["unclosed table", "unclosed array table"]) {
            Self::Header
        } else if starts(&["unclosed array", "missing comma between array elements"]) {
            Self::List
        } else if message.starts_with("invalid basic string, expected `\"`")
            || message.starts_with("invalid literal string, expected `'`")
        {
            Self::Quote
        } else if starts(&["key with no value", "missing value"]) {
            Self::NoValue
        } else if starts(&["unexpected leading zero"]) {
            Self::LeadingZero
        } else if starts(&["missing escaped value"]) {
            Self::Escape
        } else {
            Self::Other { message: message.into() }
        }
    }

    pub(super) fn help(&self) -> Option<String> {
        let help = match self {
            Self::Unquoted { written } => {
                return Some(format!("write \"{}\", if that is what is meant", written.escape_debug()));
            }
            Self::Twice { .. } => {
                "keep one of them; only [[rule]] and [[test]] may be written again and again"
            }
            Self::Header => "a section is written [name], a rule [[rule]]",
            Self::List => {
                "a list is written [\"a\", \"b\"]: commas between its members, a bracket at its end"
            }
            Self::Quote => "end the text with the quote that it began with, on the same line",
            Self::NoValue => "write key = value",
            Self::LeadingZero => "write the number without it; in front of octal numbers stands 0o",
            Self::Escape => "write \\\\ for a backslash, or put the text in single quotes",
            Self::Other { .. } => return None,
        };
        Some(help.into())
    }
}

impl fmt::Display for SyntaxProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unquoted { written } => write!(f, "{} is text without quotes", Quoted(written)),
            Self::Twice { key } => write!(f, "{} is written twice", Quoted(key)),
            Self::Header => f.write_str("this header has no closing bracket"),
            Self::List => f.write_str("this list is not complete"),
            Self::Quote => f.write_str("this text has no closing quote"),
            Self::NoValue => f.write_str("there is a key here without a value"),
            Self::LeadingZero => f.write_str("a number cannot begin with 0"),
            Self::Escape => f.write_str("a backslash begins an escape, and this is none"),
            Self::Other { message } => write!(f, "this is not TOML: {message}"),
        }
    }
}
