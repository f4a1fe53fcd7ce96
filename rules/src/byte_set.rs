//! A set of byte values, as a bitmap: IP protocols, TCP flag combinations.

/// Any set of `u8` values, answered with one bit test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// No value.
    pub const EMPTY: Self = Self([0; 4]);
    /// Every value.
    pub const FULL: Self = Self([u64::MAX; 4]);

    /// Whether `value` is in the set.
    pub const fn contains(&self, value: u8) -> bool {
        self.0[(value >> 6) as usize] & (1 << (value & 63)) != 0
    }

    /// Adds `value`.
    pub const fn insert(&mut self, value: u8) {
        self.0[(value >> 6) as usize] |= 1 << (value & 63);
    }

    /// Every value that is not in the set.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self(self.0.map(|word| !word))
    }

    /// The values of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// The values of this set that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    /// Whether no value is in the set.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// The values in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|&value| self.contains(value))
    }
}

impl FromIterator<u8> for ByteSet {
    fn from_iter<I: IntoIterator<Item = u8>>(values: I) -> Self {
        let mut set = Self::EMPTY;
        values.into_iter().for_each(|value| set.insert(value));
        set
    }
}
