//! When rules count.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use portcullis_rules::{RuleId, Ruleset, Standing};

use crate::{Config, Schedule};

/// A week, and the hour that summer time makes it longer.
const A_WEEK: SignedDuration = SignedDuration::from_hours(7 * 24 + 1);
/// So many combinations of rules are told apart,
const MOST_TIMES: usize = 48;
/// and so often it is asked whether a rule counts.
const MOST_STEPS: usize = 20_000;

/// When a rule counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validity {
    /// `expires`: from then on it never does again.
    pub expires: Option<Timestamp>,
    /// `schedule`: until then, at these times.
    pub schedule: Option<Schedule>,
}

impl Validity {
    /// Whether the rule counts at `time`.
    pub fn standing(&self, time: Timestamp) -> Standing {
        let Self { expires, schedule } = self;
        if expires.is_some_and(|expires| expires <= time) {
            Standing::Expired
        } else if schedule.as_ref().is_some_and(|schedule| !schedule.contains(time)) {
            Standing::Resting
        } else {
            Standing::InForce
        }
    }

    /// The first time after `time` at which [`Self::standing`] changes.
    pub fn next_change(&self, time: Timestamp) -> Option<Timestamp> {
        let Self { expires, schedule } = self;
        if self.standing(time) == Standing::Expired {
            return None;
        }
        let change = schedule.as_ref().and_then(|schedule| schedule.next_change(time));
        [change, *expires].into_iter().flatten().min()
    }

    /// Since when [`Self::standing`] is what it is at `time`, if it ever was something else.
    pub fn last_change(&self, time: Timestamp) -> Option<Timestamp> {
        let Self { expires, schedule } = self;
        match self.standing(time) {
            Standing::Expired => *expires,
            _ => schedule.as_ref().and_then(|schedule| schedule.last_change(time)),
        }
    }
}

impl Validity {
    /// Whether from `time` on a rule counts whenever one with `other` does, as far as that shows.
    pub fn covers(&self, other: &Self, time: Timestamp) -> bool {
        let lasts = match (self.expires, other.expires) {
            (None, _) => true,
            (Some(own), other) => other.is_some_and(|other| other <= own),
        };
        lasts
            && match (&self.schedule, &other.schedule) {
                (None, _) => true,
                (Some(own), other) => other.as_ref().is_some_and(|other| own.covers(other, time)),
            }
    }
}

impl Config {
    /// The same configuration at another time: other rules may count then.
    #[must_use]
    pub fn at(&self, time: Timestamp) -> Self {
        let ruleset = self.ruleset_with(|validity| validity.standing(time));
        Self { time, ruleset, ..self.clone() }
    }

    /// The first time after [`Self::time`] at which other rules count.
    pub fn next_change(&self) -> Option<Timestamp> {
        self.validities.iter().filter_map(|(_, validity)| validity.next_change(self.time)).min()
    }

    /// When a rule counts, if that is not always.
    pub fn validity(&self, rule: RuleId) -> Option<&Validity> {
        let place = self.validities.binary_search_by_key(&rule, |&(id, _)| id).ok()?;
        Some(&self.validities[place].1)
    }

    /// Times at which other rules count here, or in `other`: one for each combination of them that comes about in
    /// the next week, and in the week after each `expires`. `None` where those would be too many.
    pub fn times_beside(&self, other: &Self) -> Option<Vec<Timestamp>> {
        let mut validities: Vec<&Validity> = Vec::new();
        for (_, validity) in self.validities.iter().chain(&other.validities) {
            if !validities.contains(&validity) {
                validities.push(validity);
            }
        }
        let ends = validities.iter().filter_map(|validity| validity.expires).filter(|&end| end > self.time);
        let starts: BTreeSet<Timestamp> = ends.chain([self.time]).collect();
        let (mut times, mut seen, mut steps) = (Vec::new(), HashSet::new(), 0);
        for start in starts {
            let mut time = start;
            let end = start.checked_add(A_WEEK).ok()?;
            while time < end {
                steps += validities.len();
                let standings: Vec<Standing> =
                    validities.iter().map(|validity| validity.standing(time)).collect();
                if seen.insert(standings) {
                    times.push(time);
                }
                if steps > MOST_STEPS || times.len() > MOST_TIMES {
                    return None;
                }
                let next = validities.iter().filter_map(|validity| validity.next_change(time)).min();
                let Some(next) = next else { break };
                time = next;
            }
        }
        Some(times)
    }

