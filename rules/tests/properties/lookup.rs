use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use portcullis_rules::{
    Action, AddressSet, Cause, Decision, Fact, Hook, InterfaceName, InterfacePattern, InterfaceSet, Key,
    Match, Matched, Policy, Protocol, Rule, RuleTable, Ruleset, Standing,
};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_oneof},
    prop_assert, prop_assert_eq, proptest,
    strategy::ValueTree,
    test_runner::{TestCaseError, TestRunner},
};

use crate::generators::{completions, key, many_rules, ruleset, timeless_ruleset, v6_places};

/// Whether the table answers each of `keys` as its rules do, by whichever strategy.
fn agree(ruleset: &Arc<Ruleset>, keys: &[Key]) -> Result<(), TestCaseError> {
    let forced = portcullis_rules::Strategy::ALL;
    let forced = forced.into_iter().map(|strategy| RuleTable::compile_as(Arc::clone(ruleset), strategy));
    let expected: Vec<Decision> = keys.iter().map(|key| ruleset.first_match(key)).collect();
    for table in [RuleTable::compile(Arc::clone(ruleset))].into_iter().chain(forced) {
        for (key, expected) in keys.iter().zip(&expected) {
            prop_assert_eq!(table.lookup(key), *expected, "{}: {:?}", key, table.summary());
        }
        prop_assert_eq!(together(&table, keys), &*expected, "{:?}", table.summary());
    }
    Ok(())
}

