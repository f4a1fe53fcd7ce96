use std::fs;

use portcullis_config::{Config, DEFAULT, PolicyTest, load_text};
use portcullis_rules::{
    Action, EditChange, Field, Key, Matched, Place, Region, Rule, Ruleset, Space, Words, diff, edits,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::{
    configurations,
    generators::{Kind, configuration},
    load,
};

/// All but where things were written, and how: an export keeps it.
fn kept(config: &Config) -> (Ruleset, impl PartialEq + std::fmt::Debug + use<>) {
    let mut ruleset = Ruleset::clone(&config.ruleset);
    for rule in &mut ruleset.rules {
        rule.place = Place::default();
        rule.excluding.clear();
    }
    let tests = config.tests.iter().map(|test| PolicyTest { place: Place::default(), ..test.clone() });
    let tests: Vec<PolicyTest> = tests.collect();
    (ruleset, (config.mode, config.when_enabled, config.validities.clone(), tests))
}

fn is_exported(config: &Config) -> Result<(), TestCaseError> {
    let text = config.rules_as_toml();
    let home = tempfile::tempdir()?;
    let file = home.path().join("exported.toml");
    fs::write(&file, &text)?;
    let again = load(&file);
    let again = again.map_err(|report| TestCaseError::fail(format!("{report}\n{text}")))?.config;
    let again = again.at(config.time);
    prop_assert_eq!(kept(&again), kept(config), "{}", &text);
    let differences = diff(&config.ruleset, &again.ruleset);
    prop_assert!(differences.found.is_empty() && !differences.undecided, "{}", text);
    let keys = |config: &Config| -> Vec<String> {
        let text = config.rules_as_toml();
        text.lines().filter(|line| !line.starts_with("# ")).map(ToOwned::to_owned).collect()
    };
    prop_assert_eq!(keys(&again), keys(config));
    let json = config.rules_as_json();
    prop_assert_eq!(json["rule"].as_array().map(Vec::len), Some(config.ruleset.rules.len()));
    prop_assert_eq!(&json["sets"], &again.rules_as_json()["sets"]);
    Ok(())
}

#[test]
fn good_configurations_are_exported() {
    for path in configurations("tests/good") {
        is_exported(&load(&path).expect("they are good").config).unwrap_or_else(|why| panic!("{why}"));
    }
    let default = load_text("default", DEFAULT).expect("it is good").config;
    is_exported(&default).unwrap_or_else(|why| panic!("{why}"));
    assert!(default.rules_as_toml().starts_with("mode = \"when-enabled\"\n"), "an export enforces no more");
}

#[test]
fn an_export_keeps_names_and_says_where_rules_were_written() {
    let text = "[policy]\ninput = \"drop\"\n[sets.office]\naddresses = \"192.0.2.0/25\"\n\
        [sets.all]\naddresses = [\"@office\", \"192.0.2.128/25\"]\n\
        [[rule]]\nname = \"a\"\nsource = \"@office\"\nport = [80, 81, 22]\naction = \"accept\"\n\
        [[rule]]\nname = \"b\"\nsource = \"@all\"\naction = \"reject\"\nfailsafe = false\ncomment = \"\\\"b\\\"\"\n";
    let config = load_text("some/where.toml", text).expect("valid").config;
    let expected = "mode = \"enforce\"\n\n[policy]\ninput = \"drop\"\n\n\
        [sets.all]\naddresses = \"192.0.2.0/24\"\n\n[sets.office]\naddresses = \"192.0.2.0/25\"\n\n\
        # some/where.toml:7\n[[rule]]\nname = \"a\"\nhook = \"input\"\nsource = \"@office\"\nport = [22, \"80-81\"]\n\
        action = \"accept\"\n\n\
        # some/where.toml:12\n[[rule]]\nname = \"b\"\nhook = \"input\"\nsource = \"@all\"\naction = \"reject\"\n\
        comment = \"\\\"b\\\"\"\n";
    assert_eq!(config.rules_as_toml(), expected);
    let json = config.rules_as_json();
    assert_eq!(json["rule"][0]["port"], serde_json::json!([22, "80-81"]));
    assert_eq!((&json["rule"][1]["line"], &json["rule"][1]["file"]), (&12.into(), &"some/where.toml".into()));
}

/// A rule for each of the words; they say everything that it needs but a name and an action.
fn rules_of(words: &[Vec<Words>]) -> Result<Vec<Rule>, TestCaseError> {
    let mut text = String::from("[policy]\ninput = \"drop\"\noutput = \"drop\"\nforward = \"drop\"\n");
    for (number, words) in words.iter().enumerate() {
        let keys: Vec<String> = words.iter().map(|words| words.toml(usize::MAX)).collect();
        text += &format!("[[rule]]\nname = \"{number}\"\naction = \"accept\"\n{}\n", keys.join("\n"));
    }
    let loaded = load_text("words", &text);
    let loaded = loaded.map_err(|report| TestCaseError::fail(format!("{report}\n{text}")))?;
    Ok(loaded.config.ruleset.rules.clone())
}

fn without(pieces: Vec<Region>, others: &[Region]) -> Vec<Region> {
    others.iter().fold(pieces, |pieces, other| {
        let mut left = Vec::new();
        pieces.iter().for_each(|piece| piece.minus(other, &mut left));
        left
    })
}

/// A packet of each rule, and one beside each.
fn packets(ruleset: &Ruleset) -> Vec<Key> {
    let space = Space::of([ruleset]);
    let all = vec![space.all(ruleset.policy.hooks())];
    let within = ruleset.rules.iter().flat_map(|rule| space.matched(rule));
    let beside = ruleset.rules.iter().flat_map(|rule| without(all.clone(), &space.matched(rule)));
    within.chain(beside).filter_map(|region| space.witness(&region)).collect()
}

/// The text after an edit, made as somebody would make it who reads what `explain` says.
fn edited(text: &str, change: &EditChange) -> String {
    let block =
        |rule: usize| text.find(&format!("\n[[rule]]\nname = \"rule {rule}\"")).expect("it has the rule");
    let added = |rule: usize, field: Field, value: String| {
        let start = block(rule) + 1;
        let key = start + text[start..].find(&format!("\n{} = [", field.name())).expect("it names the field");
        let end = key + 1 + text[key + 1..].find("]\n").expect("it is a list");
        let value = Words { field, values: vec![value] }.toml(1);
        let value = value.split_once(" = ").expect("a key").1.to_owned();
        format!("{}, {value}{}", &text[..end], &text[end..])
    };
    match change {
        EditChange::Widen { rule, field, value } => added(rule.0 as usize, *field, value.clone()),
        EditChange::Narrow { rule, field, value } => added(rule.0 as usize, *field, format!("!{value}")),
        EditChange::Add { words, action, before } => {
            let place = before.map_or(text.len(), |rule| block(rule.0 as usize));
            let keys: Vec<String> = words.iter().map(|words| words.toml(usize::MAX)).collect();
            let rule = format!("\n[[rule]]\nname = \"own\"\n{}\naction = \"{action}\"\n", keys.join("\n"));
            format!("{}{rule}{}", &text[..place], &text[place..])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration_is_exported(text in configuration(Kind::Everything)) {
        if let Ok(loaded) = load_text("any", &text) {
            is_exported(&loaded.config)?;
        }
    }

    /// What `diff` says is exactly what changes.
    #[test]
    fn words_load_as_the_region_that_they_speak_of(
        old in configuration(Kind::Certain),
        new in configuration(Kind::Certain),
    ) {
        let (Ok(old), Ok(new)) = (load_text("old", &old), load_text("new", &new)) else { return Ok(()) };
        let differences = diff(&old.config.ruleset, &new.config.ruleset);
        for difference in &differences.found {
            let rules = rules_of(&difference.words)?;
            let spoken_of: Vec<Region> =
                rules.iter().flat_map(|rule| differences.space.matched(rule)).collect();
            let region = vec![difference.region.clone()];
            prop_assert_eq!(without(region.clone(), &spoken_of), [], "too narrow: {:?}", difference.words);
            prop_assert_eq!(without(spoken_of, &region), [], "too wide: {:?}", difference.words);
        }
    }

    /// Of users the language can't say everything, such as that there is none.
    #[test]
    fn words_about_users_load_and_hold_the_witness(
        old in configuration(Kind::Everything),
        new in configuration(Kind::Everything),
    ) {
        let (Ok(old), Ok(new)) = (load_text("old", &old), load_text("new", &new)) else { return Ok(()) };
        for difference in diff(&old.config.ruleset, &new.config.ruleset).found {
            let rules = rules_of(&difference.words)?;
            let held = rules.iter().any(|rule| rule.matches(&difference.witness) == Matched::Yes);
            prop_assert!(held, "{}: {:?}", difference.witness, difference.words);
        }
    }

    /// What `explain` advises is right, for whoever does it.
    #[test]
    fn advised_edits_load_and_change_the_answer(text in configuration(Kind::Certain)) {
        let Ok(loaded) = load_text("any", &text) else { return Ok(()) };
        let ruleset = &loaded.config.ruleset;
        for key in packets(ruleset).into_iter().take(12) {
            let accepted = |ruleset: &Ruleset| ruleset.first_match(&key).action == Action::Accept;
            for edit in edits(ruleset, &key) {
                let text = edited(&text, &edit.change);
                let again = load_text("edited", &text);
                let again = again.map_err(|report| TestCaseError::fail(format!("{report}\n{:?}", edit.change)))?;
                prop_assert!(accepted(&again.config.ruleset) != accepted(ruleset), "{}: {:?}\n{}", key, edit.change, text);
            }
        }
    }
}

/// The properties above say nothing if nothing is valid, different or advised.
#[test]
fn random_configurations_say_something() {
    let mut runner = TestRunner::deterministic();
    let (mut valid, mut differences, mut advised) = (0, 0, [0; 3]);
    for _ in 0..60 {
        let mut any =
            || configuration(Kind::Certain).new_tree(&mut runner).expect("there are some").current();
        let (Ok(old), Ok(new)) = (load_text("old", &any()), load_text("new", &any())) else { continue };
        valid += 1;
        differences += diff(&old.config.ruleset, &new.config.ruleset).found.len();
        for key in packets(&old.config.ruleset) {
            for edit in edits(&old.config.ruleset, &key) {
                advised[match edit.change {
                    EditChange::Widen { .. } => 0,
                    EditChange::Narrow { .. } => 1,
                    EditChange::Add { .. } => 2,
                }] += 1;
            }
        }
    }
    assert!(
        valid > 10 && differences > 50 && advised.iter().all(|count| *count > 10),
        "{valid} {differences} {advised:?}"
    );
}
