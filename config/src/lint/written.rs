//! What can only be seen in the text: where rules and sets stand, and what is left out.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_rules::{Action, Finding, Rule, RuleId, Ruleset};

use super::{Warning, empty::empty_sets, hooks};
use crate::{
    Loaded,
    problem::{FileErrors, Problems, Quoted, Span},
    sources::FileId,
    written::{self, File, Role, Scalar},
};

/// The texts of a valid configuration, read once more for what they look like.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// By file and line of their headers.
    rules: BTreeMap<(String, u32), WrittenRule>,
    /// By name.
    sets: BTreeMap<String, Span>,
    empty_sets: BTreeSet<String>,
    referred_to: BTreeSet<String>,
}

#[derive(Debug)]
struct WrittenRule {
    /// Of its name.
    at: Span,
    names_hook: bool,
    /// The sets that it names.
    sets: BTreeSet<String>,
}

impl Written {
    pub(super) fn read(Loaded { sources, config, .. }: &Loaded) -> Self {
        let mut read = Self::default();
        let mut definitions = BTreeMap::new();
        let problems = Problems::default();
        for (number, source) in sources.files().iter().enumerate() {
            if source.is_list() {
                continue;
            }
            let Some(id) = sources.find(std::path::Path::new(&*source.path)) else { continue };
            let role = if number == 0 { Role::Main } else { Role::Overlay };
            let file = written::read(source.text(), role, FileErrors { file: id, problems: &problems });
            let table = source.text().parse::<toml::Table>().unwrap_or_default();
            read.take(&file, id, &source.path, &table);
            table.values().for_each(|value| references(value, &mut read.referred_to));
            if let Some(toml::Value::Table(sets)) = table.get("sets") {
                definitions.extend(sets.clone());
            }
        }
        // Only files' sets are known to be empty by what is in them.
        let without_a_line = config.sets.iter().filter(|(_, addresses)| addresses.is_empty());
        let without_a_line = without_a_line.map(|(name, _)| name.to_string());
        read.empty_sets = empty_sets(&definitions, without_a_line.collect());
        read
    }

    fn take(&mut self, file: &File, id: FileId, path: &str, table: &toml::Table) {
        let tables = table.get("rule").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        for (rule, table) in file.rules.iter().zip(tables) {
            let name = rule.body.name.as_ref().filter(|name| matches!(name.get_ref(), Scalar::Text(_)));
            let span = match name {
                Some(name) => Span { file: id, range: name.span() },
                None => rule.header.clone(),
            };
            let mut sets = BTreeSet::new();
            references(table, &mut sets);
            let written = WrittenRule { at: span, names_hook: rule.body.hook.is_some(), sets };
            self.rules.insert((path.to_owned(), rule.line), written);
        }
        for set in &file.sets {
            let span = Span { file: id, range: set.name.span() };
            self.sets.insert(set.name.get_ref().clone(), span);
        }
    }

    fn rule(&self, rule: &Rule) -> Option<&WrittenRule> {
        self.rules.get(&(rule.place.file.to_string(), rule.place.line))
    }

    /// Where the rule's name stands.
    pub(super) fn place(&self, ruleset: &Ruleset, id: RuleId) -> Option<Span> {
        self.rule(ruleset.rule(id)).map(|rule| rule.at.clone())
    }

    pub(super) fn names_empty_set(&self, ruleset: &Ruleset, id: RuleId) -> bool {
        self.rule(ruleset.rule(id)).is_some_and(|rule| !rule.sets.is_disjoint(&self.empty_sets))
    }

    /// Empty sets, with the rules that name them; of those that match nothing, `findings` tell.
    pub(super) fn empty_sets(&self, ruleset: &Ruleset, findings: &[Finding]) -> Vec<Warning> {
        let idle: BTreeSet<RuleId> = findings
            .iter()
            .filter(|finding| matches!(finding, Finding::Impossible { .. }))
            .map(Finding::rule)
            .collect();
        let warning = |(name, at): (&String, &Span)| {
            let others = (0..).map(RuleId).zip(&ruleset.rules).filter_map(|(id, rule)| {
                let written = self.rule(rule).filter(|written| written.sets.contains(name))?;
                let label = if idle.contains(&id) { "matches nothing" } else { "names it, to no effect" };
                Some((rule.name.to_string(), Some(written.at.clone()), label.to_owned()))
            });
            Warning {
                kind: "empty-set",
                title: format!("the set {} is empty", Quoted(name)),
                at: Some(at.clone()),
                others: others.collect(),
                help: Some("give it members, or take it out".to_owned()),
                ..Warning::default()
            }
        };
        let empty = |name: &String| self.empty_sets.contains(name) && self.referred_to.contains(name);
        self.sets.iter().filter(|(name, _)| empty(name)).map(warning).collect()
    }

    pub(super) fn unused_sets(&self) -> impl Iterator<Item = Warning> {
        let unused = self.sets.iter().filter(|(name, _)| !self.referred_to.contains(*name));
        unused.map(|(name, span)| Warning {
            kind: "unused-set",
            title: format!("the set {} is not used", Quoted(name)),
            at: Some(span.clone()),
            help: Some(format!("write \"@{name}\" where its members are meant, or take it out")),
            ..Warning::default()
        })
    }

    /// Rules that accept at several hooks because they name none.
    pub(super) fn hooks_left_out(&self, ruleset: &Ruleset) -> Vec<Warning> {
        let left_out = |rule: &&Rule| {
            let names_none = self.rule(rule).is_some_and(|written| !written.names_hook);
            names_none && rule.action == Action::Accept && rule.hooks.len() > 1
        };
        let warning = |rule: &Rule| Warning {
            kind: "hook-left-out",
            title: format!(
                "rule {} names no hook, and so accepts on {}",
                Quoted(&rule.name),
                hooks(rule.hooks.iter())
            ),
            at: self.rule(rule).map(|written| written.at.clone()),
            rule: Some(rule.name.to_string()),
            help: Some("write hook = \"input\", or a list of all the hooks that are meant".to_owned()),
            ..Warning::default()
        };
        ruleset.rules.iter().filter(left_out).map(warning).collect()
    }
}

/// The sets that are named in a value, whatever key it stands in.
fn references(value: &toml::Value, sets: &mut BTreeSet<String>) {
    match value {
        toml::Value::String(text) => sets.extend(referred_to(text).map(ToOwned::to_owned)),
        toml::Value::Array(values) => values.iter().for_each(|value| references(value, sets)),
        toml::Value::Table(table) => table.values().for_each(|value| references(value, sets)),
        _ => {}
    }
}

/// The set that a text names, perhaps negated.
fn referred_to(text: &str) -> Option<&str> {
    text.strip_prefix('!').unwrap_or(text).trim().strip_prefix('@')
}
