//! Names of interfaces, as a few classes.
//!
//! Names are many more than can be listed. The patterns of rules tell only so many kinds of them
//! apart: each name that is written; the names that begin with a written prefix, but with no longer
//! one, and are not written; and all others.

use crate::{InterfaceName, InterfacePattern, InterfaceSet, RangeSet, Ruleset};

/// The classes that rulesets tell apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Interfaces {
    classes: Vec<Class>,
}

#[derive(Debug, Clone)]
struct Class {
    /// What all names of the class fit, and nothing narrower.
    pattern: InterfacePattern,
    /// One of them.
    name: InterfaceName,
}

impl Interfaces {
    /// The classes that the rules of `rulesets` tell apart.
    pub(super) fn of<'a>(rulesets: impl IntoIterator<Item = &'a Ruleset>) -> Self {
        let mut patterns = vec![InterfacePattern::Any];
        for rule in rulesets.into_iter().flat_map(|ruleset| &ruleset.rules) {
            let matches = &rule.matches;
            let sets = [&matches.interface, &matches.in_interface, &matches.out_interface];
            for InterfaceSet { any_of, none_of } in sets.into_iter().flatten() {
                patterns.extend(any_of.iter().chain(none_of));
            }
        }
        patterns.sort_unstable_by_key(|pattern| order(*pattern));
        patterns.dedup();
        let class = |&pattern: &InterfacePattern| Some(Class { pattern, name: example(pattern, &patterns)? });
        Self { classes: patterns.iter().filter_map(class).collect() }
    }

    /// The classes whose names are in `set`.
    pub(super) fn in_set(&self, set: &InterfaceSet) -> RangeSet<u32> {
        let numbered = (0..).zip(&self.classes);
        numbered.filter(|(_, class)| set.contains(&class.name)).map(|(number, _)| (number, number)).collect()
    }

    /// All classes.
    pub(super) fn all(&self) -> RangeSet<u32> {
        self.in_set(&InterfaceSet::default())
    }

    /// The number of the class that has `name`: the narrowest that it fits.
    pub(super) fn class(&self, name: &InterfaceName) -> Option<u32> {
        let fitting = (0..).zip(&self.classes).filter(|(_, class)| class.pattern.matches(name));
        fitting.last().map(|(number, _)| number)
    }

    /// A name of the class with this number.
    pub(super) fn name(&self, number: u32) -> Option<InterfaceName> {
        self.classes.get(number as usize).map(|class| class.name)
    }

    /// The patterns, as rules write them, that hold exactly the names of `classes`. One set mostly; more where
    /// an exception of an exception is meant, for which a rule has no words.
    pub(super) fn patterns(&self, classes: &RangeSet<u32>) -> Vec<InterfaceSet> {
        let has = |number: u32| classes.contains(number);
        let numbered = || (0..).zip(&self.classes);
        // The narrowest wider class decides whether one has to be mentioned.
        let around = |number: u32, pattern| {
            let wider = numbered()
                .filter(|(other, wide)| *other != number && covers(wide.pattern, pattern))
                .max_by_key(|(_, wide)| order(wide.pattern));
            wider.map(|(other, _)| other)
        };
        let mut sets: Vec<InterfaceSet> = Vec::new();
        // For each class that is in one of the sets, which.
        let mut places = vec![None; self.classes.len()];
        for (number, Class { pattern, .. }) in numbered() {
            let wider = around(number, *pattern);
            let inherited = wider.and_then(|wider: u32| places[wider as usize]);
            let place = match (has(number), inherited) {
                (true, None) => {
                    let fits = |set: &InterfaceSet| !set.none_of.iter().any(|none| covers(*none, *pattern));
                    let everything = *pattern == InterfacePattern::Any;
                    let place = sets.iter().position(|set| !set.any_of.is_empty() && fits(set));
                    let place = place.unwrap_or_else(|| {
                        sets.push(InterfaceSet::default());
                        sets.len() - 1
                    });
                    sets[place].any_of.extend((!everything).then_some(*pattern));
                    Some(place)
                }
                (false, Some(place)) => {
                    let set: &mut InterfaceSet = &mut sets[place];
                    set.none_of.push(*pattern);
                    None
                }
                (_, inherited) => inherited,
            };
            places[number as usize] = place;
        }
        sets
    }
}

