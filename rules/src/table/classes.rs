//! Classes: numbers that no rule tells apart.

use std::collections::HashMap;

use super::{
    area::Ranges,
    intervals::{Coordinate, Intervals},
};

/// Which rules hold, as a bit for each.
type Bits = Box<[u64]>;

/// Different sets of rules, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Classes {
    numbers: HashMap<Bits, u32, Hash>,
    sets: Vec<Bits>,
}

type Hash = std::hash::BuildHasherDefault<Folded>;

/// A hash for bits that are our own: quick, and not made to withstand an adversary, who could at
/// most make a reload slow by writing the rules.
#[derive(Debug, Default)]
pub(super) struct Folded(u64);

impl std::hash::Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

impl Classes {
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    pub(super) fn sets(&self) -> &[Bits] {
        &self.sets
    }

    pub(super) fn number(&mut self, bits: &[u64]) -> u32 {
        if let Some(&number) = self.numbers.get(bits) {
            return number;
        }
        let number = u32::try_from(self.sets.len()).expect("fewer classes than the cap");
        self.sets.push(bits.into());
        self.numbers.insert(bits.into(), number);
        number
    }

    /// The classes of one dimension, and of which class each number is; `None` where there are more
    /// than `most` classes. `fields` has each rule's ranges.
    pub(super) fn of<'a, T: Coordinate + 'a>(
        fields: impl Iterator<Item = Ranges<'a, T>> + Clone,
        most: usize,
    ) -> Option<(Self, Intervals<T>)> {
        let rules = fields.clone().count();
        let mut here = vec![0u64; rules.div_ceil(64)];
        let mut flips: Vec<(T, usize)> = Vec::new();
        for (rule, field) in fields.enumerate() {
            match field {
                None => here[rule / 64] |= 1 << (rule % 64),
                Some(ranges) => {
                    let ends = |&(first, last): &(T, T)| [Some(first), last.next()];
                    flips.extend(ranges.iter().flat_map(ends).flatten().map(|at| (at, rule)));
                }
            }
        }
        flips.sort_unstable();
        let mut classes = Self::default();
        let mut steps = Vec::new();
        if flips.first().is_none_or(|&(at, _)| at > T::MIN) {
            steps.push((T::MIN, classes.number(&here)));
        }
        for flips in flips.chunk_by(|a, b| a.0 == b.0) {
            for &(_, rule) in flips {
                here[rule / 64] ^= 1 << (rule % 64);
            }
            steps.push((flips[0].0, classes.number(&here)));
            if classes.len() > most {
                return None;
            }
        }
        Some((classes, Intervals::new(steps)))
    }

    /// The classes of two dimensions together, as a table with a row for each of `self`; `None` where
    /// it would have more than `most` cells.
    pub(super) fn cross(&self, other: &Self, most: usize) -> Option<(Self, Vec<u32>)> {
        if self.len() * other.len() > most {
            return None;
        }
        let mut classes = Self::default();
        let mut table = Vec::with_capacity(self.len() * other.len());
        let mut both = Vec::new();
        for row in &self.sets {
            for column in &other.sets {
                both.clear();
                both.extend(row.iter().zip(column).map(|(row, column)| row & column));
                table.push(classes.number(&both));
            }
        }
        Some((classes, table))
    }
}
