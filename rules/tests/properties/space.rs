use std::sync::Arc;

use portcullis_rules::{
    Action, AddressSet, Cause, Change, Fact, Finding, Hook, Key, Matched, Policy, Region, Rule, RuleId,
    Ruleset, Space, Standing, diff, edits, lint,
};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy},
    prop_assert, prop_assert_eq, proptest,
};

use crate::generators::{known_key, ruleset, timeless_ruleset};

/// So many times are told apart at which rules count.
const MOMENTS: u32 = 3;

/// A packet of which everything is known; some of those sent have no user.
fn packet() -> impl Strategy<Value = Key> {
    (known_key(), proptest::bool::weighted(0.2)).prop_map(|(key, kernel)| match key.hook {
        Hook::Output if kernel => Key { user: Fact::Absent, ..key },
        _ => key,
    })
}

/// A ruleset of which every rule is in force, or none.
fn certain() -> impl Strategy<Value = Ruleset> {
    ruleset().prop_map(|ruleset| at_time(&ruleset, |_| true))
}

/// The ruleset at a time at which those rules count that don't always.
fn at_time(ruleset: &Ruleset, counts: impl Fn(usize) -> bool) -> Ruleset {
    let mut ruleset = ruleset.clone();
    for (place, rule) in ruleset.rules.iter_mut().enumerate() {
        if matches!(rule.standing, Standing::Resting | Standing::Sometimes) {
            rule.standing = if counts(place) { Standing::InForce } else { Standing::Resting };
        }
    }
    ruleset
}

/// Rules for no time in particular, and the moments at which each counts, as a bit each.
fn timed() -> impl Strategy<Value = (Ruleset, Vec<u8>)> {
    (timeless_ruleset(), vec(0..1_u8 << MOMENTS, 12)).prop_map(|(ruleset, mut moments)| {
        for (rule, moments) in ruleset.rules.iter().zip(&mut moments) {
            if rule.standing == Standing::InForce {
                *moments = (1 << MOMENTS) - 1;
            }
        }
        (ruleset, moments)
    })
}

fn lint_timed(ruleset: &Ruleset, moments: &[u8]) -> Vec<Finding> {
    let covers = |wide: RuleId, narrow: RuleId| {
        let [wide, narrow] = [wide, narrow].map(|id| moments[id.0 as usize]);
        wide & narrow == narrow
    };
    lint(ruleset, &covers).findings
}

/// The same with some rules gone, some new, some moved, and perhaps other policies.
fn edited() -> impl Strategy<Value = (Ruleset, Ruleset)> {
    (certain(), certain(), vec(0..12usize, 0..4), proptest::bool::ANY).prop_map(
        |(old, other, places, policy)| {
            let mut new = old.clone();
            for (number, place) in places.into_iter().enumerate() {
                match number {
                    0 | 2 if place < new.rules.len() => drop(new.rules.remove(place)),
                    1 if place < new.rules.len() => new.rules.swap(0, place),
                    _ => {
                        let added = other.rules.get(place).cloned();
                        let at = place.min(new.rules.len());
                        new.rules.splice(at..at, added);
                    }
                }
            }
            if policy {
                new.policy = other.policy;
            }
            (named(old), named(new))
        },
    )
}

fn named(mut ruleset: Ruleset) -> Ruleset {
    for (number, rule) in ruleset.rules.iter_mut().enumerate() {
        rule.name = format!("rule {number}").into();
    }
    ruleset
}

fn matched(space: &Space, rule: &Rule) -> Vec<Region> {
    match rule.standing {
        Standing::InForce => space.matched(rule),
        _ => Vec::new(),
    }
}

