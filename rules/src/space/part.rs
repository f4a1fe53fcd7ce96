//! Sets along one dimension of the space of packets.

use std::sync::Arc;

use crate::{AddressSet, ByteSet, HookSet, RangeSet, StateSet, Step};

/// A set of values along one dimension.
pub(super) trait Extent: Sized {
    /// The values of both.
    fn and(&self, other: &Self) -> Self;
    /// The values that `other` lacks.
    fn minus(&self, other: &Self) -> Self;
    /// The values of either.
    fn or(&self, other: &Self) -> Self;
    /// Whether `other` has every value.
    fn is_within(&self, other: &Self) -> bool;
}

/// What a part of a packet may be: some values, or that the packet has no such part. Regions share
/// their values, since blocklists are long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<T> {
    /// The values.
    pub(super) values: Arc<RangeSet<T>>,
    /// Whether packets without the part belong to it.
    pub(super) absent: bool,
}

impl<T: Step> Part<T> {
    /// Packets that have one of these values.
    pub(super) fn of(values: RangeSet<T>) -> Self {
        Self { values: Arc::new(values), absent: false }
    }

    /// Packets with any value, and without one.
    pub(super) fn any() -> Self {
        Self { values: Arc::new(RangeSet::full()), absent: true }
    }

    /// What a rule's field says: any part unless the rule names the field.
    pub(super) fn named(values: Option<RangeSet<T>>) -> Self {
        values.map_or_else(Self::any, Self::of)
    }

    /// Packets without the part.
    pub(super) fn none() -> Self {
        Self { values: Arc::default(), absent: true }
    }

    /// Whether a packet with this part, or without it, is one of these.
    pub(super) fn contains(&self, part: Option<T>) -> bool {
        part.map_or(self.absent, |value| self.values.contains(value))
    }

    pub(super) fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// Whether `other` has one of the values.
    pub(super) fn values_meet(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.values, &other.values) && self.has_values() || self.values.meets(&other.values)
    }
}

impl<T: Step> Extent for Part<T> {
    fn and(&self, other: &Self) -> Self {
        let values = if Arc::ptr_eq(&self.values, &other.values) || other.values.is_full() {
            Arc::clone(&self.values)
        } else if self.values.is_full() {
            Arc::clone(&other.values)
        } else {
            Arc::new(self.values.intersection(&other.values))
        };
        Self { values, absent: self.absent && other.absent }
    }

    fn minus(&self, other: &Self) -> Self {
        let values = if Arc::ptr_eq(&self.values, &other.values) {
            Arc::default()
        } else {
            Arc::new(self.values.difference(&other.values))
        };
        Self { values, absent: self.absent && !other.absent }
    }

    fn or(&self, other: &Self) -> Self {
        let values = if Arc::ptr_eq(&self.values, &other.values) {
            Arc::clone(&self.values)
        } else {
            Arc::new(self.values.union(&other.values))
        };
        Self { values, absent: self.absent || other.absent }
    }

    fn is_within(&self, other: &Self) -> bool {
        (other.absent || !self.absent)
            && (Arc::ptr_eq(&self.values, &other.values) || self.values.is_within(&other.values))
    }
}

impl Extent for Arc<AddressSet> {
    fn and(&self, other: &Self) -> Self {
        if Self::ptr_eq(self, other) || other.is_full() {
            Self::clone(self)
        } else if self.is_full() {
            Self::clone(other)
        } else {
            Self::new(self.intersection(other))
        }
    }

    fn minus(&self, other: &Self) -> Self {
        if Self::ptr_eq(self, other) { Self::default() } else { Self::new(self.difference(other)) }
    }

    fn or(&self, other: &Self) -> Self {
        if Self::ptr_eq(self, other) { Self::clone(self) } else { Self::new(self.union(other)) }
    }

    fn is_within(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other) || self.v4().is_within(other.v4()) && self.v6().is_within(other.v6())
    }
}

impl Extent for ByteSet {
    fn and(&self, other: &Self) -> Self {
        self.difference(&other.complement())
    }

    fn minus(&self, other: &Self) -> Self {
        self.difference(other)
    }

    fn or(&self, other: &Self) -> Self {
        self.union(other)
    }

    fn is_within(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }
}

impl Extent for HookSet {
    fn and(&self, other: &Self) -> Self {
        self.iter().filter(|&hook| other.contains(hook)).collect()
    }

    fn minus(&self, other: &Self) -> Self {
        self.iter().filter(|&hook| !other.contains(hook)).collect()
    }

    fn or(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    fn is_within(&self, other: &Self) -> bool {
        self.iter().all(|hook| other.contains(hook))
    }
}

impl Extent for StateSet {
    fn and(&self, other: &Self) -> Self {
        self.iter().filter(|&state| other.contains(state)).collect()
    }

    fn minus(&self, other: &Self) -> Self {
        self.iter().filter(|&state| !other.contains(state)).collect()
    }

    fn or(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    fn is_within(&self, other: &Self) -> bool {
        self.iter().all(|state| other.contains(state))
    }
}
