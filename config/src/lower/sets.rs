//! `[sets.NAME]`: named addresses and ports.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
    sync::Arc,
};

use portcullis_rules::{AddressSet, RangeSet, Rule};

use super::{
    Literals, Vocabulary, address, list,
    one::{one, text},
    port,
};
use crate::{
    files::Files,
    names::Lookup,
    problem::{FileErrors, Problems, SetKind, SetProblem, Span, Wanted},
    suggest::nearest,
    written::{self, File, Many, Stanza},
};

/// The sets of a configuration, by name.
#[derive(Debug, Default)]
pub(crate) struct Sets(BTreeMap<String, Set>);

#[derive(Debug)]
struct Set {
    contents: Contents,
    defined: Span,
}

#[derive(Debug)]
enum Contents {
    Addresses(Arc<AddressSet>),
    Ports(RangeSet<u16>),
    /// It is wrong, which is reported; whoever refers to it is not to blame.
    Broken,
}

impl Sets {
    pub(super) fn addresses(&self, name: &str) -> Result<Arc<AddressSet>, SetProblem> {
        let set = self.find(name)?;
        match &set.contents {
            Contents::Addresses(addresses) => Ok(addresses.clone()),
            Contents::Ports(_) => Err(set.wrong_kind(name, SetKind::Ports)),
            Contents::Broken => Ok(Arc::default()),
        }
    }

    pub(super) fn ports(&self, name: &str) -> Result<RangeSet<u16>, SetProblem> {
        let set = self.find(name)?;
        match &set.contents {
            Contents::Ports(ports) => Ok(ports.clone()),
            Contents::Addresses(_) => Err(set.wrong_kind(name, SetKind::Addresses)),
            Contents::Broken => Ok(RangeSet::default()),
        }
    }

    /// The sets of addresses that these rules share, each by its first name.
    pub(super) fn named_by(&self, rules: &[Rule]) -> Vec<(Arc<str>, Arc<AddressSet>)> {
        let ends = |rule: &Rule| [rule.matches.source.clone(), rule.matches.destination.clone()];
        let used: HashSet<*const AddressSet> =
            rules.iter().flat_map(ends).flatten().map(|set| Arc::as_ptr(&set)).collect();
        let mut named: HashSet<*const AddressSet> = HashSet::new();
        let mut is_first_use =
            |set: &Arc<AddressSet>| used.contains(&Arc::as_ptr(set)) && named.insert(Arc::as_ptr(set));
        let sets = self.0.iter().filter_map(|(name, set)| match &set.contents {
            Contents::Addresses(addresses) => Some((Arc::from(name.as_str()), Arc::clone(addresses))),
            Contents::Ports(_) | Contents::Broken => None,
        });
        sets.filter(|(_, set)| is_first_use(set)).collect()
    }

    /// The reference to the set of this name: what was meant by the name alone.
    pub(super) fn near_reference(&self, name: &str) -> Option<String> {
        self.0.contains_key(name).then(|| format!("@{name}"))
    }

    fn find(&self, name: &str) -> Result<&Set, SetProblem> {
        self.0.get(name).ok_or_else(|| SetProblem::Undefined {
            name: name.into(),
            nearest: nearest(name, self.0.keys().map(String::as_str)),
        })
    }
}

impl Set {
    fn wrong_kind(&self, name: &str, holds: SetKind) -> SetProblem {
        SetProblem::WrongKind { name: name.into(), holds, defined: self.defined.clone() }
    }
}

/// A set as written, and where its name stands.
#[derive(Debug, Clone, Copy)]
struct Written<'a> {
    errors: FileErrors<'a>,
    name: &'a toml::Spanned<String>,
    set: Option<&'a Stanza<written::Set>>,
}

/// Resolves all sets, those first to which others refer.
pub(crate) fn sets(files: &[File], reader: &mut Files<'_>, names: &Lookup<'_>, problems: &Problems) -> Sets {
    let mut waiting = defined(files, problems);
    let mut done = Sets::default();
    while !waiting.is_empty() {
        let is_ready = |written: &Written<'_>| !references(written).any(|name| waiting.contains_key(name));
        let ready: BTreeSet<&str> =
            waiting.iter().filter(|(_, written)| is_ready(written)).map(|(&name, _)| name).collect();
        let in_cycle = ready.is_empty().then(|| cycle(&waiting));
        for &name in ready.iter().chain(in_cycle.iter().flatten()) {
            let Some(written) = waiting.remove(name) else { continue };
            let contents = if in_cycle.is_some() {
                Contents::Broken
            } else {
                // Not those of rules: a rule that names a set's only address does not name the set.
                let vocabulary = Vocabulary { names, sets: &done, literals: &Literals::default() };
                contents(&written, &vocabulary, reader).unwrap_or(Contents::Broken)
            };
            let defined = written.errors.span(written.name.span());
            done.0.insert(name.into(), Set { contents, defined });
        }
    }
    done
}

