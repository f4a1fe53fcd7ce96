//! Which rules count whenever others do.

use portcullis_rules::RuleId;

use crate::{Config, Validity};

/// So many different times are compared with one another; rules of others count at times of their own.
const MOST: usize = 64;

/// The rules that don't always count, by their times.
pub(super) struct Times {
    /// In order, each with the place of its times.
    rules: Vec<(RuleId, usize)>,
    /// For each two places, whether the first's times cover the second's.
    covers: Vec<bool>,
}

impl Times {
    pub(super) fn of(config: &Config) -> Self {
        let mut different: Vec<&Validity> = Vec::new();
        let mut rules = Vec::with_capacity(config.validities.len());
        for (rule, validity) in &config.validities {
            let known = different.iter().position(|other| *other == validity);
            let place = known.or_else(|| {
                (different.len() < MOST).then(|| {
                    different.push(validity);
                    different.len() - 1
                })
            });
            rules.extend(place.map(|place| (*rule, place)));
        }
        let pairs = different.iter().flat_map(|wide| different.iter().map(move |narrow| (wide, narrow)));
        let covers = pairs.map(|(wide, narrow)| wide.covers(narrow, config.time)).collect();
        Self { rules, covers }
    }

    /// Whether `wide` counts whenever `narrow` does, as far as that shows.
    pub(super) fn cover(&self, wide: RuleId, narrow: RuleId) -> bool {
        let (Some(wide), Some(narrow)) = (self.place(wide), self.place(narrow)) else { return false };
        let different = self.covers.len().isqrt();
        self.covers[wide * different + narrow]
    }

    fn place(&self, rule: RuleId) -> Option<usize> {
        let found = self.rules.binary_search_by_key(&rule, |&(id, _)| id).ok()?;
        Some(self.rules[found].1)
    }
}
