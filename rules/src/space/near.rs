//! Which rules may have a packet in common: found by their addresses, not by comparing each with each.

use super::rules::Hull;

/// Intervals into which addresses are cut, so that about as many rules begin in each.
const INTERVALS: usize = 1024;
/// A rule that reaches over more of them stands apart, with all that are wide.
const WIDE: usize = 16;

/// Rules by their sources, and by their destinations.
#[derive(Debug)]
pub(super) struct Near([Axis; 2]);

/// Rules by one of their addresses. IPv4 comes first; IPv6 follows by its upper halves.
#[derive(Debug)]
struct Axis {
    /// Where each interval but the first begins.
    cuts: Vec<u128>,
    /// The rules that reach into each.
    within: Vec<Vec<u32>>,
    wide: Vec<u32>,
}

impl Near {
    pub(super) fn of(hulls: &[Hull]) -> Self {
        Self([0, 1].map(|end| Axis::of(hulls, end)))
    }

    /// The places of all hulls that may meet this one, ascending: some more than do.
    pub(super) fn to(&self, hull: &Hull) -> Vec<u32> {
        let Self(axes) = self;
        let ends = [0, 1].map(|end| axes[end].reached(hull, end));
        let cost = |end: usize| axes[end].cost(&ends[end]);
        let end = usize::from(cost(1) < cost(0));
        let Axis { within, wide, .. } = &axes[end];
        let mut places: Vec<u32> = ends[end]
            .iter()
            .flat_map(|&(first, last)| &within[first..=last])
            .flatten()
            .chain(wide)
            .copied()
            .collect();
        // A few ascending runs, which this sort merges.
        places.sort();
        places.dedup();
        places
    }
}

impl Axis {
    fn of(hulls: &[Hull], end: usize) -> Self {
        let mut starts: Vec<u128> =
            hulls.iter().flat_map(|hull| hull.addresses(end)).flatten().map(|(first, _)| first).collect();
        starts.sort_unstable();
        let step = starts.len().div_ceil(INTERVALS).max(1);
        let mut cuts: Vec<u128> = starts.into_iter().step_by(step).skip(1).collect();
        cuts.dedup();
        let mut axis = Self { within: vec![Vec::new(); cuts.len() + 1], cuts, wide: Vec::new() };
        for (place, hull) in (0..).zip(hulls) {
            let reached = axis.reached(hull, end);
            if reached.iter().map(|(first, last)| last - first + 1).sum::<usize>() > WIDE {
                axis.wide.push(place);
            } else {
                for (first, last) in reached {
                    axis.within[first..=last].iter_mut().for_each(|rules| rules.push(place));
                }
            }
        }
        axis
    }

    /// The intervals that a hull reaches into.
    fn reached(&self, hull: &Hull, end: usize) -> Vec<(usize, usize)> {
        let interval = |address| self.cuts.partition_point(|&cut| cut <= address);
        let ranges = hull.addresses(end).into_iter().flatten();
        ranges.map(|(first, last)| (interval(first), interval(last))).collect()
    }

    fn cost(&self, reached: &[(usize, usize)]) -> usize {
        let within = reached.iter().flat_map(|&(first, last)| &self.within[first..=last]);
        within.map(Vec::len).sum::<usize>() + self.wide.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        Action, AddressSet, Policy, Rule, RuleId, Ruleset,
        space::{Space, rules::Rules},
    };

    /// More rules than intervals that one may reach over, narrow and wide ones, of either family and of both.
    #[test]
    fn every_rule_that_meets_is_found() {
        let mut state = 7_u32;
        let mut below = |most: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % most
        };
        let mut prefix = || -> AddressSet {
            let prefixes = match below(8) {
                0 => vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
                1 => vec![format!("2001:db8:{:x}::/{}", below(200), 40 + below(80))],
                2 => vec![format!("10.{}.0.0/16", below(9)), format!("2001:db8:{:x}::/48", below(9))],
                _ => vec![format!("10.{}.{}.0/{}", below(9), below(256), 8 + below(24))],
            };
            AddressSet::from_prefixes(prefixes.iter().map(|text| text.parse().expect("a prefix")))
        };
        let rules = (0..400).map(|_| {
            let mut rule = Rule::new("rule", Action::Drop);
            rule.matches.source = Some(Arc::new(prefix()));
            rule.matches.destination = Some(Arc::new(prefix()));
            rule
        });
        let policy = Policy { input: Some(Action::Drop), ..Policy::default() };
        let ruleset = Ruleset { rules: rules.collect(), policy };
        let space = Space::of([&ruleset]);
        let rules = Rules::new(&ruleset, &space, &|_, _| false);
        let mut met = 0;
        for id in rules.ids() {
            let meet = |other: &RuleId| {
                *other != id
                    && rules
                        .regions(id)
                        .iter()
                        .any(|own| rules.regions(*other).iter().any(|region| own.meets(region)))
            };
            let meeting: Vec<RuleId> = rules.ids().filter(meet).collect();
            let found = rules.meeting(id);
            assert!(found.is_sorted() && meeting.iter().all(|other| found.contains(other)), "{id:?}");
            met += meeting.len();
        }
        assert!(met > 1000, "{met}");
    }
}
