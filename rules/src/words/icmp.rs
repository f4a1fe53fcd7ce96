//! ICMP types in words.
//!
//! A name means a number of its own in each of the two protocols, and a number means both, so that not
//! every set has words, and what has may need a negation: `["echo-request", "!128"]`.

use std::{cmp::Reverse, collections::BTreeSet};

use crate::{IcmpSet, IcmpType, RangeSet};

/// What a rule may write, and what it means.
struct Text {
    text: String,
    set: IcmpSet,
}

/// Texts for a set that has all of `wanted` and nothing of `unwanted`; what is in neither may be in it or not.
/// `None` where there are none.
///
/// Every list means its members U without its negated members N. If some list will do, then so do the
/// largest N, all that may be missing, and the largest U, all that is nothing unwanted or is taken away by N.
pub(crate) fn icmp_types(wanted: &IcmpSet, unwanted: &IcmpSet) -> Option<Vec<String>> {
    let texts = texts(wanted, unwanted);
    let apart = |text: &&Text, set: &IcmpSet| !text.set.v4.meets(&set.v4) && !text.set.v6.meets(&set.v6);
    let plain = pick(texts.iter().filter(|text| apart(text, unwanted)), wanted);
    let missing: Vec<&Text> = texts.iter().filter(|text| apart(text, wanted)).collect();
    let negated = pick(missing.iter().copied(), unwanted).filter(|texts| !texts.is_empty());
    let both = || {
        let taken = missing.iter().fold(IcmpSet::default(), |all, text| all.union(&text.set));
        let kept = difference(unwanted, &taken);
        let plain = pick(texts.iter().filter(|text| apart(text, &kept)), wanted)?;
        let said = plain.iter().filter_map(|text| IcmpSet::parse(text));
        let said = said.fold(IcmpSet::default(), |all, set| all.union(&set));
        let negated = pick(missing.iter().copied(), &intersection(&said, unwanted))?;
        Some(plain.into_iter().chain(not(negated)).collect())
    };
    let ways = [both(), negated.map(|negated| not(negated).collect()), plain];
    // Of the same length, what is said without a negation.
    ways.into_iter().rev().flatten().min_by_key(Vec::len)
}

fn not(texts: Vec<String>) -> impl Iterator<Item = String> {
    texts.into_iter().map(|text| format!("!{text}"))
}

/// Texts that have all of `needed` together, each of them something; `None` where they have not. Those that have
/// much of it come first, of those what says nothing else, and names before numbers.
fn pick<'a>(texts: impl Iterator<Item = &'a Text>, needed: &IcmpSet) -> Option<Vec<String>> {
    let size = |set: &RangeSet<u16>| set.ranges().iter().map(|(a, b)| u32::from(b - a) + 1).sum::<u32>();
    let size = |set: &IcmpSet| size(&set.v4) + size(&set.v6);
    let mut texts: Vec<(u32, u32, &Text)> =
        texts.map(|text| (size(&intersection(&text.set, needed)), size(&text.set), text)).collect();
    texts.sort_by_key(|&(has, says, _)| (Reverse(has), says));
    let mut left = needed.clone();
    let mut picked = Vec::new();
    for (.., Text { text, set }) in texts {
        if set.v4.meets(&left.v4) || set.v6.meets(&left.v6) {
            left = difference(&left, set);
            picked.push(text.clone());
        }
    }
    (left.v4.is_empty() && left.v6.is_empty()).then_some(picked)
}

/// All texts that matter: types by name, types by number, and each code of the types of which one of the sets
/// has some codes only.
fn texts(wanted: &IcmpSet, unwanted: &IcmpSet) -> Vec<Text> {
    let sets = [&wanted.v4, &wanted.v6, &unwanted.v4, &unwanted.v6];
    let ends = sets.into_iter().flat_map(|set| set.ranges()).flat_map(|&(first, last)| {
        let cut = |end: u16, whole: u8| Some(end.to_be_bytes()).filter(|[_, code]| *code != whole);
        [cut(first, 0), cut(last, u8::MAX)]
    });
    let split: BTreeSet<u8> = ends.flatten().map(|[kind, _]| kind).collect();
    let types = || IcmpType::names().map(ToOwned::to_owned).chain((0..=u8::MAX).map(|kind| kind.to_string()));
    let means = |text: String| Some(Text { set: IcmpSet::parse(&text)?, text });
    let is_split = |text: &Text| {
        let kinds = text.set.v4.ranges().iter().chain(text.set.v6.ranges());
        kinds.into_iter().any(|(first, _)| split.contains(&first.to_be_bytes()[0]))
    };
    let in_part: Vec<Text> = types().filter_map(means).filter(is_split).collect();
    let codes = in_part
        .iter()
        .flat_map(|Text { text, .. }| (0..=u8::MAX).filter_map(move |code| means(format!("{text}/{code}"))));
    types().filter_map(means).chain(codes).collect()
}

fn difference(set: &IcmpSet, other: &IcmpSet) -> IcmpSet {
    IcmpSet { v4: set.v4.difference(&other.v4), v6: set.v6.difference(&other.v6) }
}

fn intersection(set: &IcmpSet, other: &IcmpSet) -> IcmpSet {
    IcmpSet { v4: set.v4.intersection(&other.v4), v6: set.v6.intersection(&other.v6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> IcmpSet {
        let union = |all: IcmpSet, text: &str| all.union(&IcmpSet::parse(text).expect("a type"));
        let (none, any): (Vec<&str>, Vec<&str>) = texts.iter().partition(|text| text.starts_with('!'));
        let none = none.iter().fold(IcmpSet::default(), |all, text| union(all, &text[1..]));
        let any = any.iter().fold(IcmpSet::default(), |all, text| union(all, text));
        if any == IcmpSet::default() { none.complement() } else { difference(&any, &none) }
    }

    #[test]
    fn what_can_be_written_is_written_again() {
        let cases: [&[&str]; 10] = [
            &["echo-request"],
            &["!echo-request"],
            &["3"],
            &["3/4", "echo-request", "packet-too-big"],
            &["echo-request", "!128"],
            &["!echo-request/7", "3"],
            &["3", "!3/4"],
            &["neighbour-solicitation", "neighbour-advertisement"],
            &["destination-unreachable/1", "!3"],
            &["!0", "!1", "!255/255"],
        ];
        for texts in cases {
            let meant = set(texts);
            let written = icmp_types(&meant, &meant.complement()).expect("it was written once");
            assert!(written.len() <= texts.len().max(2), "{texts:?}: {written:?}");
            let written: Vec<&str> = written.iter().map(String::as_str).collect();
            assert_eq!(set(&written), meant, "{texts:?}: {written:?}");
        }
    }

    #[test]
    fn what_does_not_matter_makes_it_shorter_and_what_has_no_words_is_told() {
        let v4 = |texts: &[&str]| IcmpSet { v4: set(texts).v4, ..IcmpSet::default() };
        let echo = v4(&["echo-request"]);
        let others = IcmpSet { v4: echo.v4.complement(), ..IcmpSet::default() };
        assert_eq!(icmp_types(&echo, &others), Some(vec!["echo-request".to_owned()]));
        let seven = v4(&["7"]);
        assert_eq!(icmp_types(&seven, &seven.complement()), None);
    }
}
