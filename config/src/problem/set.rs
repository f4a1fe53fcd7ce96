//! Sets, and references to them.

use std::fmt;

use super::{Quoted, Span};

/// What a set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetKind {
    Addresses,
    Ports,
}

/// What is wrong with a set, or with a reference to one.
#[derive(Debug)]
pub(crate) enum SetProblem {
    Twice {
        name: String,
        first: Span,
    },
    BadName {
        name: String,
    },
    /// It holds nothing, or more than one thing.
    Contents,
    Undefined {
        name: String,
        nearest: Option<String>,
    },
    WrongKind {
        name: String,
        holds: SetKind,
        defined: Span,
    },
    /// The sets contain one another, in this order.
    Cycle {
        names: Vec<String>,
    },
}

impl SetProblem {
    pub(super) fn help(&self) -> Option<String> {
        let help = match self {
            Self::Twice { .. } => "give one of them another name, or put everything into one",
            Self::BadName { .. } => "use letters, digits, - and _",
            Self::Contents => "write addresses = […], ports = […] or file = \"…\"",
            Self::Undefined { nearest: Some(nearest), .. } => {
                return Some(format!("did you mean `@{nearest}`?"));
            }
            Self::Undefined { name, .. } => {
                return Some(format!("write [sets.{}] to define it", name.escape_debug()));
            }
            Self::WrongKind { holds: SetKind::Ports, .. } => "name a set of addresses here",
            Self::WrongKind { holds: SetKind::Addresses, .. } => "name a set of ports here",
            Self::Cycle { .. } => "take one of the references out",
        };
        Some(help.into())
    }

    pub(super) const fn other_place(&self) -> Option<(&Span, &'static str)> {
        match self {
            Self::Twice { first, .. } => Some((first, "first defined here")),
            Self::WrongKind { defined, .. } => Some((defined, "defined here")),
            _ => None,
        }
    }
}

impl fmt::Display for SetProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice { name, .. } => write!(f, "the set {} is defined twice", Quoted(name)),
            Self::BadName { name } => write!(f, "{} cannot be a set's name", Quoted(name)),
            Self::Contents => f.write_str("a set is made from one thing: addresses, ports, or a file"),
            Self::Undefined { name, .. } => write!(f, "there is no set {}", Quoted(name)),
            Self::WrongKind { name, holds: SetKind::Ports, .. } => {
                write!(f, "the set {} holds ports, not addresses", Quoted(name))
            }
            Self::WrongKind { name, holds: SetKind::Addresses, .. } => {
                write!(f, "the set {} holds addresses, not ports", Quoted(name))
            }
            Self::Cycle { names } => {
                f.write_str("this set contains itself: ")?;
                for (n, name) in names.iter().enumerate() {
                    write!(f, "{}{}", if n == 0 { "" } else { " → " }, Quoted(name))?;
                }
                Ok(())
            }
        }
    }
}
