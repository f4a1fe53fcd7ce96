//! What can only be seen in the text: where rules and sets stand, and what is left out.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_rules::{Action, RuleId, Ruleset};

use super::{Warning, hooks};
use crate::{
    Sources,
    problem::{FileErrors, Problems, Quoted, Span},
    sources::FileId,
    written::{self, File, Role, Scalar},
};

/// The texts of a valid configuration, read once more for what they look like.
#[derive(Debug)]
pub(super) struct Written {
    /// By file and line of their headers: where the rule's name stands, and whether it names a hook.
    rules: BTreeMap<(String, u32), (Span, bool)>,
    /// By name.
    sets: BTreeMap<String, Span>,
    referred_to: BTreeSet<String>,
}

impl Written {
    pub(super) fn read(sources: &Sources) -> Self {
        let mut read = Self { rules: BTreeMap::new(), sets: BTreeMap::new(), referred_to: BTreeSet::new() };
        let problems = Problems::default();
        for (number, source) in sources.files().iter().enumerate() {
            if source.is_list() {
                continue;
            }
            let Some(id) = sources.find(std::path::Path::new(&*source.path)) else { continue };
            let role = if number == 0 { Role::Main } else { Role::Overlay };
            let file = written::read(source.text(), role, FileErrors { file: id, problems: &problems });
            read.take(&file, id, &source.path);
            if let Ok(table) = source.text().parse::<toml::Table>() {
                table.values().for_each(|value| read.take_references(value));
            }
        }
        read
    }

    fn take(&mut self, file: &File, id: FileId, path: &str) {
        for rule in &file.rules {
            let name = rule.body.name.as_ref().filter(|name| matches!(name.get_ref(), Scalar::Text(_)));
            let span = match name {
                Some(name) => Span { file: id, range: name.span() },
                None => rule.header.clone(),
            };
            self.rules.insert((path.to_owned(), rule.line), (span, rule.body.hook.is_some()));
        }
        for set in &file.sets {
            let span = Span { file: id, range: set.name.span() };
            self.sets.insert(set.name.get_ref().clone(), span);
        }
    }

    /// Whatever key a reference stands in.
    fn take_references(&mut self, value: &toml::Value) {
        match value {
            toml::Value::String(text) => {
                let reference = text.strip_prefix('!').unwrap_or(text).trim().strip_prefix('@');
                self.referred_to.extend(reference.map(ToOwned::to_owned));
            }
            toml::Value::Array(values) => values.iter().for_each(|value| self.take_references(value)),
            toml::Value::Table(table) => table.values().for_each(|value| self.take_references(value)),
            _ => {}
        }
    }

    /// Where the rule's name stands.
    pub(super) fn place(&self, ruleset: &Ruleset, id: RuleId) -> Option<Span> {
        let place = &ruleset.rule(id).place;
        self.rules.get(&(place.file.to_string(), place.line)).map(|(span, _)| span.clone())
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
        let left_out = |rule: &&portcullis_rules::Rule| {
            let place = (rule.place.file.to_string(), rule.place.line);
            let names_none = self.rules.get(&place).is_some_and(|(_, names_hook)| !names_hook);
            names_none && rule.action == Action::Accept && rule.hooks.len() > 1
        };
        let warning = |rule: &portcullis_rules::Rule| Warning {
            kind: "hook-left-out",
            title: format!(
                "rule {} names no hook, and so accepts on {}",
                Quoted(&rule.name),
                hooks(rule.hooks.iter())
            ),
            at: self.rules.get(&(rule.place.file.to_string(), rule.place.line)).map(|(span, _)| span.clone()),
            rule: Some(rule.name.to_string()),
            help: Some("write hook = \"input\", or a list of all the hooks that are meant".to_owned()),
            ..Warning::default()
        };
        ruleset.rules.iter().filter(left_out).map(warning).collect()
    }
}
