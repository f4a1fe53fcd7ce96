//! Classes where there would be too many: neighbours become one.

use crate::{
    Step,
    table::classes::{Classes, Row},
};

/// So many ends of ranges are looked at for each class, to make classes of which each has about as many.
const SAMPLES: usize = 8;

/// At most `most` classes of numbers, and which of these sets hold something of each; `None` stands for every number.
pub(super) fn rough<T: Step>(sets: &[Option<&[(T, T)]>], most: usize) -> Classes<T> {
    let ranges = || sets.iter().flatten().flat_map(|ranges| ranges.iter());
    let every = (ranges().count() / (most * SAMPLES)).max(1);
    let mut sample: Vec<T> = ranges().step_by(every).map(|&(first, _)| first).collect();
    sample.sort_unstable();
    sample.dedup();
    let share = sample.len().div_ceil(most).max(1);
    let mut starts: Vec<T> = sample.into_iter().step_by(share).collect();
    match starts.first_mut() {
        Some(first) => *first = T::MIN,
        None => starts.push(T::MIN),
    }
    // Where each set begins and ends to hold some of a class.
    let mut flips: Vec<(usize, usize)> = Vec::new();
    let mut here: Row = vec![0; sets.len().div_ceil(64)].into();
    for (number, set) in sets.iter().enumerate() {
        let Some(set) = set else {
            here[number / 64] |= 1 << (number % 64);
            continue;
        };
        let class = |at: T| starts.partition_point(|&start| start <= at) - 1;
        let mut ended = 0;
        for &(first, last) in *set {
            let (from, to) = (class(first).max(ended), class(last));
            if from <= to {
                flips.extend([(from, number), (to + 1, number)]);
                ended = to + 1;
            }
        }
    }
    flips.sort_unstable();
    let mut flips = flips.into_iter().peekable();
    let rows = (0..starts.len()).map(|class| {
        while let Some((_, set)) = flips.next_if(|&(at, _)| at == class) {
            here[set / 64] ^= 1 << (set % 64);
        }
        here.clone()
    });
    Classes { rows: rows.collect(), steps: starts.into_iter().zip(0..).collect() }
}

#[cfg(test)]
mod tests {
    use super::rough;
    use crate::table::classes::Classes;

    #[test]
    fn each_class_has_what_holds_some_of_it() {
        let ones: Vec<Vec<(u32, u32)>> =
            (0..500).map(|n| vec![(7 * n, 7 * n + 2), (9000 + n, 9000 + n)]).collect();
        let mut sets: Vec<Option<&[(u32, u32)]>> = ones.iter().map(|set| Some(&set[..])).collect();
        sets.extend([None, Some(&[(0, 0), (1700, u32::MAX)][..]), Some(&[])]);
        for most in [2, 3, 40, 10_000] {
            let Classes { rows, steps } = rough(&sets, most);
            let starts: Vec<u32> = steps.iter().map(|&(start, _)| start).collect();
            assert!(steps.iter().zip(0..).all(|(step, class)| step.1 == class));
            assert!(
                starts.len() <= most && starts[0] == 0 && starts.is_sorted() && rows.len() == starts.len()
            );
            for (class, row) in rows.iter().enumerate() {
                let last = starts.get(class + 1).map_or(u32::MAX, |next| next - 1);
                for (number, set) in sets.iter().enumerate() {
                    let holds = set.is_none_or(|set| {
                        set.iter().any(|range| range.0 <= last && starts[class] <= range.1)
                    });
                    assert_eq!(
                        row[number / 64] >> (number % 64) & 1 == 1,
                        holds,
                        "{class} of {most}, {number}"
                    );
                }
            }
        }
    }
}
