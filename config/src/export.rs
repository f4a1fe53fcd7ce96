//! A configuration's rules as one document, which loads again as the same rules: the order in which they are
//! tried, after overlays, sets and files of addresses.

use std::{collections::BTreeMap, sync::Arc};

use portcullis_rules::{
    AddressSet, ByteSet, Field, Hook, LogDetail, Match, Protocol, Rule, RuleId, Words, address_range,
    toml_string,
};
use serde_json::{Map, Value, json};

use crate::{Config, Mode, Schedule, Validity, problem::escape};

/// Longer lists have a line for each value.
const LONG: usize = 8;

impl Config {
    /// Mode, policy, sets, rules and tests as TOML. Settings are no rules: they are left out.
    pub fn rules_as_toml(&self) -> String {
        let Document { mode, policy, sets, rules, tests } = Document::of(self);
        let mut text = format!("mode = {mode}\n\n[policy]\n");
        text += &keys(&policy);
        for (name, members) in &sets {
            text += &format!("\n[sets.{name}]\n{}", keys(members));
        }
        for (rule, keys_of_rule) in self.ruleset.rules.iter().zip(&rules) {
            text += &format!("\n# {}\n[[rule]]\n{}", escape(&rule.place.to_string()), keys(keys_of_rule));
        }
        for test in &tests {
            text += &format!("\n[[test]]\n{}", keys(test));
        }
        text
    }

    /// The same as JSON, where each rule says also its `file` and `line`.
    pub fn rules_as_json(&self) -> Value {
        let Document { mode, policy, sets, rules, tests } = Document::of(self);
        let placed = self.ruleset.rules.iter().zip(rules).map(|(rule, mut keys)| {
            keys.push(("file", json!(*rule.place.file)));
            keys.push(("line", json!(rule.place.line)));
            object(keys)
        });
        let sets: Map<String, Value> = sets.into_iter().map(|(name, keys)| (name, object(keys))).collect();
        json!({ "mode": mode, "policy": object(policy), "sets": sets, "rule": placed.collect::<Vec<_>>(),
            "test": tests.into_iter().map(object).collect::<Vec<_>>() })
    }

    /// The name of a set that holds just these addresses, because the rule took them from there.
    pub fn set_name(&self, addresses: &Arc<AddressSet>) -> Option<&Arc<str>> {
        self.sets.iter().find(|(_, set)| Arc::ptr_eq(set, addresses)).map(|(name, _)| name)
    }
}

