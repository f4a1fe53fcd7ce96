//! An edit of the rules, for a person.

use portcullis_rules::{Edit, EditChange, Field, Rule, Ruleset, Words};

/// More values of a list than these are counted, not shown.
const MOST_VALUES: usize = 6;

/// What to do to `ruleset`, in one line.
pub fn edit_in_words(ruleset: &Ruleset, edit: &Edit) -> String {
    let value = |field: Field, value: &str| {
        let words = Words { field, values: vec![value.to_owned()] }.toml(1);
        words.split_once(" = ").map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    match &edit.change {
        EditChange::Widen { rule, field, value: added } => {
            format!(
                "add {} to the {} of {}",
                value(*field, added),
                field.name(),
                rule_in_words(ruleset.rule(*rule))
            )
        }
        EditChange::Narrow { rule, field, value: taken } => {
            let taken = value(*field, &format!("!{taken}"));
            format!("add {taken} to the {} of {}", field.name(), rule_in_words(ruleset.rule(*rule)))
        }
        EditChange::Add { words, action, before } => {
            let words: Vec<String> = words.iter().map(|words| words.toml(MOST_VALUES)).collect();
            let place =
                before.map_or_else(String::new, |id| format!(" before {}", rule_in_words(ruleset.rule(id))));
            format!("add a rule{place}: {}, action = \"{action}\"", words.join(", "))
        }
    }
}

/// A rule, and where it is written.
pub fn rule_in_words(rule: &Rule) -> String {
    format!("rule \"{}\" ({})", rule.name, rule.place)
}
