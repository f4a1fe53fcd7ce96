//! The text of a configuration.

use std::collections::BTreeSet;

use portcullis_config::load_text;
use portcullis_rules::toml_string;

use super::{
    Chain, Imported, Item, Left,
    rule::{FIELDS, Family, Translated, Values},
};

const HOOKS: [&str; 3] = ["input", "output", "forward"];

pub(super) fn written(imported: &Imported) -> String {
    let mut text = "# Made by: portcullis import\n".to_owned();
    for left in imported.left.iter().filter(|left| left.line == 0) {
        text += &format!("# {left}\n");
    }
    text += "\n[policy]\n";
    for (chain, hook) in imported.chains.iter().zip(HOOKS) {
        if let Some(policy) = chain.policy {
            text += &format!("{hook} = \"{}\"\n", policy.name());
        }
    }
    let mut names = BTreeSet::new();
    for (Chain { items, .. }, hook) in imported.chains.iter().zip(HOOKS) {
        for item in items {
            text.push('\n');
            match item {
                Item::Rule(rule) => text += &stanza(rule, hook, &name(rule, hook, &mut names)),
                Item::Left(left) if left.why.is_harmless() => text += &format!("# left out, {left}\n"),
                Item::Left(left) => text += &format!("# NOT TRANSLATED, {left}\n"),
            }
        }
    }
    text
}

impl Imported {
    /// All that was not translated, or not in the same way, in the order of the input.
    pub fn all_left(&self) -> Vec<&Left> {
        let of_items = self.chains.iter().flat_map(|chain| &chain.items).filter_map(|item| match item {
            Item::Left(left) => Some(left),
            Item::Rule(_) => None,
        });
        let mut all: Vec<&Left> = self.left.iter().chain(of_items).collect();
        all.sort_by_key(|left| left.line);
        all.dedup();
        all
    }

    /// How many rules came of it.
    pub fn rules(&self) -> usize {
        let items = self.chains.iter().flat_map(|chain| &chain.items);
        items.filter(|item| matches!(item, Item::Rule(_))).count()
    }
}

/// What our own reader has to say against a rule.
pub(super) fn complaint(rule: &Translated, base: &str) -> Option<String> {
    let hook = base.to_lowercase();
    let text = format!("[policy]\n{hook} = \"drop\"\n{}", stanza(rule, &hook, "rule"));
    let report = load_text("import", &text).err()?;
    let said = report.to_string();
    let first = said.lines().next().unwrap_or_default();
    Some(first.strip_prefix("error: ").unwrap_or(first).to_owned())
}

/// Its comment, or where it comes from; unique, as names have to be.
fn name(rule: &Translated, hook: &str, taken: &mut BTreeSet<String>) -> String {
    let from = format!("{hook}, line {}", rule.line);
    let comment = rule.comment.as_deref().filter(|comment| is_name(comment));
    let wanted = comment.unwrap_or(&from);
    let more = (1..).map(|count| match (comment, count) {
        (_, 1) => wanted.to_owned(),
        (Some(_), 2) => from.clone(),
        (_, count) => format!("{from} ({count})"),
    });
    more.into_iter().find(|name| taken.insert(name.clone())).unwrap_or(from)
}

/// Whether our own reader takes it for a rule's name.
fn is_name(text: &str) -> bool {
    let rule =
        format!("[policy]\ninput = \"drop\"\n[[rule]]\nname = {}\naction = \"accept\"", toml_string(text));
    load_text("import", &rule).is_ok()
}

fn stanza(rule: &Translated, hook: &str, name: &str) -> String {
    let Translated { line: _, comment: _, fields, flags, verb, rate, family } = rule;
    let mut text = format!("[[rule]]\nname = {}\nhook = \"{hook}\"\n", toml_string(name));
    let pinned = pin(fields, *family);
    for field in FIELDS {
        let Some((_, values)) = pinned.iter().find(|(name, _)| *name == field) else { continue };
        if values.is_empty() {
            continue;
        }
        let any_of = values.any_of.iter().flatten().map(|value| scalar(field, value));
        let none_of = values.none_of.iter().map(|value| toml_string(&format!("!{value}")));
        let all: Vec<String> = any_of.chain(none_of).collect();
        text += &match all.as_slice() {
            [one] => format!("{field} = {one}\n"),
            many => format!("{field} = [{}]\n", many.join(", ")),
        };
    }
    if let Some(flags) = flags {
        text += &format!("tcp-flags = {}\n", toml_string(flags));
    }
    text += &format!("action = \"{}\"\n", verb.name());
    match rate {
        Some(rate) => text + &format!("rate = {}\n", toml_string(rate)),
        None => text,
    }
}

/// A rule that is for one family says so, unless its addresses or its protocol do.
fn pin(fields: &[(&'static str, Values)], family: Option<Family>) -> Vec<(&'static str, Values)> {
    let mut fields = fields.to_vec();
    let Some(family) = family else { return fields };
    let says_so = fields.iter().any(|(name, values)| {
        values.any_of.as_ref().is_some_and(|any_of| match *name {
            "source" | "destination" => true,
            "protocol" => any_of.iter().all(|protocol| matches!(protocol.as_str(), "icmp" | "icmpv6")),
            _ => false,
        })
    });
    if !says_so {
        let all = if family == Family::V4 { "0.0.0.0/0" } else { "::/0" };
        match fields.iter_mut().find(|(name, _)| *name == "source") {
            Some((_, values)) => values.any_of = Some(vec![all.to_owned()]),
            None => {
                fields.push(("source", Values { any_of: Some(vec![all.to_owned()]), none_of: Vec::new() }))
            }
        }
    }
    fields
}

/// Ports, protocols and users that are numbers are written as such.
fn scalar(field: &str, value: &str) -> String {
    let numeric = matches!(field, "port" | "source-port" | "protocol" | "user");
    if numeric && value.parse::<u32>().is_ok() { value.to_owned() } else { toml_string(value) }
}