/// All sets by name; of two with the same name the first.
fn defined<'a>(files: &'a [File], problems: &'a Problems) -> BTreeMap<&'a str, Written<'a>> {
    let mut sets: BTreeMap<&str, Written<'_>> = BTreeMap::new();
    for file in files {
        let errors = FileErrors { file: file.id, problems };
        for written::NamedSet { name, set } in &file.sets {
            let text = name.get_ref().as_str();
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
            if text.is_empty() || !text.chars().all(is_plain) {
                errors.report(name.span(), SetProblem::BadName { name: text.into() });
            }
            if let Some(first) = sets.get(text) {
                let first = first.errors.span(first.name.span());
                errors.report(name.span(), SetProblem::Twice { name: text.into(), first });
            } else {
                sets.insert(text, Written { errors, name, set: set.as_ref() });
            }
        }
    }
    sets
}

fn references<'a>(written: &Written<'a>) -> impl Iterator<Item = &'a str> {
    let lists = written.set.map(|set| [&set.body.addresses, &set.body.ports]);
    lists.into_iter().flatten().flatten().flat_map(list::references)
}

/// Sets that contain one another, where every set refers to one that waits; reports them.
fn cycle<'a>(waiting: &BTreeMap<&'a str, Written<'a>>) -> Vec<&'a str> {
    let mut path: Vec<&str> = waiting.keys().copied().take(1).collect();
    while let Some(last) = path.last() {
        let Some(next) = references(&waiting[last]).find(|name| waiting.contains_key(name)) else { break };
        if let Some(start) = path.iter().position(|&name| name == next) {
            path.drain(..start);
            break;
        }
        path.push(next);
    }
    let names = path.iter().chain(path.first()).map(|&name| name.to_owned()).collect();
    let first = &waiting[path[0]];
    first.errors.report(first.name.span(), SetProblem::Cycle { names });
    path
}

/// What a set holds; `None` when it cannot be said what, which is reported.
fn contents(written: &Written<'_>, vocabulary: &Vocabulary<'_>, reader: &mut Files<'_>) -> Option<Contents> {
    let Written { errors, set, .. } = *written;
    let Stanza { body, header, has_strangers, .. } = set?;
    // One that is empty for now says so.
    let is_empty = |list: &Many| written::members(list).is_empty();
    let addresses = |list: &Many| match is_empty(list) {
        true => Some(Arc::default()),
        false => list::set(list, errors, |word| address::addresses(word, vocabulary)),
    };
    let ports = |list: &Many| match is_empty(list) {
        true => Some(RangeSet::default()),
        false => list::set(list, errors, |word| port::ports(word, vocabulary)),
    };
    match (&body.addresses, &body.ports, &body.file) {
        (Some(list), None, None) => addresses(list).map(Contents::Addresses),
        (None, Some(list), None) => ports(list).map(Contents::Ports),
        (None, None, Some(file)) => from_file(file, reader, errors).map(Contents::Addresses),
        (None, None, None) if *has_strangers => None,
        _ => {
            errors.report(header.range.clone(), SetProblem::Contents);
            None
        }
    }
}

/// The addresses in a file, whose path is relative to the file that names it; `None` where there are none
/// to be had, which is reported.
fn from_file(file: &written::One, reader: &mut Files<'_>, errors: FileErrors<'_>) -> Option<Arc<AddressSet>> {
    let path = one(Some(file), errors, |value| text(Wanted::Path)(value).map(String::from))?;
    let naming = reader.sources.get(errors.file).path.clone();
    let path = Path::new(&*naming).parent().unwrap_or_else(|| Path::new("")).join(path);
    match reader.read_list(&path, errors.problems) {
        Ok(set) => set,
        Err(problem) => {
            errors.report(file.span(), problem);
            None
        }
    }
}
