//! Counts over the last minutes, as a line of little bars.

use jiff::Timestamp;

/// Bars in a line.
pub(super) const BARS: usize = 24;
/// Seconds that a bar stands for.
pub(super) const SECONDS: i64 = 10;
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Counts in stretches of [`SECONDS`], the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spark {
    /// The stretch of the last bar, counted from 1970.
    last: i64,
    counts: [u64; BARS],
}

impl Spark {
    /// Counts what happened at `time`; what is too old is left out.
    pub(super) fn add(&mut self, time: Timestamp, count: u64) {
        let stretch = time.as_second().div_euclid(SECONDS);
        self.move_to(stretch);
        let back = usize::try_from(self.last - stretch).unwrap_or(BARS);
        if let Some(place) = (BARS - 1).checked_sub(back) {
            self.counts[place] += count;
        }
    }

    /// Moves on to `time`; what is too old falls off.
    pub(super) fn at(&mut self, time: Timestamp) {
        self.move_to(time.as_second().div_euclid(SECONDS));
    }

    fn move_to(&mut self, stretch: i64) {
        if stretch > self.last {
            let steps = usize::try_from(stretch - self.last).unwrap_or(BARS).min(BARS);
            self.counts.rotate_left(steps);
            self.counts[BARS - steps..].fill(0);
            self.last = stretch;
        }
    }

    /// All together.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The last `bars` of them.
    pub(super) fn line(&self, bars: usize) -> String {
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let shown = &self.counts[BARS.saturating_sub(bars)..];
        let height = |&count: &u64| HEIGHTS[usize::try_from((count * 8).div_ceil(most)).unwrap_or(8).min(8)];
        shown.iter().map(height).collect()
    }
}
