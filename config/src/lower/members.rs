//! What lists make: sets that can be united and turned inside out.

use std::sync::Arc;

use portcullis_rules::{AddressSet, ByteSet, Hook, HookSet, IcmpSet, RangeSet, State, StateSet};

/// A set of things that a packet can be or have.
pub(super) trait Members: Sized {
    fn union(parts: Vec<Self>) -> Self;
    fn complement(&self) -> Self;
    fn is_empty(&self) -> bool;
}

impl Members for ByteSet {
    fn union(parts: Vec<Self>) -> Self {
        parts.iter().fold(Self::EMPTY, |all, part| all.union(part))
    }

    fn complement(&self) -> Self {
        self.complement()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Members for IcmpSet {
    fn union(parts: Vec<Self>) -> Self {
        parts.iter().fold(Self::default(), |all, part| all.union(part))
    }

    fn complement(&self) -> Self {
        self.complement()
    }

    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

macro_rules! members_by_ranges {
    ($($number:ty),*) => {$(
        impl Members for RangeSet<$number> {
            fn union(parts: Vec<Self>) -> Self {
                parts.iter().flat_map(|part| part.ranges()).copied().collect()
            }

            fn complement(&self) -> Self {
                self.complement()
            }

            fn is_empty(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}
members_by_ranges!(u16, u32);

/// A set that stands alone is shared, not copied: it may be large.
impl Members for Arc<AddressSet> {
    fn union(mut parts: Vec<Self>) -> Self {
        if let [_] = parts[..] {
            return parts.remove(0);
        }
        let v4 = parts.iter().flat_map(|part| part.v4_ranges());
        let v6 = parts.iter().flat_map(|part| part.v6_ranges());
        let v4 = v4.map(|(first, last)| (first.into(), last.into()));
        let v6 = v6.map(|(first, last)| (first.into(), last.into()));
        Self::new(AddressSet::from_ranges(v4.chain(v6)))
    }

    fn complement(&self) -> Self {
        Self::new(AddressSet::complement(self))
    }

    fn is_empty(&self) -> bool {
        AddressSet::is_empty(self)
    }
}

impl Members for StateSet {
    fn union(parts: Vec<Self>) -> Self {
        State::ALL.into_iter().filter(|&state| parts.iter().any(|part| part.contains(state))).collect()
    }

    fn complement(&self) -> Self {
        Self::complement(*self)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Members for HookSet {
    fn union(parts: Vec<Self>) -> Self {
        parts.into_iter().flat_map(Self::iter).collect()
    }

    fn complement(&self) -> Self {
        Hook::ALL.into_iter().filter(|&hook| !self.contains(hook)).collect()
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(*self)
    }
}
