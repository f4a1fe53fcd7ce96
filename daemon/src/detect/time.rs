//! Time in few bits, and what fades with it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Tenths of a second since some days before the first contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Tenths(pub(super) u32);

/// How long before the first contact time begins, in seconds: captures are not always in order.
const BEFORE: i64 = 30 * 24 * 3600;

/// Ten minutes: a burst is forgotten in an hour.
pub(super) const FAST: f32 = 6_000.0;
/// A day: a door an hour adds up.
pub(super) const SLOW: f32 = 864_000.0;
/// Ten seconds: a rate.
pub(super) const RATE: f32 = 100.0;
/// Two minutes: many sources at one door.
pub(super) const CROWD: f32 = 1_200.0;

/// Where [`Tenths`] are counted from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning(Timestamp);

impl Beginning {
    pub(super) fn before(first: Timestamp) -> Self {
        Self(first.checked_sub(SignedDuration::from_secs(BEFORE)).unwrap_or(Timestamp::MIN))
    }

    pub(super) fn tenths(self, time: Timestamp) -> Tenths {
        let tenths = time.duration_since(self.0).as_millis() / 100;
        Tenths(u32::try_from(tenths.max(0)).unwrap_or(u32::MAX))
    }

    pub(super) fn timestamp(self, tenths: Tenths) -> Timestamp {
        after(self.0, Duration::from_millis(u64::from(tenths.0) * 100))
    }
}

impl Tenths {
    /// How much of something is left at `self` that was whole at `since`.
    pub(super) fn left(self, since: Self, half_life: f32) -> f32 {
        match self.since(since) {
            0 => 1.0,
            #[expect(clippy::cast_precision_loss, reason = "a fading sum is no exact thing")]
            tenths => (-(tenths as f32) / half_life).exp2(),
        }
    }

    /// Tenths of a second since `earlier`; none when time has gone back.
    pub(super) const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A sum that fades.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fading {
    sum: f32,
    at: Tenths,
}

impl Fading {
    /// Adds `more` at `now`, and tells the sum.
    pub(super) fn add(&mut self, more: f32, now: Tenths, half_life: f32) -> f32 {
        self.sum = self.at(now, half_life) + more;
        self.at = self.at.max(now);
        self.sum
    }

    /// What is left of it at `now`.
    pub(super) fn at(&self, now: Tenths, half_life: f32) -> f32 {
        self.sum * now.left(self.at, half_life)
    }
}

/// The time from `earlier` to `later`; none when the clock has gone back.
pub(super) fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// `time`, and `by` later.
pub(super) fn after(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_left_after_a_half_life() {
        let mut sum = Fading::default();
        sum.add(8.0, Tenths(1000), FAST);
        assert!((sum.at(Tenths(7000), FAST) - 4.0).abs() < 0.001);
        assert!((sum.add(1.0, Tenths(7000), FAST) - 5.0).abs() < 0.001);
        assert!((sum.at(Tenths(0), FAST) - 5.0).abs() < 0.001, "time never goes back");
    }

    #[test]
    fn times_come_back() {
        let first = Timestamp::from_second(1_800_000_000).unwrap();
        let beginning = Beginning::before(first);
        assert_eq!(beginning.timestamp(beginning.tenths(first)), first);
        assert_eq!(beginning.tenths(Timestamp::UNIX_EPOCH), Tenths(0));
    }
}
