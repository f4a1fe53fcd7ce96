//! The policy's own tests.

use std::{fmt, sync::Arc};

use portcullis_rules::{Action, Cause, Decision, Place, Ruleset};

use crate::{Config, PolicyTest, problem::Quoted};

/// A `[[test]]` that the rules fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// Where the test is written.
    pub place: Place,
    /// The packet, as written.
    pub packet: String,
    /// What the test wants.
    pub expected: Action,
    /// What the rules say.
    pub got: Decision,
    /// The name of the rule that decided; `None` when it was the policy.
    pub decided_by: Option<Arc<str>>,
    /// The name of the rule on which the answer depends, because the packet text leaves a fact out
    /// that the rule names: such a test is a failure even when the answer is the expected one.
    pub depends_on: Option<Arc<str>>,
}

/// The tests that the configuration's rules fail, in order.
pub fn failed_tests(config: &Config) -> Vec<TestFailure> {
    config.tests.iter().filter_map(|test| failure(test, &config.ruleset)).collect()
}

fn failure(test: &PolicyTest, ruleset: &Ruleset) -> Option<TestFailure> {
    let got = ruleset.first_match(&test.key);
    if got.action == test.expect && got.depends_on.is_none() {
        return None;
    }
    let name = |id| ruleset.rule(id).name.clone();
    Some(TestFailure {
        place: test.place.clone(),
        packet: test.packet.clone(),
        expected: test.expect,
        got,
        decided_by: match got.cause {
            Cause::Rule(id) => Some(name(id)),
            Cause::Policy => None,
        },
        depends_on: got.depends_on.map(name),
    })
}

impl fmt::Display for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, packet, expected, got, decided_by, depends_on } = self;
        write!(f, "{place}: the test {} expects {expected}, but ", Quoted(packet))?;
        match (depends_on, decided_by) {
            (Some(rule), _) => write!(
                f,
                "the answer depends on the rule {}: write into the packet what that rule asks for, such as its \
                 interface or user",
                Quoted(rule)
            ),
            (None, Some(rule)) => write!(f, "the rule {} says {}", Quoted(rule), got.action),
            (None, None) => write!(f, "no rule matches, and the policy says {}", got.action),
        }
    }
}
