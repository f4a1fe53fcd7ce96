//! Classes: numbers that no set tells apart.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crate::Step;

/// Which sets hold, as a bit for each.
pub(super) type Row = Box<[u64]>;

/// Different rows, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Rows(HashMap<Row, u16, BuildHasherDefault<Folding>>);

impl Rows {
    /// The row's number; `None` where there are too many.
    pub(super) fn number(&mut self, row: &[u64]) -> Option<u16> {
        if let Some(&number) = self.0.get(row) {
            return Some(number);
        }
        let number = u16::try_from(self.0.len()).ok().filter(|&number| number < u16::MAX)?;
        self.0.insert(row.into(), number);
        Some(number)
    }

    /// The rows by their numbers.
    pub(super) fn into_rows(self) -> Vec<Row> {
        let mut rows: Vec<(Row, u16)> = self.0.into_iter().collect();
        rows.sort_unstable_by_key(|&(_, number)| number);
        rows.into_iter().map(|(row, _)| row).collect()
    }
}

/// The classes of one dimension.
#[derive(Debug)]
pub(super) struct Classes<T> {
    /// Which of the sets hold each class.
    pub(super) rows: Vec<Row>,
    /// Of which class the numbers from each of these are; ascending from the smallest number.
    pub(super) steps: Vec<(T, u16)>,
}

/// So many words of rows may be looked at for one dimension: some ten milliseconds.
const MOST_WORDS: usize = 4 << 20;

impl<T: Step> Classes<T> {
    /// The classes into which these sets divide the numbers; `None` stands for every number. Gives
    /// up where that would take long, or 2^16 classes and more.
    pub(super) fn of<R: IntoIterator<Item = (T, T)>>(sets: impl Iterator<Item = Option<R>>) -> Option<Self> {
        let mut flips: Vec<(T, u32)> = Vec::new();
        let mut here = Vec::new();
        for (number, set) in sets.enumerate() {
            here.resize(number / 64 + 1, 0u64);
            match set {
                None => here[number / 64] |= 1 << (number % 64),
                Some(ranges) => {
                    let ends = |(first, last): (T, T)| [Some(first), last.next()];
                    let number = u32::try_from(number).ok()?;
                    flips.extend(ranges.into_iter().flat_map(ends).flatten().map(|at| (at, number)));
                }
            }
            if flips.len().saturating_mul(here.len()) > MOST_WORDS {
                return None;
            }
        }
        flips.sort_unstable();
        let mut rows =
            Rows(HashMap::with_capacity_and_hasher(flips.len() + 1, BuildHasherDefault::default()));
        let mut steps = Vec::with_capacity(flips.len() + 1);
        if flips.first().is_none_or(|&(at, _)| at > T::MIN) {
            steps.push((T::MIN, rows.number(&here)?));
        }
        for flips in flips.chunk_by(|a, b| a.0 == b.0) {
            for &(_, set) in flips {
                here[set as usize / 64] ^= 1 << (set % 64);
            }
            steps.push((flips[0].0, rows.number(&here)?));
        }
        Some(Self { rows: rows.into_rows(), steps })
    }
}

/// The places of the bits in `row`, ascending.
pub(super) fn ones(row: &[u64]) -> impl Iterator<Item = usize> {
    row.iter().enumerate().flat_map(|(number, &word)| {
        let mut word = word;
        std::iter::from_fn(move || {
            let bit = word.trailing_zeros();
            word &= word.wrapping_sub(1);
            (bit < u64::BITS).then_some(number * 64 + bit as usize)
        })
    })
}

/// A hash for what is our own: quick, and not made to withstand an adversary, who could at most
/// make a reload slow by writing the rules.
#[derive(Debug, Default)]
pub(super) struct Folding(u64);

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|&word| self.write_u64(u64::from_le_bytes(word)));
        if !rest.is_empty() {
            self.write_u64(rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
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