fn holding<'a>(space: &Space, regions: &'a [Region], key: &Key) -> Vec<&'a Region> {
    regions.iter().filter(|region| space.contains(region, key)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn regions_hold_what_their_rule_matches(ruleset in certain(), keys in vec(packet(), 40)) {
        let space = Space::of([&ruleset]);
        for rule in &ruleset.rules {
            let regions = matched(&space, rule);
            for key in &keys {
                let holding = holding(&space, &regions, key).len();
                prop_assert_eq!(holding, usize::from(rule.matches(key) == Matched::Yes), "{}", key);
            }
            for region in &regions {
                let witness = space.witness(region).expect("a region that is possible has a packet");
                prop_assert!(space.contains(region, &witness) && rule.matches(&witness) == Matched::Yes);
            }
        }
    }

    #[test]
    fn differences_of_regions_are_disjoint_and_exact(ruleset in certain(), keys in vec(packet(), 60)) {
        let space = Space::of([&ruleset]);
        let regions: Vec<Region> = ruleset.rules.iter().flat_map(|rule| matched(&space, rule)).collect();
        for pair in regions.windows(2) {
            let [a, b] = pair else { continue };
            let mut pieces = Vec::new();
            a.minus(b, &mut pieces);
            let both = a.and(b);
            for key in &keys {
                let (in_a, in_b) = (space.contains(a, key), space.contains(b, key));
                let in_pieces = holding(&space, &pieces, key).len();
                prop_assert_eq!(in_pieces, usize::from(in_a && !in_b), "{}", key);
                let in_both = both.as_ref().is_some_and(|both| space.contains(both, key));
                prop_assert_eq!(in_both, in_a && in_b, "{}", key);
            }
            for piece in &pieces {
                let witness = space.witness(piece).expect("every piece is possible");
                prop_assert!(space.contains(a, &witness) && !space.contains(b, &witness), "{}", witness);
            }
            prop_assert_eq!(a.is_within(b) && both.is_none(), false);
        }
    }

    #[test]
    fn differences_of_rulesets_are_those_of_first_match((old, new) in edited(), keys in vec(packet(), 60)) {
        let differences = diff(&old, &new);
        prop_assert!(!differences.undecided);
        let witnesses = differences.found.iter().map(|difference| difference.witness);
        for key in keys.into_iter().chain(witnesses.collect::<Vec<Key>>()) {
            let said = |ruleset: &Ruleset| {
                let decision = ruleset.first_match(&key);
                let rate = match decision.cause {
                    Cause::Rule(id) => ruleset.rule(id).rate,
                    Cause::Policy => None,
                };
                (decision.action, decision.cause, rate.filter(|_| decision.action == Action::Accept))
            };
            let (before, after) = (said(&old), said(&new));
            let by_policy = (before.1, after.1) == (Cause::Policy, Cause::Policy);
            let judged = old.policy.at(key.hook).is_some() && new.policy.at(key.hook).is_some();
            let told: Vec<Change> = differences
                .found
                .iter()
                .filter(|difference| differences.space.contains(&difference.region, &key))
                .filter(|difference| by_policy || judged && !difference.unmatched)
                .map(|difference| difference.change)
                .collect();
            if !judged {
                continue;
            }
            let expected = match (before.0 == Action::Accept, after.0 == Action::Accept) {
                (false, true) => Some(Change::Opened),
                (true, false) => Some(Change::Closed),
                (true, true) => (before.2 != after.2).then_some(Change::Rate),
                (false, false) => (before.0 != after.0).then_some(Change::Refusal),
            };
            prop_assert_eq!(told, Vec::from_iter(expected), "{}", key);
        }
    }

    #[test]
    fn lints_raise_no_false_alarm((ruleset, moments) in timed(), keys in vec(packet(), 80)) {
        let findings = lint_timed(&ruleset, &moments);
        for moment in 0..MOMENTS {
            let ruleset = at_time(&ruleset, |place| moments[place] & 1 << moment != 0);
            for finding in &findings {
                let id = finding.rule();
                for key in keys.iter().filter(|key| ruleset.policy.at(key.hook).is_some()) {
                    let decision = ruleset.first_match(key);
                    let decided = decision.cause == Cause::Rule(id);
                    match finding {
                        Finding::Impossible { .. } => prop_assert_eq!(ruleset.rule(id).matches(key), Matched::No),
                        Finding::NeverDecides { .. } | Finding::Expired { .. } => prop_assert!(!decided, "{}", key),
                        Finding::Redundant { .. } => {
                            let mut without = ruleset.clone();
                            without.rules.remove(id.0 as usize);
                            prop_assert_eq!(without.first_match(key).action, decision.action, "{}", key);
                        }
                        Finding::PolicyNeverReached { hook, .. } => {
                            prop_assert!(key.hook != *hook || decision.cause != Cause::Policy, "{}", key);
                        }
                        Finding::PartNeverDecides { .. } | Finding::OpensEverything { .. } => {}
                    }
                }
            }
        }
    }

    #[test]
    fn a_rule_that_never_decides_is_found((ruleset, moments) in timed(), place in 0..12usize) {
        // Behind a copy of itself, of the same times, a rule is dead, whatever else there is.
        let (mut ruleset, mut moments) = (ruleset, moments);
        let Some(rule) = ruleset.rules.get(place).cloned() else { return Ok(()) };
        moments.insert(ruleset.rules.len(), moments[place]);
        ruleset.rules.push(rule);
        let last = RuleId(u32::try_from(ruleset.rules.len() - 1).expect("few rules"));
        let findings = lint_timed(&ruleset, &moments);
        let told = findings.iter().any(|finding| match finding {
            Finding::NeverDecides { rule, .. } | Finding::Impossible { rule, .. } | Finding::Expired { rule } => {
                *rule == last
            }
            _ => false,
        });
        prop_assert!(told);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn edits_change_the_answer((ruleset, key) in (certain(), packet())) {
        let accepted = ruleset.first_match(&key).action == Action::Accept;
        let found = edits(&ruleset, &key);
        for edit in &found {
            prop_assert_eq!(edit.ruleset.first_match(&key).action == Action::Accept, !accepted, "{}", key);
            prop_assert!(diff(&ruleset, &edit.ruleset).opens() != accepted, "{}", key);
        }
        // A rule of its own is always possible.
        prop_assert_eq!(found.is_empty(), ruleset.policy.at(key.hook).is_none());
    }
}

/// It is the one to look at: that thousands before it change nothing is its doing.
#[test]
fn a_rule_that_opens_nearly_everything_is_told_of_behind_thousands_of_others() {
    let narrow = |number: u16| {
        let action = if number.is_multiple_of(2) { Action::Drop } else { Action::Accept };
        let mut rule = Rule::new("narrow", action);
        let prefix = |first: u16| format!("{first}.{}.{}.0/24", number / 250, number % 250);
        let addresses = |first| AddressSet::from_prefixes([prefix(first).parse().expect("a prefix")]);
        rule.matches.source = Some(Arc::new(addresses(10)));
        rule.matches.destination = Some(Arc::new(addresses(11)));
        rule.matches.port = Some([(number, number + 7)].into_iter().collect());
        rule
    };
    let mut rules: Vec<Rule> = (0..6000).map(narrow).collect();
    rules.push(Rule::new("wide", Action::Accept));
    let wide = RuleId(6000);
    let policy = Policy { input: Some(Action::Drop), ..Policy::default() };
    let lints = lint(&Ruleset { rules, policy }, &|_, _| false);
    assert!(lints.undecided.is_empty(), "{:?}", lints.undecided);
    match &lints.findings[..] {
        [Finding::OpensEverything { rule, nearly: true, .. }, rest @ ..] if *rule == wide => {
            assert!(
                rest.iter().all(|finding| matches!(finding, Finding::PolicyNeverReached { .. })),
                "{rest:?}"
            );
        }
        findings => panic!("{} findings: {:?}", findings.len(), findings.first()),
    }
}

/// The properties above say nothing if nothing is found.
#[test]
fn random_rulesets_have_findings_and_differences() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut findings, mut differences) = (std::collections::BTreeMap::<String, u32>::new(), 0);
    for _ in 0..100 {
        let (ruleset, moments) = timed().new_tree(&mut runner).unwrap().current();
        for finding in lint_timed(&ruleset, &moments) {
            let at_times = ruleset.rule(finding.rule()).standing == Standing::Sometimes;
            let name = format!("{}{finding:?}", if at_times { "timed" } else { "" });
            *findings.entry(name.split_whitespace().next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let (old, new) = edited().new_tree(&mut runner).unwrap().current();
        differences += diff(&old, &new).found.len();
    }
    for name in ["NeverDecides", "Redundant", "PolicyNeverReached", "timedNeverDecides", "timedRedundant"] {
        assert!(findings.get(name).is_some_and(|count| *count > 1), "{name}: {findings:?}");
    }
    assert!(differences > 40, "{differences}");
}
