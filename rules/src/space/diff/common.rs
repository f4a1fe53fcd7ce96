//! Which rules two rulesets have in common, in the same order.

use std::collections::HashMap;

use crate::{Rule, RuleId, Ruleset};

/// The rules that the other ruleset lacks, or has in another order; both ascend.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) old: Vec<RuleId>,
    pub(super) new: Vec<RuleId>,
}

impl Changed {
    /// Any common subsequence is right; a long one saves work. This is the patience diff's: equal
    /// beginnings and ends, and of what is between them the longest run of rules that are unique.
    pub(super) fn between(old: &Ruleset, new: &Ruleset) -> Self {
        let (old, new) = (&old.rules[..], &new.rules[..]);
        let beginning = old.iter().zip(new).take_while(|(old, new)| same(old, new)).count();
        let rest = old.len().min(new.len()) - beginning;
        let backwards = old.iter().rev().zip(new.iter().rev()).take(rest);
        let end = backwards.take_while(|(old, new)| same(old, new)).count();
        let (old, new) = (&old[beginning..old.len() - end], &new[beginning..new.len() - end]);
        let kept = longest_ascending(&pairs(old, new));
        let left = |count: usize, is_kept: &dyn Fn(usize) -> bool| {
            let places = (0..count).filter(|&place| !is_kept(place));
            places.filter_map(|place| u32::try_from(beginning + place).ok()).map(RuleId).collect()
        };
        let old_kept: std::collections::HashSet<usize> = kept.iter().map(|pair| pair.0).collect();
        let new_kept: std::collections::HashSet<usize> = kept.iter().map(|pair| pair.1).collect();
        Self {
            old: left(old.len(), &|place| old_kept.contains(&place)),
            new: left(new.len(), &|place| new_kept.contains(&place)),
        }
    }
}

/// Whether two rules do the same; names, remarks and records don't matter.
fn same(old: &Rule, new: &Rule) -> bool {
    // Destructured, so that a new field does not compile until it is considered here.
    let Rule {
        name: _,
        hooks,
        matches,
        action,
        log: _,
        failsafe: _,
        rate,
        standing,
        excluding: _,
        comment: _,
        place: _,
    } = old;
    (hooks, action, rate, standing) == (&new.hooks, &new.action, &new.rate, &new.standing)
        && matches == &new.matches
}

/// Places of rules that do the same, ascending in the old ruleset; each of these is in both once.
fn pairs(old: &[Rule], new: &[Rule]) -> Vec<(usize, usize)> {
    let mut places: HashMap<(&str, u8), Vec<usize>> = HashMap::new();
    // Names say which are worth a comparison: whoever renames a rule sees it as changed, and no harm.
    for (place, rule) in new.iter().enumerate() {
        places.entry((&rule.name, rule.action as u8)).or_default().push(place);
    }
    let pair = |(place, rule): (usize, &Rule)| match places.get(&(&*rule.name, rule.action as u8))?[..] {
        [other] if same(rule, &new[other]) => Some((place, other)),
        _ => None,
    };
    old.iter().enumerate().filter_map(pair).collect()
}

/// The longest subsequence whose second places ascend, too.
fn longest_ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair with the smallest second place at which such a run ends.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].1 < pair.1);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut run = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(index) = at {
        run.push(pairs[index]);
        at = before[index];
    }
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Policy};

    fn ruleset(names: &str) -> Ruleset {
        let rules = names.chars().map(|name| Rule::new(&name.to_string(), Action::Drop));
        let numbered = rules.map(|mut rule| {
            let port = u16::from(rule.name.as_bytes()[0]);
            rule.matches.port = Some([(port, port)].into_iter().collect());
            rule
        });
        Ruleset { rules: numbered.collect(), policy: Policy::default() }
    }

    #[test]
    fn what_is_in_both_in_order_is_common() {
        let cases = [
            ("abcdef", "abcdef", "", ""),
            ("abcdef", "abdef", "c", ""),
            ("abdef", "abcdef", "", "c"),
            ("abcdef", "aecdbf", "be", "eb"),
            ("abcd", "dabc", "d", "d"),
            ("", "ab", "", "ab"),
            ("aab", "ab", "a", ""),
        ];
        for (old, new, only_old, only_new) in cases {
            let changed = Changed::between(&ruleset(old), &ruleset(new));
            let at = |text: &str, ids: &[RuleId]| -> String {
                ids.iter().map(|id| char::from(text.as_bytes()[id.0 as usize])).collect()
            };
            let found = (at(old, &changed.old), at(new, &changed.new));
            assert_eq!(found, (only_old.to_owned(), only_new.to_owned()), "{old} {new}");
        }
    }
}