type Keys = Vec<(&'static str, Value)>;

struct Document {
    mode: Value,
    policy: Keys,
    sets: BTreeMap<String, Keys>,
    rules: Vec<Keys>,
    tests: Vec<Keys>,
}

impl Document {
    fn of(config: &Config) -> Self {
        // Destructured, so that a new part of the language does not compile until it is exported or left out.
        let Config {
            mode,
            when_enabled,
            time: _,
            ruleset,
            sets,
            validities: _,
            queue: _,
            hook: _,
            log: _,
            detect: _,
            tests,
        } = config;
        let policy = Hook::ALL
            .into_iter()
            .filter_map(|hook| Some((hook.name(), json!(ruleset.policy.at(hook)?.name()))));
        let policy = policy.collect();
        let mode = match mode {
            _ if *when_enabled => "when-enabled",
            Mode::Enforce => "enforce",
            Mode::Monitor => "monitor",
        };
        let mut named: BTreeMap<String, Keys> = sets
            .iter()
            .map(|(name, set)| {
                let words = Words { field: Field::Source, values: set.ranges().map(address_range).collect() };
                (name.to_string(), vec![("addresses", list(&words))])
            })
            .collect();
        let nothing = Nothing::unlike(&named);
        let numbered = (0..).map(RuleId).zip(&ruleset.rules);
        let rules: Vec<Keys> =
            numbered.map(|(id, rule)| rule_keys(config, rule, config.validity(id), &nothing)).collect();
        let is_needed = |name: &str| {
            let reference = json!(format!("@{name}"));
            rules.iter().flatten().any(|(_, value)| *value == reference)
        };
        for (name, key) in [(&nothing.address, "addresses"), (&nothing.port, "ports")] {
            if is_needed(name) {
                named.insert(name.clone(), vec![(key, json!([]))]);
            }
        }
        let tests = tests.iter().map(|test| {
            let mut keys: Keys = vec![("packet", json!(test.packet)), ("expect", json!(test.expect.name()))];
            keys.extend(test.at.map(|at| ("at", json!(at.to_string()))));
            keys
        });
        Self { mode: json!(mode), policy, sets: named, rules, tests: tests.collect() }
    }
}

/// Names for the sets that hold nothing.
struct Nothing {
    address: String,
    port: String,
}

impl Nothing {
    fn unlike(taken: &BTreeMap<String, Keys>) -> Self {
        let free = |name: &str| {
            let others = (2..).map(|number| format!("{name}-{number}"));
            let mut names = std::iter::once(name.to_owned()).chain(others);
            names.find(|name| !taken.contains_key(name)).unwrap_or_default()
        };
        Self { address: free("no-address"), port: free("no-port") }
    }
}

fn rule_keys(config: &Config, rule: &Rule, validity: Option<&Validity>, nothing: &Nothing) -> Keys {
    // What a rule matches is said by its words; the rest is destructured, so that nothing new is forgotten.
    let Rule {
        name,
        hooks: _,
        matches,
        action,
        log,
        failsafe,
        rate,
        standing: _,
        excluding: _,
        comment,
        place: _,
    } = rule;
    let mut keys = vec![("name", json!(**name))];
    for mut words in rule.words() {
        let set = match words.field {
            Field::Source => matches.source.as_ref().and_then(|set| config.set_name(set)),
            Field::Destination => matches.destination.as_ref().and_then(|set| config.set_name(set)),
            _ => None,
        };
        if let Some(name) = set {
            words.values = vec![format!("@{name}")];
        } else if words.values.is_empty() {
            let address = matches!(words.field, Field::Source | Field::Destination);
            words.values = vec![format!("@{}", if address { &nothing.address } else { &nothing.port })];
        }
        if words.field == Field::Protocol && names_part_of(rule) {
            words.values.extend(harmless(matches.protocol.as_ref()));
        }
        keys.push((words.field.name(), list(&words)));
    }
    keys.push(("action", json!(action.name())));
    match log {
        LogDetail::Summary => {}
        LogDetail::None => keys.push(("log", json!("none"))),
        LogDetail::Every => keys.push(("log", json!("every"))),
    }
    keys.extend(failsafe.then_some(("failsafe", json!(true))));
    keys.extend(rate.map(|rate| ("rate", json!(rate.to_string()))));
    if let Some(Validity { expires, schedule }) = validity {
        keys.extend(expires.map(|expires| ("expires", json!(expires.to_string()))));
        if let Some(Schedule { any_of, none_of }) = schedule {
            let any_of = any_of.iter().map(ToString::to_string);
            let times = any_of.chain(none_of.iter().map(|hours| format!("!{hours}")));
            keys.push(("schedule", times.collect()));
        }
    }
    keys.extend(comment.as_ref().map(|comment| ("comment", json!(**comment))));
    keys
}

/// Whether the rule names a part that packets of some of its protocols lack.
fn names_part_of(rule: &Rule) -> bool {
    let Match { protocol, source_port, port, icmp_type, tcp_flags, .. } = &rule.matches;
    let lacks = |number: u8| {
        let protocol = Protocol(number);
        (port.is_some() || source_port.is_some()) && !protocol.has_ports()
            || icmp_type.is_some() && !protocol.is_icmp()
            || tcp_flags.is_some() && protocol != Protocol::TCP
    };
    protocol.is_some_and(|protocols| protocols.iter().any(lacks))
}

/// Whoever names protocols and a part that some of them lack is told so, unless he excludes a protocol: this
/// excludes one that is not among them anyway.
fn harmless(protocols: Option<&ByteSet>) -> Option<String> {
    let missing = protocols?.complement().iter().next()?;
    Some(format!("!{}", Protocol(missing)))
}

/// One value, or a list of them.
fn list(words: &Words) -> Value {
    let value = |value: &String| match value.parse::<u32>() {
        Ok(number) if words.is_bare(value) => json!(number),
        _ => json!(value),
    };
    match &words.values[..] {
        [one] => value(one),
        all => all.iter().map(value).collect(),
    }
}

fn object(keys: Keys) -> Value {
    Value::Object(keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// As lines of TOML.
fn keys(keys: &Keys) -> String {
    let lines = keys.iter().map(|(key, value)| format!("{key} = {}\n", toml(value)));
    lines.collect()
}

fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => toml_string(text),
        Value::Array(all) if all.len() > LONG => {
            let lines: String = all.iter().map(|value| format!("    {},\n", toml(value))).collect();
            format!("[\n{lines}]")
        }
        Value::Array(all) => format!("[{}]", all.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
