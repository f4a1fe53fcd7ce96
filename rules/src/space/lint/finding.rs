//! What lints find.

use crate::{Action, Cause, Field, Hook, Key, Matched, Protocol, RuleId, space::rules::Rules};

/// What was found, and what could not be worked out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lints {
    /// In the order of the rules.
    pub findings: Vec<Finding>,
    /// What would have taken too much work.
    pub undecided: Vec<Question>,
}

/// What lints ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whether a rule ever decides, and whether anything would change without it.
    Rule(RuleId),
    /// Whether a policy is ever reached.
    Policy(Hook),
}

/// Something suspicious.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No packet can be as the rule wants it: a set is empty, or its fields exclude one another.
    Impossible {
        /// The rule.
        rule: RuleId,
        /// Without any one of these it would match something. There are none where it has two
        /// reasons.
        fields: Vec<Field>,
    },
    /// Its time is over.
    Expired {
        /// The rule.
        rule: RuleId,
    },
    /// Everything that the rule matches is decided by rules before it.
    NeverDecides {
        /// The rule.
        rule: RuleId,
        /// Together they match all that it matches.
        by: Vec<RuleId>,
        /// One of them says something else than the rule.
        contradicted: bool,
        /// A packet that the rule matches.
        witness: Key,
        /// Who decides about it.
        decided_by: RuleId,
    },
    /// Of one member of a list, everything is decided the other way by a rule before.
    PartNeverDecides {
        /// The rule.
        rule: RuleId,
        /// The field with the list.
        field: Field,
        /// The member, as rules write it.
        member: String,
        /// The rule that says otherwise.
        by: RuleId,
        /// A packet of that member, decided by it.
        witness: Key,
    },
    /// Without the rule, all that it decides would be decided in the same way.
    Redundant {
        /// The rule.
        rule: RuleId,
        /// Who would decide instead, of one packet.
        instead: Cause,
        /// A packet that the rule decides.
        witness: Key,
    },
    /// It accepts from anybody to every port.
    OpensEverything {
        /// The rule.
        rule: RuleId,
        /// Where.
        hook: Hook,
        /// TCP, or UDP; `None` for both.
        protocol: Option<Protocol>,
        /// Some senders are left out, though not many.
        nearly: bool,
        /// The sender has to choose its own port among those that the rule names.
        chosen_port: bool,
        /// One of all the packets.
        witness: Key,
    },
    /// The rules decide every packet, in a way that is not the policy's.
    PolicyNeverReached {
        /// Where.
        hook: Hook,
        /// The rule that matches whatever comes to it, and decides otherwise than the policy.
        by: RuleId,
        /// A packet that it decides.
        witness: Key,
    },
}

impl Finding {
    /// The rule that it is about, or that is to blame.
    pub const fn rule(&self) -> RuleId {
        match self {
            Self::Impossible { rule, .. }
            | Self::Expired { rule }
            | Self::NeverDecides { rule, .. }
            | Self::PartNeverDecides { rule, .. }
            | Self::Redundant { rule, .. }
            | Self::OpensEverything { rule, .. }
            | Self::PolicyNeverReached { by: rule, .. } => *rule,
        }
    }

    /// Whether the witness is what the finding says, by the meaning of the rule language, while its rule counts.
    pub(super) fn is_confirmed(&self, rules: &Rules<'_>) -> bool {
        let ruleset = rules.ruleset;
        let decides = |key: &Key| rules.decides_while(self.rule(), key);
        let matches = |rule: RuleId, key: &Key| ruleset.rule(rule).fits(key) == Matched::Yes;
        match self {
            Self::Impossible { .. } | Self::Expired { .. } => true,
            Self::NeverDecides { rule, witness, decided_by, .. } => {
                decided_by < rule && matches(*rule, witness) && decides(witness) == Cause::Rule(*decided_by)
            }
            Self::PartNeverDecides { rule, by, witness, .. } => {
                by < rule && matches(*rule, witness) && matches(*by, witness)
            }
            Self::Redundant { rule, instead, witness } => {
                decides(witness) == Cause::Rule(*rule) && *instead != Cause::Rule(*rule)
            }
            Self::OpensEverything { rule, hook, witness, .. } => {
                decides(witness) == Cause::Rule(*rule) && witness.hook == *hook
            }
            Self::PolicyNeverReached { by, hook, witness } => {
                let action = ruleset.rule(*by).action;
                decides(witness) == Cause::Rule(*by) && ruleset.policy.at(*hook) != Some(action)
            }
        }
    }
}

/// Whether two actions are of the same kind for whoever asks to pass.
pub(super) fn same_kind(a: Action, b: Action) -> bool {
    (a == Action::Accept) == (b == Action::Accept)
}
