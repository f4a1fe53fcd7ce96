//! `diff`: what an edit opens and closes.

use std::{fmt::Write as _, path::Path};

use portcullis_config::load;
use portcullis_rules::{
    Cause, Change, Difference, Differences, Hook, Ruleset, Standing, Words, diff, scheduled,
};
use serde_json::{Value, json};

use super::Outcome;
use crate::cli::DiffArgs;

/// More values of a list than these are counted, not shown.
const MOST_VALUES: usize = 8;

pub(super) fn run(args: &DiffArgs) -> Outcome {
    let read = |file: &Path| match load(file) {
        Ok(loaded) => Ok(loaded.config.ruleset),
        Err(report) => {
            eprintln!("{report}");
            Err(Outcome::Invalid)
        }
    };
    let (old, new) = match (read(&args.old), read(&args.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(outcome), _) | (_, Err(outcome)) => return outcome,
    };
    let comparison = Comparison::of(&old, &new);
    if args.json {
        println!("{}", comparison.as_json());
    } else {
        print!("{}", comparison.in_words());
    }
    // What could not be worked out may open something.
    if comparison.opens() || comparison.undecided() { Outcome::No } else { Outcome::Fine }
}

/// Everything that one ruleset decides otherwise than another, at all times.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    old: &'a Ruleset,
    new: &'a Ruleset,
    /// While the rules with a schedule count, and while they don't; or at all times.
    cases: Vec<(&'static str, Differences)>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn of(old: &'a Ruleset, new: &'a Ruleset) -> Self {
        let at_times = |ruleset: &Ruleset| {
            ruleset.rules.iter().any(|rule| matches!(rule.standing, Standing::Resting | Standing::Sometimes))
        };
        let cases = if at_times(old) || at_times(new) {
            let case = |in_force| diff(&scheduled(old, in_force), &scheduled(new, in_force));
            vec![
                (" while scheduled rules count", case(true)),
                (" while no scheduled rule counts", case(false)),
            ]
        } else {
            vec![("", diff(old, new))]
        };
        Self { old, new, cases }
    }

    /// Whether something is newly open.
    pub(crate) fn opens(&self) -> bool {
        self.cases.iter().any(|(_, differences)| differences.opens())
    }

    pub(crate) fn undecided(&self) -> bool {
        self.cases.iter().any(|(_, differences)| differences.undecided)
    }

    /// As text, a few lines for each region, and a line that counts them.
    pub(crate) fn in_words(&self) -> String {
        let mut out = String::new();
        let mut counts = [0; 4];
        for (case, differences) in &self.cases {
            let mut change = None;
            for difference in &differences.found {
                if change != Some(difference.change) {
                    change = Some(difference.change);
                    // Writing to a string does not fail.
                    let _ = writeln!(out, "{}{case}:", heading(difference.change));
                }
                counts[difference.change as usize] += 1;
                self.one(&mut out, difference);
            }
        }
        let [opened, closed, limited, refused] = counts;
        if counts == [0; 4] && !self.undecided() {
            out += "no packet is decided otherwise\n";
        } else {
            let mut told = vec![format!("newly open: {opened}"), format!("newly closed: {closed}")];
            told.extend((limited > 0).then(|| format!("with another rate: {limited}")));
            told.extend((refused > 0).then(|| format!("refused otherwise: {refused}")));
            let _ = writeln!(out, "{}", told.join(", "));
        }
        if self.undecided() {
            out += "there may be more: to work out all of it would take too long\n";
        }
        out
    }

    fn one(&self, out: &mut String, difference: &Difference) {
        let Difference {
            change, actions: (before, now), causes: (old, new), words, unmatched, witness, ..
        } = difference;
        let sign = sign(*change);
        for words in words {
            let mut text: Vec<String> = words.iter().map(|words| words.toml(MOST_VALUES)).collect();
            text.extend(unmatched.then(|| "whatever no rule matches".to_owned()));
            let _ = writeln!(out, "  {sign} {}", text.join(", "));
        }
        let (old, new) = (decided(self.old, *old, witness.hook), decided(self.new, *new, witness.hook));
        let _ = writeln!(out, "      {now} by {new}; before: {before} by {old}");
        let _ = writeln!(out, "      for example: {witness}");
    }

    /// Each region on a line, with a sign for its change.
    pub(crate) fn regions(&self, most_values: usize) -> Vec<String> {
        let found = self.cases.iter().flat_map(|(_, differences)| &differences.found);
        let lines = found.flat_map(|difference| {
            let sign = sign(difference.change);
            difference.words.iter().map(move |words| {
                let keys: Vec<String> = words.iter().map(|words| words.toml(most_values)).collect();
                format!("{sign} {}", keys.join(", "))
            })
        });
        lines.collect()
    }

    pub(crate) fn as_json(&self) -> Value {
        let mut found = Vec::new();
        for (case, differences) in &self.cases {
            for difference in &differences.found {
                let Difference { change, actions, causes, words, unmatched, witness, .. } = difference;
                let rules: Vec<Value> = words.iter().map(|words| keys(words)).collect();
                found.push(json!({
                    "change": match change {
                        Change::Opened => "opened",
                        Change::Closed => "closed",
                        Change::Rate => "rate",
                        Change::Refusal => "refusal",
                    },
                    "packets": rules,
                    "unmatched_only": unmatched,
                    "when": case.trim(),
                    "before": { "action": actions.0.name(), "by": name(self.old, causes.0, witness.hook) },
                    "now": { "action": actions.1.name(), "by": name(self.new, causes.1, witness.hook) },
                    "witness": witness.to_string(),
                }));
            }
        }
        json!({ "opens": self.opens(), "complete": !self.undecided(), "differences": found })
    }
}

const fn sign(change: Change) -> char {
    match change {
        Change::Opened => '+',
        Change::Closed => '-',
        Change::Rate | Change::Refusal => '~',
    }
}

const fn heading(change: Change) -> &'static str {
    match change {
        Change::Opened => "newly open",
        Change::Closed => "newly closed",
        Change::Rate => "accepted with another rate",
        Change::Refusal => "refused in another way",
    }
}

fn keys(words: &[Words]) -> Value {
    let keys = words.iter().map(|Words { field, values }| (field.name().to_owned(), json!(values)));
    Value::Object(keys.collect())
}

/// The rule's name, or `policy input`.
fn name(ruleset: &Ruleset, cause: Cause, hook: Hook) -> String {
    match cause {
        Cause::Rule(id) => ruleset.rule(id).name.to_string(),
        Cause::Policy if ruleset.policy.at(hook).is_none() => format!("nobody: {hook} is not judged"),
        Cause::Policy => format!("policy {hook}"),
    }
}

/// Who decides, and where that is written.
pub(super) fn decided(ruleset: &Ruleset, cause: Cause, hook: Hook) -> String {
    match cause {
        Cause::Rule(id) => {
            let rule = ruleset.rule(id);
            format!("rule \"{}\" ({})", rule.name, rule.place)
        }
        Cause::Policy => name(ruleset, cause, hook),
    }
}
