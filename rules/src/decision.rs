//! What becomes of a packet, and why.

use std::fmt;

use crate::{Malformed, RuleId};

/// A rule's or a policy's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let it pass.
    Accept,
    /// Discard it silently.
    Drop,
    /// Discard it and tell the sender: a TCP reset, or ICMP port unreachable.
    Reject,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Drop, Self::Reject];

    /// The name in rule files and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }

    /// The action that `name` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The first rule that matched.
    Rule(RuleId),
    /// No rule matched: the hook's policy.
    Policy,
}

/// The answer to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// Who decided it.
    pub cause: Cause,
    /// The first rule that may decide otherwise, if an unknown fact about the packet is as the rule
    /// wants it; `None` when the answer is certain.
    pub depends_on: Option<RuleId>,
}

/// Why a packet was not let through: the closed list that records and counters use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A rule said drop or reject.
    Rule,
    /// No rule matched, and the hook's policy says drop or reject.
    Policy,
    /// A rule let so many new flows through that this one was too much.
    RateExceeded,
    /// The flow was accepted once, and the rules of today refuse it.
    FlowCut,
    /// The headers are not those of a packet that can be judged.
    Malformed(Malformed),
}

impl Reason {
    /// All reasons; a counter each.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Rule, Self::Policy, Self::RateExceeded, Self::FlowCut]
            .into_iter()
            .chain(Malformed::ALL.map(Self::Malformed))
    }

    /// The words in records: Suricata's own where it has them.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "firewall rules",
            Self::Policy => "firewall default packet policy",
            Self::RateExceeded => "rate exceeded",
            Self::FlowCut => "flow cut",
            Self::Malformed(malformed) => malformed.name(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