    /// The rules at `time`; with none, those that count at some times only are in doubt, except for
    /// those that never will again.
    pub fn ruleset_at(&self, time: Option<Timestamp>) -> Arc<Ruleset> {
        self.ruleset_with(|validity| match (time, validity.standing(self.time)) {
            (Some(time), _) => validity.standing(time),
            (None, Standing::Expired) => Standing::Expired,
            (None, _) => Standing::Sometimes,
        })
    }

    fn ruleset_with(&self, standing: impl Fn(&Validity) -> Standing) -> Arc<Ruleset> {
        let mut ruleset = Arc::clone(&self.ruleset);
        for (RuleId(id), validity) in &self.validities {
            let (place, standing) = (*id as usize, standing(validity));
            if ruleset.rules[place].standing != standing {
                Arc::make_mut(&mut ruleset).rules[place].standing = standing;
            }
        }
        ruleset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_text;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_configuration_is_for_a_time() {
        let text = "[policy]\ninput = \"drop\"\n\
            [[rule]]\nname = \"always\"\nport = 1\naction = \"accept\"\n\
            [[rule]]\nname = \"guest\"\nport = 2\naction = \"accept\"\nexpires = 2027-01-01T00:00:00Z\n\
            [[rule]]\nname = \"office\"\nport = 3\naction = \"accept\"\n\
            schedule = \"mon-fri 08:00-18:00 UTC\"\nexpires = \"2027-01-08 12:00 UTC\"\n";
        let config = load_text("a.toml", text).expect("it is valid").config;
        let standings = |config: &Config| -> Vec<Standing> {
            config.ruleset.rules.iter().map(|rule| rule.standing).collect()
        };
        let (yes, no, gone) = (Standing::InForce, Standing::Resting, Standing::Expired);
        let changes = [
            ("2026-12-31T09:00:00Z", [yes, yes, yes]),
            ("2026-12-31T18:00:00Z", [yes, yes, no]),
            ("2027-01-01T00:00:00Z", [yes, gone, no]),
            ("2027-01-01T08:00:00Z", [yes, gone, yes]),
            ("2027-01-01T18:00:00Z", [yes, gone, no]),
            ("2027-01-04T08:00:00Z", [yes, gone, yes]),
        ];
        let mut now = config.at(at(changes[0].0));
        for (n, (time, expected)) in changes.into_iter().enumerate() {
            assert_eq!((now.time, standings(&now)), (at(time), expected.to_vec()));
            let next = now.next_change().expect("there is one");
            if let Some((change, _)) = changes.get(n + 1) {
                assert_eq!(next, at(change));
            }
            now = now.at(next);
        }
        let since = |rule: u32, time: &str| config.validity(RuleId(rule))?.last_change(at(time));
        assert_eq!(since(1, "2026-12-31T09:00:00Z"), None, "it always was in force");
        assert_eq!(since(1, "2027-02-01T09:00:00Z"), Some(at("2027-01-01T00:00:00Z")));
        assert_eq!(since(2, "2027-01-04T07:00:00Z"), Some(at("2027-01-01T18:00:00Z")));
        assert_eq!(since(2, "2027-01-04T09:00:00Z"), Some(at("2027-01-04T08:00:00Z")));
        assert_eq!(since(2, "2027-02-01T09:00:00Z"), Some(at("2027-01-08T12:00:00Z")));
        let last = config.at(at("2027-01-08T11:59:59Z"));
        assert_eq!(last.next_change(), Some(at("2027-01-08T12:00:00Z")));
        let after = last.at(at("2027-01-08T12:00:00Z"));
        assert_eq!((standings(&after), after.next_change()), (vec![yes, gone, gone], None));
        assert!(config.validity(RuleId(0)).is_none() && config.validity(RuleId(2)).is_some());
    }
}
