//! From text to the written form: one parse, then section by section and key by key, so that one
//! mistake does not hide the next.

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue, ValueDeserializer},
};

use super::{Ban, Detect, File, NamedSet, Section, Stanza};
use crate::{
    lines::Lines,
    problem::{FileErrors, KeyProblem, SyntaxProblem},
    suggest::nearest,
};

/// What a file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Main,
    /// Rules, sets and tests.
    Overlay,
}

type Key<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;

/// Reads a file, reporting everything that does not belong in it.
pub(crate) fn read(text: &str, role: Role, errors: FileErrors<'_>) -> File {
    let (table, mistakes) = DeTable::parse_recoverable(text);
    for mistake in mistakes {
        let span = mistake.span().unwrap_or_default();
        errors.report(span.clone(), SyntaxProblem::new(mistake.message(), text, &errors.span(span)));
    }
    let reader = Reader { lines: Lines::of(text), errors };
    let mut file = File::empty(errors.file);
    for (key, value) in table.into_inner() {
        reader.top_level(&mut file, role, key, value);
    }
    file
}

struct Reader<'a> {
    lines: Lines,
    errors: FileErrors<'a>,
}

impl Reader<'_> {
    fn top_level(&self, file: &mut File, role: Role, key: Key<'_>, value: Value<'_>) {
        match (key.as_ref().as_ref(), role) {
            ("rule", _) => file.rules = self.list(Section::Rule, &key, value),
            ("test", _) => file.tests = self.list(Section::Test, &key, value),
            ("sets", _) => file.sets = self.sets(&key, value),
            ("mode", Role::Main) => file.mode = self.deserialize(value),
            ("policy", Role::Main) => file.policy = self.stanza(Section::Policy, value),
            ("queue", Role::Main) => file.queue = self.stanza(Section::Queue, value),
            ("hook", Role::Main) => file.hook = self.stanza(Section::Hook, value),
            ("log", Role::Main) => file.log = self.stanza(Section::Log, value),
            ("detect", Role::Main) => (file.detect, file.ban) = self.detect(value),
            (name, Role::Overlay) if Section::Top.keys().contains(&name) => {
                let is_table = value.as_ref().is_table();
                self.errors.report(key.span(), KeyProblem::MainOnly { key: name.into(), is_table });
            }
            _ => self.unknown(Section::Top, &key),
        }
    }

    /// `[section]`.
    fn stanza<T: DeserializeOwned>(&self, section: Section, value: Value<'_>) -> Option<Stanza<T>> {
        let header = self.errors.span(value.span());
        let line = self.lines.number(header.range.start);
        let DeValue::Table(mut table) = value.into_inner() else {
            self.errors.report(header.range, KeyProblem::NotASection { section });
            return None;
        };
        let known = section.keys();
        let strangers: Vec<Key<'_>> =
            table.keys().filter(|key| !known.contains(&key.as_ref().as_ref())).cloned().collect();
        for key in &strangers {
            self.unknown(section, key);
            table.remove(key);
        }
        let body = self.deserialize(Spanned::new(header.range.clone(), DeValue::Table(table)))?;
        Some(Stanza { body, header, line, has_strangers: !strangers.is_empty() })
    }

    /// `[detect]`, and `[detect.ban]` in it.
    fn detect(&self, mut value: Value<'_>) -> (Option<Stanza<Detect>>, Option<Stanza<Ban>>) {
        let ban = match value.get_mut() {
            DeValue::Table(table) => table.remove("ban"),
            _ => None,
        };
        (self.stanza(Section::Detect, value), ban.and_then(|ban| self.stanza(Section::Ban, ban)))
    }

    /// `[[section]]`, again and again.
    fn list<T: DeserializeOwned>(&self, section: Section, key: &Key<'_>, value: Value<'_>) -> Vec<Stanza<T>> {
        let DeValue::Array(tables) = value.into_inner() else {
            self.errors.report(key.span(), KeyProblem::NotRepeated { section });
            return Vec::new();
        };
        tables.into_iter().filter_map(|table| self.stanza(section, table)).collect()
    }

    /// `[sets.NAME]`, each name once.
    fn sets(&self, key: &Key<'_>, value: Value<'_>) -> Vec<NamedSet> {
        let DeValue::Table(sets) = value.into_inner() else {
            self.errors.report(key.span(), KeyProblem::NotASection { section: Section::Set });
            return Vec::new();
        };
        let named = sets.into_iter().map(|(name, set)| NamedSet {
            name: Spanned::new(name.span(), name.into_inner().into_owned()),
            set: self.stanza(Section::Set, set),
        });
        named.collect()
    }

    /// Every value has a written form, except numbers that no machine holds.
    fn deserialize<T: DeserializeOwned>(&self, value: Value<'_>) -> Option<T> {
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(written) => Some(written),
            Err(error) => {
                self.errors.report(error.span().unwrap_or(span), KeyProblem::NumberTooLarge);
                None
            }
        }
    }

    fn unknown(&self, section: Section, key: &Key<'_>) {
        let name = key.as_ref().as_ref();
        let problem = KeyProblem::Unknown {
            section,
            key: name.into(),
            nearest: nearest(name, section.keys().iter().copied()),
            elsewhere: section.elsewhere(name),
        };
        self.errors.report(key.span(), problem);
    }
}
