//! Values that are not what their key wants.

use std::fmt;

use super::{Quoted, Wanted};
use crate::written::Kind;

/// What is wrong with a value.
#[derive(Debug)]
pub(crate) enum ValueProblem {
    /// It is of another kind than the key wants.
    Kind {
        wanted: Wanted,
        found: Kind,
    },
    /// It is of the right kind, and yet not what is wanted.
    Word {
        wanted: Wanted,
        written: String,
        nearest: Option<String>,
    },
    /// The name of a host where an address is wanted.
    HostName {
        written: String,
    },
    EmptyList,
    /// The negated members take away all that the others give.
    NothingLeft,
    Backwards {
        first: String,
        last: String,
    },
    MixedFamilies {
        written: String,
    },
    PrefixLength {
        written: String,
        longest: u8,
    },
}

impl ValueProblem {
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Word { wanted: Wanted::Choice(choice), nearest: Some(nearest), .. }
                if choice.words.len() > 2 =>
            {
                Some(format!("did you mean \"{nearest}\"? You can write {choice}"))
            }
            Self::Word { nearest: Some(nearest), .. } => Some(format!("did you mean \"{nearest}\"?")),
            Self::Kind { wanted, .. } | Self::Word { wanted, .. } => Some(wanted.forms()),
            Self::HostName { .. } => {
                Some("write the host's addresses: a firewall cannot look names up while packets wait".into())
            }
            Self::EmptyList => {
                Some("name at least one; a rule that should match everything leaves the key out".into())
            }
            Self::NothingLeft => Some("take one of the contradicting members out".into()),
            Self::Backwards { first, last } => Some(format!("did you mean \"{last}-{first}\"?")),
            Self::MixedFamilies { .. } => Some("both ends of a range are IPv4, or both are IPv6".into()),
            Self::PrefixLength { longest, .. } => {
                let family = if *longest == 32 { "IPv4" } else { "IPv6" };
                Some(format!("a prefix of {family} has at most {longest} bits"))
            }
        }
    }
}

impl fmt::Display for ValueProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { wanted, found } => write!(f, "expected {wanted}, found {found}"),
            Self::Word { wanted, written, .. } => write!(f, "{} is not {wanted}", Quoted(written)),
            Self::HostName { written } => write!(f, "{} is a host's name, not its address", Quoted(written)),
            Self::EmptyList => f.write_str("an empty list matches nothing"),
            Self::NothingLeft => f.write_str("nothing is left of this list: its members exclude one another"),
            Self::Backwards { first, last } => write!(f, "the range from {first} to {last} runs backwards"),
            Self::MixedFamilies { written } => {
                write!(f, "the ends of {} are of different families", Quoted(written))
            }
            Self::PrefixLength { written, .. } => write!(f, "{} has too long a prefix", Quoted(written)),
        }
    }
}
