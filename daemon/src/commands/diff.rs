//! `diff`: what an edit opens and closes.

use std::{fmt::Write as _, path::Path, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use portcullis_config::{Config, load};
use portcullis_rules::{Cause, Change, Difference, Hook, Ruleset, Words, diff};
use serde_json::{Value, json};

use super::Outcome;
use crate::cli::DiffArgs;

/// More values of a list than these are counted, not shown.
const MOST_VALUES: usize = 8;
/// More differences than these are not compared with one another.
const MOST_COMPARED: usize = 2000;

pub(super) fn run(args: &DiffArgs) -> Outcome {
    let read = |file: &Path| match load(file) {
        Ok(loaded) => Ok(loaded.config),
        Err(report) => {
            eprintln!("{report}");
            Err(Outcome::Invalid)
        }
    };
    let (old, new) = match (read(&args.old), read(&args.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(outcome), _) | (_, Err(outcome)) => return outcome,
    };
    let comparison = Comparison::at_all_times(&old, &new);
    if args.json {
        println!("{}", comparison.as_json());
    } else {
        print!("{}", comparison.in_words());
    }
    // What could not be worked out may open something.
    if comparison.opens() || comparison.undecided() { Outcome::No } else { Outcome::Fine }
}

/// Everything that one ruleset decides otherwise than another.
#[derive(Debug)]
pub(crate) struct Comparison {
    old: Arc<Ruleset>,
    new: Arc<Ruleset>,
    found: Vec<Found>,
    /// There may be more.
    undecided: bool,
}

#[derive(Debug)]
struct Found {
    difference: Difference,
    /// One of the times at which it is so, where that is not always.
    time: Option<Timestamp>,
}

impl Comparison {
    /// What is different now, or at whichever time the rulesets are for.
    pub(crate) fn of(old: &Ruleset, new: &Ruleset) -> Self {
        Self::cases(&[(Timestamp::default(), Arc::new(old.clone()), Arc::new(new.clone()))])
    }

    /// What is different at any time to come: rules come and go by their schedules.
    pub(crate) fn at_all_times(old: &Config, new: &Config) -> Self {
        let (times, complete) = match old.times_beside(new) {
            Some(times) => (times, true),
            None => (vec![old.time], false),
        };
        let rulesets = |&time: &Timestamp| (time, old.ruleset_at(Some(time)), new.ruleset_at(Some(time)));
        let cases: Vec<_> = times.iter().map(rulesets).collect();
        let mut comparison = Self::cases(&cases);
        comparison.undecided |= !complete;
        comparison
    }

    fn cases(cases: &[(Timestamp, Arc<Ruleset>, Arc<Ruleset>)]) -> Self {
        let (mut found, mut undecided): (Vec<(Found, usize)>, bool) = (Vec::new(), false);
        for (time, old, new) in cases {
            let differences = diff(old, new);
            undecided |= differences.undecided;
            for difference in differences.found {
                match found.iter_mut().find(|(known, _)| is_the_same(&known.difference, &difference)) {
                    Some((_, times)) => *times += 1,
                    None => found.push((Found { difference, time: Some(*time) }, 1)),
                }
            }
        }
        let told = |(found, times)| if times == cases.len() { Found { time: None, ..found } } else { found };
        let mut found: Vec<Found> = found.into_iter().map(told).collect();
        if cases.len() > 1 && found.len() < MOST_COMPARED {
            // At some times other rules leave but a part of what is told of as a whole.
            let differences: Vec<Difference> = found.iter().map(|found| found.difference.clone()).collect();
            found.retain(|part| !differences.iter().any(|whole| is_a_part(&part.difference, whole)));
        }
        found.sort_by_key(|found| (found.difference.change, found.time));
        // Whatever the time, they are the same rules.
        let (old, new) =
            cases.first().map_or_else(Default::default, |(_, old, new)| (old.clone(), new.clone()));
        Self { old, new, found, undecided }
    }

    /// Whether something is newly open.
    pub(crate) fn opens(&self) -> bool {
        self.found.iter().any(|found| found.difference.change == Change::Opened)
    }

    pub(crate) const fn undecided(&self) -> bool {
        self.undecided
    }

    /// As text, a few lines for each region, and a line that counts them.
    pub(crate) fn in_words(&self) -> String {
        let mut out = String::new();
        let mut counts = [0; 4];
        let mut heading = String::new();
        for Found { difference, time } in &self.found {
            let time = time.map_or_else(String::new, |time| {
                time.to_zoned(TimeZone::system()).strftime(", for example at %a %F %T %Z").to_string()
            });
            let own = format!("{}{time}:\n", heading_of(difference.change));
            if own != heading {
                out += &own;
                heading = own;
            }
            counts[difference.change as usize] += 1;
            self.one(&mut out, difference);
        }
        let [opened, closed, limited, refused] = counts;
        if counts == [0; 4] && !self.undecided {
            out += "no packet is decided otherwise\n";
        } else {
            let mut told = vec![format!("newly open: {opened}"), format!("newly closed: {closed}")];
            told.extend((limited > 0).then(|| format!("with another rate: {limited}")));
            told.extend((refused > 0).then(|| format!("refused otherwise: {refused}")));
            let _ = writeln!(out, "{}", told.join(", "));
        }
        if self.undecided {
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
        let by = |ruleset: &Ruleset, cause: Cause| {
            let by = decided(ruleset, cause, witness.hook);
            match (change, cause) {
                (Change::Rate, Cause::Rule(id)) => match ruleset.rule(id).rate {
                    Some(rate) => format!("{by}, at {rate}"),
                    None => format!("{by}, at any rate"),
                },
                (Change::Rate, Cause::Policy) => format!("{by}, at any rate"),
                _ => by,
            }
        };
        let (old, new) = (by(&self.old, *old), by(&self.new, *new));
        let _ = writeln!(out, "      {now} by {new}; before: {before} by {old}");
        let _ = writeln!(out, "      for example: {witness}");
    }

    /// Each region on a line, with a sign for its change.
    pub(crate) fn regions(&self, most_values: usize) -> Vec<String> {
        let lines = self.found.iter().flat_map(|Found { difference, .. }| {
            let sign = sign(difference.change);
            difference.words.iter().map(move |words| {
                let keys: Vec<String> = words.iter().map(|words| words.toml(most_values)).collect();
                format!("{sign} {}", keys.join(", "))
            })
        });
        lines.collect()
    }

    pub(crate) fn as_json(&self) -> Value {
        let found = self.found.iter().map(|Found { difference, time }| {
            let Difference { change, actions, causes, words, unmatched, witness, .. } = difference;
            let rules: Vec<Value> = words.iter().map(|words| keys(words)).collect();
            json!({
                "change": match change {
                    Change::Opened => "opened",
                    Change::Closed => "closed",
                    Change::Rate => "rate",
                    Change::Refusal => "refusal",
                },
                "packets": rules,
                "unmatched_only": unmatched,
                "at": time.map(|time| time.to_string()),
                "before": { "action": actions.0.name(), "by": name(&self.old, causes.0, witness.hook) },
                "now": { "action": actions.1.name(), "by": name(&self.new, causes.1, witness.hook) },
                "witness": witness.to_string(),
            })
        });
        json!({ "opens": self.opens(), "complete": !self.undecided, "differences": found.collect::<Vec<_>>() })
    }
}

/// Whether two differences, each of its own time, say the same.
fn is_the_same(one: &Difference, other: &Difference) -> bool {
    let said = |difference: &Difference| {
        (difference.change, difference.actions, difference.causes, difference.unmatched)
    };
    said(one) == said(other) && one.words == other.words
}

/// Whether the packets of a difference are some of another's, and not all.
fn is_a_part(part: &Difference, whole: &Difference) -> bool {
    let said = |difference: &Difference| (difference.change, difference.actions, difference.unmatched);
    said(part) == said(whole) && part.region.is_within(&whole.region) && !whole.region.is_within(&part.region)
}

const fn sign(change: Change) -> char {
    match change {
        Change::Opened => '+',
        Change::Closed => '-',
        Change::Rate | Change::Refusal => '~',
    }
}

const fn heading_of(change: Change) -> &'static str {
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
