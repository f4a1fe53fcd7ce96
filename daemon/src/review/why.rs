//! Why packets were refused: what decided, what nearly let them in, and what would.

use std::{
    collections::HashMap,
    io::{self, Write},
    net::IpAddr,
};

use jiff::tz::TimeZone;
use portcullis_rules::{Action, Cause, Explanation, NearMiss, Rule, Ruleset, edits};

use super::{
    Suggestion,
    edit::{edit_in_words, rule_in_words},
    packet::key_of,
    query::Query,
    table::local,
    top::{By, Value},
};
use crate::log::{Escaped, Record};

/// Groups shown when nobody says how many.
const GROUPS: usize = 5;
/// Near misses shown of each; more would be no help.
const NEAR: usize = 3;

/// What the record says of its packet, and what `ruleset` says of such packets now.
pub fn explained(record: &Record, ruleset: &Ruleset) -> Vec<String> {
    let metadata = &record.alert.metadata;
    let verdict = metadata.would.as_deref().unwrap_or(&record.verdict.action);
    let place = match (&metadata.rule_file, metadata.rule_line) {
        (Some(file), Some(line)) => format!(" ({}:{line})", Escaped(file)),
        _ => String::new(),
    };
    let reason = record.drop.as_ref().and_then(|drop| drop.reason.as_deref()).unwrap_or("accepted");
    let mut lines = vec![format!(
        "then:   {} by {}{place}: {}",
        Escaped(verdict),
        Escaped(&record.alert.signature),
        Escaped(reason)
    )];
    let Some(key) = key_of(record) else {
        lines.push("now:    the record doesn't tell enough of the packet to ask the rules again".to_owned());
        return lines;
    };
    let Explanation { decision, near } = ruleset.explain(&key);
    let named = |rule: &Rule| Escaped(&rule_in_words(rule)).to_string();
    let by = match decision.cause {
        Cause::Rule(id) => named(ruleset.rule(id)),
        Cause::Policy => format!("the policy of {}", key.hook),
    };
    lines.push(format!("now:    {} by {by}", decision.action));
    // What refuses, too, would change nothing.
    let other = near.iter().filter(|near| ruleset.rule(near.rule).action != decision.action);
    for NearMiss { rule, field } in other.take(NEAR) {
        let rule = ruleset.rule(*rule);
        lines.push(format!("nearly: {} would {}, but for its {}", named(rule), rule.action, field.name()));
    }
    if decision.action != Action::Accept
        && let Some(smallest) = edits(ruleset, &key).first()
    {
        let words = edit_in_words(ruleset, smallest);
        lines.push(format!("to let it in: {}", Escaped(&words)));
    }
    lines
}

impl Query<'_> {
    /// The most frequent refusals, explained.
    ///
    /// # Errors
    /// When the records can't be read, or `out` can't be written.
    pub(super) fn why(
        &self,
        ruleset: &Ruleset,
        number: Option<usize>,
        zone: &TimeZone,
        out: &mut dyn Write,
    ) -> io::Result<u64> {
        let pairs = self.refused(By::Pairs, number.unwrap_or(GROUPS))?.values;
        let mut samples = self.samples(&pairs)?;
        let suggestions = Suggestion::of(&pairs, pairs.len());
        for (value, count) in &pairs {
            let Some(record) = samples.remove(value) else { continue };
            let last = local(record.timestamp, zone);
            writeln!(out, "{count} packets  {value}, the last at {last}")?;
            for line in explained(&record, ruleset) {
                writeln!(out, "  {line}")?;
            }
            let suggestion = suggestions.iter().find(|suggestion| {
                matches!(value, Value::Pair(source, port, _) if (*source, *port) == (suggestion.source, suggestion.port))
            });
            if let Some(suggestion) = suggestion {
                writeln!(
                    out,
                    "  It is one of our own. If it is meant to get in, this rule would let it (nothing is changed):"
                )?;
                for line in suggestion.toml().lines() {
                    writeln!(out, "      {line}")?;
                }
            }
            writeln!(out)?;
        }
        Ok(pairs.len() as u64)
    }

    /// The latest record of each pair.
    fn samples(&self, pairs: &[(Value, u64)]) -> io::Result<HashMap<Value, Record>> {
        let mut samples = HashMap::new();
        for part in self.parts()?.iter().rev() {
            let missing: HashMap<(IpAddr, u16), &Value> = pairs
                .iter()
                .filter_map(|(value, _)| match value {
                    Value::Pair(source, port, _) if !samples.contains_key(value) => {
                        Some(((*source, *port), value))
                    }
                    _ => None,
                })
                .collect();
            if missing.is_empty() {
                break;
            }
            let Some((segment, selection)) = self.found(part)? else { continue };
            let digest = &segment.digest;
            let mut rows: HashMap<&Value, u32> = HashMap::new();
            for &row in &selection.rows {
                let at = row as usize;
                let source = digest.address(digest.rows.source[at]);
                let value = source.and_then(|source| missing.get(&(source, digest.rows.door[at])));
                if let Some(value) = value.filter(|_| !digest.shape(at).accepted()) {
                    rows.insert(*value, row);
                }
            }
            let mut wanted: Vec<(u32, &Value)> = rows.into_iter().map(|(value, row)| (row, value)).collect();
            wanted.sort_unstable_by_key(|(row, _)| *row);
            let numbers: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
            let mut values = wanted.iter();
            segment.lines(&numbers, |_, line| {
                if let (Some((_, value)), Ok(record)) = (values.next(), serde_json::from_slice(line)) {
                    samples.insert((*value).clone(), record);
                }
                Ok(())
            })?;
        }
        Ok(samples)
    }
}