/// The longer a pattern, the narrower it is; a name is narrower than the prefix of its letters.
fn order(pattern: InterfacePattern) -> (usize, u8, Option<InterfaceName>) {
    match pattern {
        InterfacePattern::Any => (0, 0, None),
        InterfacePattern::Prefix(prefix) => (prefix.as_str().len(), 1, Some(prefix)),
        InterfacePattern::Name(name) => (name.as_str().len(), 2, Some(name)),
    }
}

fn covers(wide: InterfacePattern, narrow: InterfacePattern) -> bool {
    match (wide, narrow) {
        (InterfacePattern::Any, _) => true,
        (InterfacePattern::Name(_), _) | (_, InterfacePattern::Any) => false,
        (wide, InterfacePattern::Prefix(narrow) | InterfacePattern::Name(narrow)) => wide.matches(&narrow),
    }
}

/// A name that fits `pattern`, and no narrower one of `patterns`.
fn example(pattern: InterfacePattern, patterns: &[InterfacePattern]) -> Option<InterfaceName> {
    let beginning = match pattern {
        InterfacePattern::Name(name) => return Some(name),
        InterfacePattern::Prefix(prefix) => prefix.as_str().to_owned(),
        InterfacePattern::Any => String::new(),
    };
    let usual = ["eth0", "eth1", "wlan0", "lan0", "if0"].map(str::to_owned);
    let usual = usual.into_iter().filter(|_| beginning.is_empty());
    let letters = || ('0'..='9').chain('a'..='z').chain('A'..='Z');
    let one = letters().map(|letter| format!("{beginning}{letter}"));
    let two = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
    let two = two.map(|end| format!("{beginning}{end}"));
    let names = usual.chain(one).chain([beginning.clone()]).chain(two);
    names.filter_map(|name| InterfaceName::new(&name)).find(|name| {
        let narrower = patterns.iter().filter(|&&other| other != pattern && order(other) > order(pattern));
        pattern.matches(name) && !narrower.into_iter().any(|other| other.matches(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> InterfacePattern {
        InterfacePattern::parse(text).expect("a pattern")
    }

    fn classes(patterns: &[&str]) -> Interfaces {
        let mut rule = crate::Rule::new("rule", crate::Action::Drop);
        let any_of = patterns.iter().copied().map(pattern).collect();
        rule.matches.interface = Some(InterfaceSet { any_of, none_of: Vec::new() });
        Interfaces::of([&Ruleset { rules: vec![rule], policy: crate::Policy::default() }])
    }

    #[test]
    fn names_fall_into_the_narrowest_class() {
        let interfaces = classes(&["wg*", "wg-office*", "wg0", "eth0"]);
        let names: Vec<_> = interfaces.classes.iter().map(|class| class.name.to_string()).collect();
        assert_eq!(names, ["eth1", "wg1", "wg0", "eth0", "wg-office0"]);
    }

    #[test]
    fn classes_are_written_as_few_patterns() {
        let interfaces = classes(&["wg*", "wg0", "eth0"]);
        let cases: [(&[&str], &[&str]); 5] = [
            (&["wg*"], &[]),
            (&["wg0"], &[]),
            (&["wg*"], &["wg0"]),
            (&[], &["wg*"]),
            (&["eth0", "wg*"], &[]),
        ];
        for (any_of, none_of) in cases {
            let set = InterfaceSet {
                any_of: any_of.iter().copied().map(pattern).collect(),
                none_of: none_of.iter().copied().map(pattern).collect(),
            };
            let mut written = interfaces.patterns(&interfaces.in_set(&set));
            written.iter_mut().for_each(|set| set.any_of.sort_by_key(ToString::to_string));
            assert_eq!(written, [set]);
        }
        assert_eq!(interfaces.patterns(&interfaces.all()), [InterfaceSet::default()]);
    }

    #[test]
    fn an_exception_of_an_exception_is_a_set_of_its_own() {
        let interfaces = classes(&["w*", "wg*", "wg0", "eth0"]);
        for mask in 1..1_u32 << interfaces.classes.len() {
            let numbers = (0..32).filter(|number| mask & (1 << number) != 0);
            let wanted: RangeSet<u32> = numbers.map(|number| (number, number)).collect();
            let sets = interfaces.patterns(&wanted);
            let together = sets.iter().fold(RangeSet::default(), |all: RangeSet<u32>, set| {
                assert!(!all.meets(&interfaces.in_set(set)), "{sets:?}");
                all.union(&interfaces.in_set(set))
            });
            assert_eq!(together, wanted, "{sets:?}");
            assert!(sets.len() <= 2, "{sets:?}");
        }
    }
}
