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
pub struct RangeSet<T>(Box<[(T, T)]>);

impl<T> Default for RangeSet<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T: Step> RangeSet<T> {
    /// Every value.
    pub fn full() -> Self {
        Self([(T::MIN, T::MAX)].into())
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
        for &(first, last) in &*self.0 {
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
        Self(gaps.into())
    }

    /// The values of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&*other.0).copied().collect()
    }

    /// The values of both sets. Blocklists are long, and mostly meet what is short.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (few, many) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        let mut both = Vec::new();
        let mut rest = &many.0[..];
        for &(first, last) in &*few.0 {
            rest = not_before(rest, first);
            let meeting = rest.iter().take_while(|range| range.0 <= last);
            both.extend(meeting.map(|range| (range.0.max(first), range.1.min(last))));
        }
        Self(both.into())
    }

    /// The values of this set that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut rest = &other.0[..];
        for &(first, last) in &*self.0 {
            rest = not_before(rest, first);
            let mut from = Some(first);
            for &(other_first, other_last) in rest.iter().take_while(|range| range.0 <= last) {
                if let (Some(from), Some(to)) = (from, other_first.prev())
                    && from <= to
                {
                    left.push((from, to));
                }
                from = other_last.next();
            }
            if let Some(from) = from
                && from <= last
            {
                left.push((from, last));
            }
        }
        Self(left.into())
    }

    /// Whether a value is in both sets.
    pub fn meets(&self, other: &Self) -> bool {
        let (few, many) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        few.0
            .iter()
            .any(|&(first, last)| not_before(&many.0, first).first().is_some_and(|next| next.0 <= last))
    }

    /// Whether every value is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        // The other's ranges don't touch, so each of these lies in one of them.
        self.0.iter().all(|&(first, last)| {
            let next = not_before(&other.0, first).first();
            next.is_some_and(|next| next.0 <= first && last <= next.1)
        })
    }

    /// Whether every value is in the set.
    pub fn is_full(&self) -> bool {
        *self.0 == [(T::MIN, T::MAX)]
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

/// The ranges that do not end before `value`.
fn not_before<T: Step>(ranges: &[(T, T)], value: T) -> &[(T, T)] {
    &ranges[ranges.partition_point(|&(_, last)| last < value)..]
}

/// Collects inclusive ranges in any order; overlapping and touching ones are merged, and a range
/// whose end precedes its start is empty.
impl<T: Step> FromIterator<(T, T)> for RangeSet<T> {
    fn from_iter<I: IntoIterator<Item = (T, T)>>(ranges: I) -> Self {
        let mut sorted: Vec<(T, T)> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        // The stable sort merges runs that are in order, which is what `union` gives it.
        sorted.sort();
        // In place: lists are long.
        sorted.dedup_by(|(first, last), open| {
            let touches = open.1.next().is_none_or(|next| *first <= next);
            if touches {
                open.1 = open.1.max(*last);
            }
            touches
        });
        Self(sorted.into())
    }
}
