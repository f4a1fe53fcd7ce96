use std::fs;

use jsonschema::Validator;
use portcullis_config::{DEFAULT, schema};
use serde_json::Value;

use super::configurations;

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("it is a schema")
}

/// A text as editors give it to a schema, where dates are strings.
fn value(text: &str) -> Option<Value> {
    toml::from_str(text).ok().map(with_dates)
}

fn with_dates(value: Value) -> Value {
    match value {
        Value::Object(map) => match map.iter().next() {
            Some((key, date)) if key.starts_with("$__toml_private") => date.clone(),
            _ => Value::Object(map.into_iter().map(|(key, value)| (key, with_dates(value))).collect()),
        },
        Value::Array(list) => Value::Array(list.into_iter().map(with_dates).collect()),
        other => other,
    }
}

#[test]
fn good_configurations_fit_the_schema() {
    let schema = validator();
    let files =
        configurations("tests/good").into_iter().map(|path| fs::read_to_string(path).expect("a text"));
    for text in files.chain([DEFAULT.to_owned()]) {
        let value = value(&text).expect("it is TOML");
        let faults: Vec<String> =
            schema.iter_errors(&value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{faults:#?}\n{text}");
    }
}

/// Not all mistakes are ones that a schema can see; those in the form of a file are.
#[test]
fn bad_forms_do_not_fit_it() {
    let schema = validator();
    let seen = [
        "key_unknown",
        "key_unknown_top",
        "key_elsewhere",
        "rule_missing",
        "set_contents",
        "rates",
        "lists_empty",
        "policy_action",
        "log_more",
        "detect_ban_shape",
        "value_kinds",
        "words",
        "key_number_too_large",
    ];
    for name in seen {
        let text = fs::read_to_string(format!("tests/bad/{name}.toml")).expect("a text");
        if let Some(value) = value(&text) {
            assert!(!schema.is_valid(&value), "{name}");
        }
    }
}

#[test]
fn editors_are_told_what_there_is() {
    let schema = schema();
    let rule = &schema["properties"]["rule"]["items"];
    assert_eq!(rule["properties"]["action"]["enum"], serde_json::json!(["accept", "drop", "reject"]));
    assert_eq!(rule["additionalProperties"], false);
    let rate = rule["properties"]["rate"]["description"].as_str().expect("a description");
    assert!(rate.starts_with("How many new flows it lets through") && rate.contains("burst 20"), "{rate}");
}
