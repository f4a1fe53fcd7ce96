//! The policy's own tests.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use portcullis_rules::{Action, Cause, Decision, Place, Ruleset, Standing};

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
    /// Whether that fact is the time.
    pub on_time: bool,
}

/// The tests that the configuration's rules fail, in order. A test that names no time fails where the
/// answer is not the same at all times: else a reload would be refused by the hour.
pub fn failed_tests(config: &Config) -> Vec<TestFailure> {
    // Most tests are about no time, or about the same few.
    let mut rulesets: BTreeMap<Option<Timestamp>, Arc<Ruleset>> = BTreeMap::new();
    let failures = config.tests.iter().filter_map(|test| {
        let ruleset = rulesets.entry(test.at).or_insert_with(|| config.ruleset_at(test.at));
        failure(test, ruleset)
    });
    failures.collect()
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
        on_time: got.depends_on.is_some_and(|id| ruleset.rule(id).standing == Standing::Sometimes),
    })
}

impl fmt::Display for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, packet, expected, got, decided_by, depends_on, on_time } = self;
        write!(f, "{place}: the test {} expects {expected}, but ", Quoted(packet))?;
        match (depends_on, decided_by) {
            (Some(rule), _) if *on_time => write!(
                f,
                "the answer depends on the time, by the rule {}: write at which time you mean, such as at = \
                 \"2027-01-01 12:00\"",
                Quoted(rule)
            ),
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
