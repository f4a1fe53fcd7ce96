//! Files that cannot be read.

use std::{fmt, io, path::PathBuf};

use super::{Diagnostic, Quoted};

/// What is wrong with a file as a whole.
#[derive(Debug)]
pub(crate) enum FileProblem {
    Unreadable {
        path: PathBuf,
        error: io::Error,
    },
    NotUtf8 {
        path: PathBuf,
        line: usize,
    },
    NotInSnapshot {
        path: PathBuf,
    },
    EmptySnapshot,
    /// A file of addresses without a byte in it.
    EmptyList {
        path: PathBuf,
    },
    /// A line of a file of addresses that is none.
    BadLine {
        written: String,
    },
    /// There are more of them than are shown.
    MoreBadLines {
        count: usize,
        /// Whether there are more wrong lines than right ones.
        mostly: bool,
    },
}

impl FileProblem {
    /// The problem, where there is no text to show.
    pub(crate) fn nowhere(self) -> Diagnostic {
        Diagnostic { problem: self.into(), at: None }
    }

    pub(super) fn help(&self) -> Option<String> {
        let help = match self {
            Self::Unreadable { error, .. } => match error.kind() {
                io::ErrorKind::NotFound => "make sure that the path is right and that the file exists",
                io::ErrorKind::PermissionDenied => "make sure that portcullis may read it",
                _ => return None,
            },
            Self::NotUtf8 { .. } => "save the file as UTF-8",
            Self::NotInSnapshot { .. } => {
                "only the files that were part of this configuration when it was stored can be read"
            }
            Self::EmptySnapshot => return None,
            Self::EmptyList { .. } => "a list that is meant to be empty holds a remark that says so",
            Self::BadLine { .. } => {
                "a line holds one address, prefix such as 192.0.2.0/24, or range such as \
                 192.0.2.10-192.0.2.20, without leading zeros; remarks begin with # or ;"
            }
            Self::MoreBadLines { mostly: false, .. } => return None,
            Self::MoreBadLines { mostly: true, .. } => "is this a file of addresses at all?",
        };
        Some(help.into())
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => {
                write!(f, "cannot read {}: {}", Quoted(&path.to_string_lossy()), Reason(error))
            }
            Self::NotUtf8 { path, line } => {
                write!(f, "line {line} of {} is not UTF-8 text", Quoted(&path.to_string_lossy()))
            }
            Self::NotInSnapshot { path } => {
                write!(f, "{} is not part of the stored configuration", Quoted(&path.to_string_lossy()))
            }
            Self::EmptyList { path } => {
                write!(f, "{} is empty, as after a download that failed", Quoted(&path.to_string_lossy()))
            }
            Self::EmptySnapshot => f.write_str("the stored configuration is empty"),
            Self::BadLine { written } => {
                write!(f, "{} is not an address, a prefix or a range", Quoted(written))
            }
            Self::MoreBadLines { count: 1, .. } => f.write_str("one more line of this file is wrong"),
            Self::MoreBadLines { count, .. } => write!(f, "{count} more lines of this file are wrong"),
        }
    }
}

/// The system's reason, without its number.
struct Reason<'a>(&'a io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("there is no such file"),
            io::ErrorKind::PermissionDenied => f.write_str("permission denied"),
            io::ErrorKind::IsADirectory => f.write_str("it is a directory"),
            _ => self.0.fmt(f),
        }
    }
}
