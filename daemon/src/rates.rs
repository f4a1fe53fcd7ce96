//! The counts of rules that have a rate.

use std::{collections::HashMap, hash::RandomState, net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use portcullis_rules::{Limiter, RuleId, Ruleset};

/// The counts of a ruleset's rules, by place; empty if no rule has a rate. Workers share them.
#[derive(Debug, Default)]
pub struct Rates(Box<[Option<Arc<Limiter>>]>);

impl Rates {
    /// Counts for `ruleset`. A rule that has the name and the rate of one of `before`, goes on where
    /// that is: a reload gives nobody another burst.
    pub fn new(ruleset: &Ruleset, before: Option<(&Ruleset, &Self)>) -> Self {
        if ruleset.rules.iter().all(|rule| rule.rate.is_none()) {
            return Self::default();
        }
        let before: HashMap<&str, &Arc<Limiter>> = before
            .into_iter()
            .flat_map(|(ruleset, rates)| ruleset.rules.iter().zip(&rates.0))
            .filter_map(|(rule, limiter)| Some((&*rule.name, limiter.as_ref()?)))
            .collect();
        let limiter = |name: &str, rate| match before.get(name).filter(|limiter| limiter.rate() == rate) {
            Some(&limiter) => Arc::clone(limiter),
            None => Arc::new(Limiter::new(rate, RandomState::new())),
        };
        Self(ruleset.rules.iter().map(|rule| Some(limiter(&rule.name, rule.rate?))).collect())
    }

    /// Whether `rule` lets a new flow of `source` through; counts it if so.
    ///
    /// A clock that is set may give everybody another burst; nobody is kept out by it.
    pub fn admit(&self, rule: RuleId, source: IpAddr, time: Timestamp) -> bool {
        let Some(Some(limiter)) = self.0.get(rule.0 as usize) else { return true };
        let since_1970 = Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
        limiter.admit(source, since_1970)
    }
}

#[cfg(test)]
mod tests {
    use portcullis_rules::{Action, Policy, Rate, RatePeriod, RateScope, Rule};

    use super::*;

    fn ruleset(rules: &[(&str, Option<u32>)]) -> Ruleset {
        let rules = rules.iter().map(|&(name, burst)| {
            let rate = |burst| Rate { count: 1, period: RatePeriod::Hour, burst, scope: RateScope::Source };
            Rule { rate: burst.map(rate), ..Rule::new(name, Action::Accept) }
        });
        Ruleset { rules: rules.collect(), policy: Policy::default() }
    }

    fn admitted(rates: &Rates, rule: u32) -> usize {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        (0..10).filter(|_| rates.admit(RuleId(rule), IpAddr::from([192, 0, 2, 9]), now)).count()
    }

    #[test]
    fn a_rule_without_a_rate_lets_everything_through() {
        assert_eq!(admitted(&Rates::new(&ruleset(&[("a", None)]), None), 0), 10);
        let some = Rates::new(&ruleset(&[("a", None), ("b", Some(2))]), None);
        assert_eq!((admitted(&some, 0), admitted(&some, 1)), (10, 2));
    }

    #[test]
    fn counts_survive_a_reload_of_the_same_rule() {
        let old = ruleset(&[("same", Some(3)), ("changed", Some(3)), ("renamed", Some(3))]);
        let rates = Rates::new(&old, None);
        assert_eq!([0, 1, 2].map(|rule| admitted(&rates, rule)), [3, 3, 3]);
        let new = ruleset(&[("first", None), ("other", Some(3)), ("changed", Some(4)), ("same", Some(3))]);
        let rates = Rates::new(&new, Some((&old, &rates)));
        assert_eq!([0, 1, 2, 3].map(|rule| admitted(&rates, rule)), [10, 3, 4, 0]);
    }
}
