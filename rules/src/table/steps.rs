//! Functions of a number that are constant between a few steps.

use std::hint::select_unpredictable;

use crate::Step;

/// A number that can be cut into equal cells.
pub(super) trait Coordinate: Step {
    /// How many cells of 2^`shift` values lie between `base` and this; 0 below `base`.
    fn cells_from(self, base: Self, shift: u32) -> usize;
    /// The smallest shift that leaves at most 2^`bits` cells between `base` and this.
    fn shift_from(self, base: Self, bits: u32) -> u32;
}

macro_rules! coordinate {
    ($($number:ty)*) => {$(
        impl Coordinate for $number {
            #[inline]
            fn cells_from(self, base: Self, shift: u32) -> usize {
                usize::try_from(self.saturating_sub(base) >> shift).unwrap_or(usize::MAX)
            }
            fn shift_from(self, base: Self, bits: u32) -> u32 {
                (Self::BITS - self.saturating_sub(base).leading_zeros()).saturating_sub(bits)
            }
        }
    )*};
}
coordinate!(u16 u32 u128);

/// A function that is constant between its steps: a table over the highest bits says which few of
/// the sorted steps to search. Small, and fast enough also for hundreds of thousands of prefixes.
#[derive(Debug, Clone)]
pub(super) struct Steps<T, V> {
    /// Ascending, without the smallest `T`.
    starts: Box<[T]>,
    /// By how many steps are at or below the number.
    values: Box<[V]>,
    base: T,
    shift: u32,
    /// How many steps lie before each cell, and before the end.
    before: Box<[u32]>,
}

const MOST_BITS: u32 = 16;

impl<T: Coordinate, V: Copy + PartialEq> Steps<T, V> {
    /// The function that has the value of the last of these steps at or below each number; they
    /// ascend, and the first is at the smallest number.
    pub(super) fn new(steps: impl IntoIterator<Item = (T, V)>) -> Self {
        let (mut starts, mut values): (Vec<T>, Vec<V>) = (Vec::new(), Vec::new());
        for (start, value) in steps {
            if values.last() != Some(&value) {
                starts.extend((!values.is_empty()).then_some(start));
                values.push(value);
            }
        }
        let base = starts.first().copied().unwrap_or(T::MIN);
        let end = starts.last().copied().unwrap_or(T::MIN);
        let shift = end.shift_from(base, starts.len().max(1).ilog2().min(MOST_BITS));
        let mut before = vec![0u32; end.cells_from(base, shift) + 2];
        for start in &starts {
            before[start.cells_from(base, shift) + 1] += 1;
        }
        let mut sum = 0;
        for count in &mut before {
            sum += *count;
            *count = sum;
        }
        Self { starts: starts.into(), values: values.into(), base, shift, before: before.into() }
    }

    /// The value at `at`.
    #[inline]
    pub(super) fn at(&self, at: T) -> V {
        let cell = at.cells_from(self.base, self.shift).min(self.before.len() - 2);
        let (mut passed, end) = (self.before[cell] as usize, self.before[cell + 1] as usize);
        // As `partition_point`, but without a branch that nobody could predict.
        let mut left = end - passed;
        while left > 0 {
            let half = left.div_ceil(2);
            passed = select_unpredictable(self.starts[passed + half - 1] <= at, passed + half, passed);
            left -= half;
        }
        self.values[passed]
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.values) + size_of_val(&*self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::Steps;

    #[test]
    fn the_last_step_at_or_below_counts() {
        let steps = [(0u32, 7u16), (5, 8), (6, 8), (1000, 9), (u32::MAX, 7)];
        let function = Steps::new(steps);
        for (at, value) in [(0, 7), (4, 7), (5, 8), (999, 8), (1000, 9), (u32::MAX - 1, 9), (u32::MAX, 7)] {
            assert_eq!(function.at(at), value, "{at}");
        }
        assert_eq!(Steps::new([(0u128, 3u32)]).at(u128::MAX), 3);
    }

    #[test]
    fn many_steps_at_any_distance() {
        let starts = (0..128).map(|bit| 1u128 << bit).chain((1..500).map(|near| (77 << 64) + near * near));
        let mut starts: Vec<u128> = starts.chain([0, u128::MAX]).collect();
        starts.sort_unstable();
        starts.dedup();
        let function = Steps::new(starts.iter().copied().zip(0u32..));
        for &start in &starts {
            for at in [start.saturating_sub(1), start, start.saturating_add(1)] {
                let before = starts.iter().filter(|&&other| other <= at).count();
                assert_eq!(function.at(at) as usize, before - 1, "{at}");
            }
        }
    }
}
