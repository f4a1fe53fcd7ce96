//! A set of whole numbers as sorted, disjoint, inclusive ranges: ports, users, addresses.

use std::fmt::Debug;

/// A whole number that has neighbours; not for others to implement.
pub trait Step: Copy + Ord + Debug {
    /// The smallest value.
    const MIN: Self;
    /// The largest value.
    const MAX: Self;
    /// The next value, unless this is the largest.
    fn next(self) -> Option<Self>;
    /// The value before, unless this is the smallest.
    fn prev(self) -> Option<Self>;
}

macro_rules! step {
    ($($number:ty)*) => {$(
        impl Step for $number {
            const MIN: Self = Self::MIN;
            const MAX: Self = Self::MAX;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn prev(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )*};
}
step!(u8 u16 u32 u128);

/// A set of numbers, kept as sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RangeSet<T>(Vec<(T, T)>);

impl<T> Default for RangeSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Step> RangeSet<T> {
    /// Every value.
    pub fn full() -> Self {
        Self(vec![(T::MIN, T::MAX)])
    }

    /// Whether `value` is in the set: one binary search.
    pub fn contains(&self, value: T) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= value);
        after > 0 && value <= self.0[after - 1].1
    }

    /// Every value that is not in the set.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(T::MIN);
        for &(first, last) in &self.0 {
            if let (Some(from), Some(to)) = (from, first.prev())
                && from <= to
            {
                gaps.push((from, to));
            }
            from = last.next();
        }
        if let Some(from) = from {
            gaps.push((from, T::MAX));
        }
        Self(gaps)
    }

    /// The values of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    /// The values of both sets: one walk over both, since blocklists are long.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut i, mut j) = (0, 0);
        let mut both = Vec::new();
        while let (Some(&(first, last)), Some(&(other_first, other_last))) = (self.0.get(i), other.0.get(j)) {
            let (from, to) = (first.max(other_first), last.min(other_last));
            if from <= to {
                both.push((from, to));
            }
            if last < other_last {
                i += 1;
            } else {
                j += 1;
            }
        }
        Self(both)
    }

    /// The values of this set that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[(T, T)] {
        &self.0
    }

    /// Whether no value is in the set.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Collects inclusive ranges in any order; overlapping and touching ones are merged, and a range
/// whose end precedes its start is empty.
impl<T: Step> FromIterator<(T, T)> for RangeSet<T> {
    fn from_iter<I: IntoIterator<Item = (T, T)>>(ranges: I) -> Self {
        let mut sorted: Vec<(T, T)> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        // The stable sort merges runs that are in order, which is what `union` gives it.
        sorted.sort();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(open) if open.1.next().is_none_or(|next| first <= next) => open.1 = open.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        merged.shrink_to_fit();
        Self(merged)
    }
}
