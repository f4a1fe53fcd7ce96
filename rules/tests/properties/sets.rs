use std::collections::BTreeSet;

use portcullis_rules::{ByteSet, RangeSet};
use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    prop_assert, prop_assert_eq, proptest,
};

/// Ranges that overlap, touch, stand backwards and reach both ends.
fn ranges() -> impl Strategy<Value = Vec<(u8, u8)>> {
    let near = (any::<u8>(), 0..12u8).prop_map(|(first, more)| (first, first.saturating_add(more)));
    vec(proptest::prop_oneof![4 => near, 1 => any::<(u8, u8)>()], 0..12)
}

/// The set, and what it has to contain.
fn range_set(ranges: &[(u8, u8)]) -> (RangeSet<u8>, BTreeSet<u8>) {
    (ranges.iter().copied().collect(), ranges.iter().flat_map(|&(first, last)| first..=last).collect())
}

fn byte_set(bytes: &[u8]) -> (ByteSet, BTreeSet<u8>) {
    (bytes.iter().copied().collect(), bytes.iter().copied().collect())
}

fn all() -> BTreeSet<u8> {
    (0..=u8::MAX).collect()
}

/// Sorted, disjoint, not touching, and holding exactly the values of `model`.
fn same(set: &RangeSet<u8>, model: &BTreeSet<u8>) -> bool {
    let apart = |pair: &[(u8, u8)]| pair[0].1.checked_add(1).is_some_and(|next| next < pair[1].0);
    set.ranges().iter().all(|(first, last)| first <= last)
        && set.ranges().windows(2).all(apart)
        && all().into_iter().all(|value| set.contains(value) == model.contains(&value))
        && set.is_empty() == model.is_empty()
}

proptest! {
    #[test]
    fn range_sets_are_sets(a in ranges(), b in ranges()) {
        let ((a, a_model), (b, b_model)) = (range_set(&a), range_set(&b));
        prop_assert!(same(&a, &a_model));
        prop_assert!(same(&a.complement(), &(&all() - &a_model)));
        prop_assert!(same(&a.union(&b), &(&a_model | &b_model)));
        prop_assert!(same(&a.intersection(&b), &(&a_model & &b_model)));
        prop_assert!(same(&a.difference(&b), &(&a_model - &b_model)));
        prop_assert_eq!(a.meets(&b), !a_model.is_disjoint(&b_model));
        prop_assert_eq!(a.is_within(&b), a_model.is_subset(&b_model));
        prop_assert_eq!(a.is_full(), a_model == all());
    }

    #[test]
    fn byte_sets_are_sets(a in vec(any::<u8>(), 0..40), b in vec(any::<u8>(), 0..300)) {
        let ((a, a_model), (b, b_model)) = (byte_set(&a), byte_set(&b));
        let same = |set: ByteSet, model: &BTreeSet<u8>| {
            set.iter().eq(model.iter().copied())
                && all().into_iter().all(|value| set.contains(value) == model.contains(&value))
                && set.is_empty() == model.is_empty()
        };
        prop_assert!(same(a, &a_model));
        prop_assert!(same(a.complement(), &(&all() - &a_model)));
        prop_assert!(same(a.union(&b), &(&a_model | &b_model)));
        prop_assert!(same(a.difference(&b), &(&a_model - &b_model)));
    }

    #[test]
    fn equal_sets_are_equal_however_they_were_written(a in ranges()) {
        let backwards: RangeSet<u8> = a.iter().rev().copied().collect();
        prop_assert_eq!(range_set(&a).0, backwards);
    }
}

#[test]
fn full_and_empty() {
    assert_eq!(RangeSet::<u8>::full().complement(), RangeSet::default());
    assert_eq!(RangeSet::<u8>::default().complement(), RangeSet::full());
    assert_eq!(ByteSet::FULL.complement(), ByteSet::EMPTY);
}
