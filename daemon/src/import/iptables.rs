//! What iptables-save and ip6tables-save print: chains that call each other, made flat.

use std::collections::BTreeMap;

use super::{
    Chain, Imported, Item, Left, Why,
    line::words,
    matches::{Conditions, Target, read},
    rule::{Family, Translated, Values, Verb},
    toml,
};

/// Chains that are called from chains that are called…
const DEEPEST: usize = 16;
/// More rules than this come of chains that are called from very many places.
const MOST: usize = 50_000;

/// A `filter` table.
#[derive(Debug, Default)]
struct Table {
    policies: BTreeMap<String, Verb>,
    /// Of each chain: line, and the words after its name.
    chains: BTreeMap<String, Vec<(usize, Vec<String>)>>,
}

pub(super) fn import(text: &str) -> Imported {
    let mut imported = Imported::default();
    let (v4, v6) = tables(text, &mut imported.left);
    if v4.is_none() && v6.is_none() {
        imported.left.push(Left { line: 0, text: String::new(), why: Why::Syntax });
    }
    for (at, name) in ["INPUT", "OUTPUT", "FORWARD"].into_iter().enumerate() {
        let v4 = v4.as_ref().map(|table| Flat::of(table, name, Family::V4));
        let v6 = v6.as_ref().map(|table| Flat::of(table, name, Family::V6));
        imported.chains[at] = merged(v4, v6, &mut imported.left);
    }
    // What is not mentioned is left alone, and so is a forward hook without a rule.
    if imported.chains[2].items.is_empty() && imported.chains[2].policy == Some(Verb::Accept) {
        imported.chains[2].policy = None;
    }
    match (&v4, &v6) {
        (Some(_), None) => imported.left.push(one_family(Family::V4)),
        (None, Some(_)) => imported.left.push(one_family(Family::V6)),
        _ => {}
    }
    imported
}

const fn one_family(family: Family) -> Left {
    Left { line: 0, text: String::new(), why: Why::OneFamily(family) }
}

/// The filter tables of both families; the tool's name stands above its output.
fn tables(text: &str, left: &mut Vec<Left>) -> (Option<Table>, Option<Table>) {
    let (mut v4, mut v6) = (None, None);
    let (mut family, mut table) = (Family::V4, String::new());
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line.trim())) {
        let mut leave = |why| left.push(Left { line: number, text: line.to_owned(), why });
        if let Some(remark) = line.strip_prefix('#') {
            if remark.contains("ip6tables-save") {
                family = Family::V6;
            } else if remark.contains("iptables-save") {
                family = Family::V4;
            }
        } else if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
            if name == "filter" {
                let of = if family == Family::V4 { &mut v4 } else { &mut v6 };
                of.get_or_insert_with(Table::default);
            }
        } else if line.is_empty() || line == "COMMIT" {
        } else if table != "filter" {
            // Our own chain, which the daemon makes itself.
            if line.starts_with("-A") && !line.contains("PORTCULLIS") {
                leave(Why::Table(table.clone()));
            }
        } else {
            let of = if family == Family::V4 { &mut v4 } else { &mut v6 };
            match of.as_mut().is_some_and(|of| of.read(number, line)) {
                true => {}
                false => leave(Why::Syntax),
            }
        }
    }
    (v4, v6)
}

impl Table {
    /// Whether the line could be read.
    fn read(&mut self, number: usize, line: &str) -> bool {
        if let Some(declared) = line.strip_prefix(':') {
            let mut parts = declared.split_whitespace();
            let (Some(chain), Some(policy)) = (parts.next(), parts.next()) else { return false };
            match policy {
                "ACCEPT" => drop(self.policies.insert(chain.to_owned(), Verb::Accept)),
                "DROP" => drop(self.policies.insert(chain.to_owned(), Verb::Drop)),
                _ => {}
            }
            self.chains.entry(chain.to_owned()).or_default();
            return true;
        }
        // Counters of iptables-save --counters.
        let line =
            line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, rule)| rule);
        let mut words = words(line).into_iter();
        let (Some("-A"), Some(chain)) = (words.next().as_deref(), words.next()) else { return false };
        self.chains.entry(chain).or_default().push((number, words.collect()));
        true
    }
}

/// A base chain without calls.
struct Flat<'a> {
    table: &'a Table,
    base: &'static str,
    family: Family,
    policy: Option<Verb>,
    items: Vec<Item>,
}

/// Whether a packet may come to a chain's next rule.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    Back,
}

impl<'a> Flat<'a> {
    fn of(table: &'a Table, base: &'static str, family: Family) -> Self {
        let policy = table.policies.get(base).copied();
        let mut flat = Self { table, base, family, policy, items: Vec::new() };
        flat.chain(base, &Conditions::default(), 0);
        flat
    }

    fn chain(&mut self, name: &str, called_with: &Conditions, depth: usize) {
        let table = self.table;
        let mut left_at = None;
        for (line, words) in table.chains.get(name).into_iter().flatten() {
            let leave =
                |why| Item::Left(Left { line: *line, text: format!("-A {name} {}", words.join(" ")), why });
            if depth > DEEPEST || self.items.len() > MOST {
                self.items.push(leave(Why::TooDeep));
                return;
            }
            if let Some(line) = left_at {
                self.items.push(leave(Why::AfterReturn(line)));
                continue;
            }
            match read(words, called_with, self.base == "OUTPUT") {
                Err(why) => self.items.push(leave(why)),
                Ok((conditions, _)) if conditions.never => {}
                Ok((conditions, target)) => match self.rule(*line, &conditions, called_with, target, depth) {
                    Ok(Goes::On) => {}
                    Ok(Goes::Back) => return,
                    Err(Why::Return) => {
                        left_at = Some(*line);
                        self.items.push(leave(Why::Return));
                    }
                    Err(why) => self.items.push(leave(why)),
                },
            }
        }
    }

