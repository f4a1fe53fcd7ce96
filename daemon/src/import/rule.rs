//! A rule on its way into our language: values are as they will be written.

use std::fmt;

/// Which packets a set of rules is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It passes.
    Accept,
    /// It is dropped.
    Drop,
    /// It is refused.
    Reject,
}

impl Verb {
    /// The word in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }
}

/// Values of a field: any of the first, and none of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Values {
    /// `None`: it need not be any of these.
    pub(super) any_of: Option<Vec<String>>,
    pub(super) none_of: Vec<String>,
}

impl Values {
    pub(super) fn is_empty(&self) -> bool {
        self.any_of.is_none() && self.none_of.is_empty()
    }
}

/// Fields, in the order in which rule files have them.
pub(super) const FIELDS: [&str; 11] = [
    "interface",
    "in-interface",
    "out-interface",
    "protocol",
    "source",
    "destination",
    "port",
    "source-port",
    "icmp-type",
    "state",
    "user",
];

/// A rule in our language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// Its line in the input.
    pub line: usize,
    /// Its comment in the input.
    pub(super) comment: Option<String>,
    pub(super) fields: Vec<(&'static str, Values)>,
    /// `tcp-flags`, as it will be written.
    pub(super) flags: Option<String>,
    /// What it does.
    pub verb: Verb,
    /// `rate`, as it will be written.
    pub(super) rate: Option<&'static str>,
    /// The family that it is for, where its fields don't say so.
    pub(super) family: Option<Family>,
}

impl Translated {
    /// The same, whichever line and family it is from.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let meaning = |rule: &Self| (rule.fields.clone(), rule.flags.clone(), rule.verb, rule.rate);
        meaning(self) == meaning(other)
    }
}