fn together(table: &RuleTable, keys: &[Key]) -> Vec<Decision> {
    let nothing = Decision { action: Action::Drop, cause: Cause::Policy, depends_on: None };
    let mut decisions = vec![nothing; keys.len()];
    table.lookup_batch(keys, &mut decisions);
    decisions
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_table_of_many_rules_answers_as_they_do(ruleset in many_rules(10..200), keys in vec(key(), 40)) {
        agree(&ruleset, &keys)?;
    }

    #[test]
    fn ipv6_anywhere_is_told_apart((ruleset, keys) in prop_oneof![v6_places(1..5), v6_places(10..100)]) {
        agree(&ruleset, &keys)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn a_table_of_very_many_rules_answers_as_they_do(
        ruleset in many_rules(3200..4200), keys in vec(key(), 400)
    ) {
        agree(&ruleset, &keys)?;
    }
}

#[test]
fn every_strategy_is_met() {
    let mut runner = TestRunner::deterministic();
    let some = [1..8, 40..200]
        .into_iter()
        .flat_map(|number| (0..4).map(move |_| number.clone()).collect::<Vec<_>>());
    let some = some.map(|number| many_rules(number).new_tree(&mut runner).unwrap().current());
    // None of these lies within another, as most random rules do.
    let hosts = (0..5000).map(|number| {
        let host = IpAddr::V4(Ipv4Addr::from_bits(number * 7));
        let source = Some(Arc::new(AddressSet::from_ranges([(host, host)])));
        Rule { matches: Match { source, ..Match::default() }, ..Rule::new("host", Action::Accept) }
    });
    let policy = Policy { input: Some(Action::Drop), ..Policy::default() };
    let hosts = Arc::new(Ruleset { rules: hosts.collect(), policy });
    let met: Vec<&str> = some
        .chain([hosts])
        .flat_map(|ruleset| RuleTable::compile(ruleset).summary().parts)
        .map(|part| part.strategy.name())
        .collect();
    for strategy in ["pairs", "cross", "tree"] {
        assert!(met.contains(&strategy), "{strategy} is not among {met:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_table_answers_as_the_ruleset(ruleset in ruleset(), key in key()) {
        agree(&ruleset, &[key])?;
        prop_assert_eq!(ruleset.explain(&key).decision, ruleset.first_match(&key));
    }

    #[test]
    fn a_certain_answer_holds_whatever_the_unknown_facts_are(ruleset in ruleset(), key in key()) {
        let decision = ruleset.first_match(&key);
        if decision.depends_on.is_none() {
            for known in completions(&key) {
                prop_assert_eq!(ruleset.first_match(&known).action, decision.action, "{}", known);
            }
        }
    }

    #[test]
    fn a_certain_answer_for_no_time_holds_at_all_times(
        ruleset in timeless_ruleset(), key in key(), in_force in vec(any::<bool>(), 12)
    ) {
        let decision = ruleset.first_match(&key);
        prop_assert_eq!(RuleTable::compile(Arc::new(ruleset.clone())).lookup(&key), decision);
        let mut now = ruleset;
        for (rule, in_force) in now.rules.iter_mut().zip(in_force) {
            if rule.standing == Standing::Sometimes {
                rule.standing = if in_force { Standing::InForce } else { Standing::Resting };
            }
        }
        if decision.depends_on.is_none() {
            prop_assert_eq!(now.first_match(&key).action, decision.action);
        }
    }

    #[test]
    fn an_uncertain_answer_names_an_earlier_rule_that_says_otherwise(ruleset in ruleset(), key in key()) {
        let decision = ruleset.first_match(&key);
        if let Some(id) = decision.depends_on {
            prop_assert_eq!(ruleset.rule(id).matches(&key), Matched::Depends);
            prop_assert!(ruleset.rule(id).action != decision.action);
            if let Cause::Rule(decided) = decision.cause {
                prop_assert!(id < decided);
            }
        }
    }

    #[test]
    fn known_facts_make_a_certain_answer(ruleset in ruleset(), key in key()) {
        for known in completions(&key) {
            prop_assert_eq!(ruleset.first_match(&known).depends_on, None);
        }
    }

    #[test]
    fn near_misses_fail_in_that_field_and_no_other(ruleset in ruleset(), key in key()) {
        for miss in ruleset.explain(&key).near {
            prop_assert_eq!(ruleset.rule(miss.rule).failing(&key), vec![miss.field]);
        }
    }

    #[test]
    fn a_key_mirrored_twice_is_itself(key in key()) {
        let twice = key.mirrored().mirrored();
        prop_assert_eq!(Key { user: twice.user, icmp: twice.icmp, ..key }, twice);
    }
}

/// Rules each of which names a fact of its own, of more than there can be classes of; after them one for all.
fn agree_on_a_fact_of_each(rules: u32, matches: impl Fn(u32) -> Match, told: impl Fn(u32, Key) -> Key) {
    let rule = |(n, matches)| Rule { matches, ..Rule::new("rule", Action::ALL[n as usize % 3]) };
    let each = (0..rules).map(|n| (n, matches(n))).chain([(rules, Match::default())]).map(rule);
    let policy = Policy { output: Some(Action::Drop), ..Policy::default() };
    let ruleset = Arc::new(Ruleset { rules: each.collect(), policy });
    let mut runner = TestRunner::deterministic();
    let keys = vec((key(), 0..rules), 300).new_tree(&mut runner).expect("keys").current();
    let table = RuleTable::compile(Arc::clone(&ruleset));
    let mut found = 0;
    for (key, n) in keys {
        let user = if n % 8 == 0 { Fact::Unknown } else { Fact::Known(0) };
        let name = Fact::Known(InterfaceName::new("tap").expect("a name"));
        let key = Key { hook: Hook::Output, in_interface: Fact::Absent, out_interface: name, user, ..key };
        let key = told(n, key);
        let decision = table.lookup(&key);
        assert_eq!(decision, ruleset.first_match(&key), "{key}");
        found += u32::from(matches!(decision.cause, Cause::Rule(id) if id.0 == n));
    }
    assert!((50..250).contains(&found), "{found}");
    for part in table.summary().parts {
        assert!(part.bytes / part.rules < 1000, "{part:?}");
    }
}

#[test]
fn facts_that_are_known_roughly_are_asked_for() {
    let user = |n: u32| Match { user: Some([(5 * n, 5 * n + 1)].into_iter().collect()), ..Match::default() };
    agree_on_a_fact_of_each(6000, user, |n, key| match key.user {
        Fact::Known(_) => Key { user: Fact::Known(5 * n + n % 4), ..key },
        _ => key,
    });
    let name = |n: u32| InterfaceName::new(&format!("tap{n}")).unwrap();
    let interface = |n: u32| {
        let any_of = [InterfacePattern::Name(name(2 * n))].into();
        Match { out_interface: Some(InterfaceSet { any_of, none_of: [].into() }), ..Match::default() }
    };
    agree_on_a_fact_of_each(6000, interface, |n, key| Key {
        out_interface: Fact::Known(name(2 * n + u32::from(n % 3 == 0))),
        ..key
    });
    let host = |n: u32, member: u32| IpAddr::from((n << 3 | member << 16).to_be_bytes());
    let list = |n: u32| {
        let hosts = (0..30).map(|member| (host(n, member), host(n, member)));
        Match { destination: Some(Arc::new(AddressSet::from_ranges(hosts))), ..Match::default() }
    };
    agree_on_a_fact_of_each(1500, list, |n, key| Key {
        source: host(0, 0),
        destination: host(n, n % 60),
        ..key
    });
}

/// The properties above say nothing if random keys hit no rules: here is how often they have to.
#[test]
fn random_keys_meet_random_rules() {
    const PAIRS: u32 = 4000;
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::<&str, u32>::new();
    for _ in 0..PAIRS {
        let (ruleset, key) = (ruleset(), key()).new_tree(&mut runner).unwrap().current();
        let decision = ruleset.first_match(&key);
        let mut count = |what, yes| *seen.entry(what).or_default() += u32::from(yes);
        let ours = ruleset.policy.at(key.hook).is_some();
        let by_rule = matches!(decision.cause, Cause::Rule(_));
        count("by rule", by_rule);
        count("by a rule after the first three", matches!(decision.cause, Cause::Rule(id) if id.0 > 2));
        count("by rule, not tcp", by_rule && key.protocol != Protocol::TCP);
        count("by policy", ours && !by_rule);
        count("hook not ours", !ours);
        count("depends", decision.depends_on.is_some());
        count("certain of an incomplete key", decision.depends_on.is_none() && completions(&key).len() > 1);
        count("near misses", !ruleset.explain(&key).near.is_empty());
        for action in Action::ALL {
            count(action.name(), decision.action == action);
        }
    }
    let share = |what| f64::from(seen[what]) / f64::from(PAIRS);
    for what in seen.keys() {
        assert!(share(what) > 0.03, "{what}: {:.3}; all: {seen:?}", share(what));
    }
}