    fn rule(
        &mut self,
        line: usize,
        conditions: &Conditions,
        called_with: &Conditions,
        target: Target,
        depth: usize,
    ) -> Result<Goes, Why> {
        // Nothing but what the call asked for, too.
        let always = conditions.fields == called_with.fields && conditions.flags == called_with.flags;
        match target {
            Target::Verdict(verb) => {
                self.items.push(self.translated(line, conditions, verb)?);
                Ok(Goes::On)
            }
            Target::Return if depth == 0 => {
                let verb = self.policy.unwrap_or(Verb::Accept);
                self.items.push(self.translated(line, conditions, verb)?);
                Ok(Goes::On)
            }
            Target::Return if always => Ok(Goes::Back),
            Target::Return => Err(Why::Return),
            Target::Jump(chain) | Target::Goto(chain) if !self.table.chains.contains_key(&chain) => {
                Err(Why::NoSuchTarget(chain))
            }
            Target::Jump(chain) => {
                self.chain(&chain, conditions, depth + 1);
                Ok(Goes::On)
            }
            Target::Goto(chain) if always => {
                self.chain(&chain, conditions, depth + 1);
                Ok(Goes::Back)
            }
            Target::Goto(chain) => Err(Why::NoSuchTarget(format!("-g {chain} under a condition"))),
            Target::Log => Err(Why::Log),
            Target::Nothing => Ok(Goes::On),
            Target::Other(name) => Err(Why::NoSuchTarget(name)),
        }
    }

    fn translated(&self, line: usize, conditions: &Conditions, verb: Verb) -> Result<Item, Why> {
        let is_loopback = |field| {
            conditions
                .values(field)
                .and_then(|values| values.any_of.as_deref())
                .is_some_and(|any_of| any_of == ["lo"])
        };
        if is_loopback("in") || is_loopback("out") {
            return Err(match verb {
                Verb::Accept => Why::Loopback,
                _ => Why::NoSuchMatch("lo: loopback always passes".into()),
            });
        }
        let only_established = conditions.values("state").is_some_and(|values| {
            values.none_of.is_empty()
                && values.any_of.as_deref().is_some_and(|any_of| any_of == ["established"])
        });
        if only_established && verb == Verb::Accept {
            return Err(Why::Established);
        }
        let named = |field: &'static str| match (field, self.base) {
            ("in", "INPUT") | ("out", "OUTPUT") => Ok("interface"),
            ("in", "FORWARD") => Ok("in-interface"),
            ("out", "FORWARD") => Ok("out-interface"),
            ("in" | "out", base) => Err(Why::NoSuchMatch(format!("this interface in {base}"))),
            (other, _) => Ok(other),
        };
        let fields: Result<Vec<(&'static str, Values)>, Why> =
            conditions.fields.iter().map(|(field, values)| Ok((named(field)?, values.clone()))).collect();
        let rule = Translated {
            line,
            comment: conditions.comment.clone(),
            fields: fields?,
            flags: conditions.flags.clone(),
            verb,
            rate: None,
            family: Some(self.family),
        };
        match toml::complaint(&rule, self.base) {
            None => Ok(Item::Rule(rule)),
            Some(what) => Err(Why::Value(what)),
        }
    }
}

/// Both families in one: rules that both have, in the same order, are for both.
fn merged(v4: Option<Flat<'_>>, v6: Option<Flat<'_>>, left: &mut Vec<Left>) -> Chain {
    let policies = [&v4, &v6].map(|flat| flat.as_ref().and_then(|flat| flat.policy));
    let items = |flat: Option<Flat<'_>>| flat.map(|flat| flat.items).unwrap_or_default();
    let (v4, v6) = (items(v4), items(v6));
    let mut rest = &v6[..];
    let mut merged = Vec::new();
    for item in v4 {
        let twin = |other: &Item| match (&item, other) {
            (Item::Rule(one), Item::Rule(other)) => one.same_as(other),
            _ => false,
        };
        match rest.iter().position(twin) {
            Some(at) => {
                merged.extend_from_slice(&rest[..at]);
                rest = &rest[at + 1..];
                let Item::Rule(rule) = item else { continue };
                merged.push(Item::Rule(Translated { family: None, ..rule }));
            }
            None => merged.push(item),
        }
    }
    merged.extend_from_slice(rest);
    let policy = match policies {
        [Some(one), Some(other)] if one != other => {
            let looser = if one == Verb::Accept { Family::V4 } else { Family::V6 };
            left.push(Left { line: 0, text: String::new(), why: Why::PolicyOfFamily });
            merged.push(Item::Rule(Translated {
                line: 0,
                comment: Some(format!("everything else of {looser}")),
                fields: Vec::new(),
                flags: None,
                verb: Verb::Accept,
                rate: None,
                family: Some(looser),
            }));
            Some(Verb::Drop)
        }
        [one, other] => one.or(other),
    };
    Chain { policy, items: merged }
}
