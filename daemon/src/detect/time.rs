//! Time in few bits, and what fades with it.

use std::{f32::consts::LN_2, time::Duration};

use jiff::Timestamp;

/// A point in time, in microseconds since 1970: what is looked at for every contact is plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) const NEVER: Self = Self(i64::MAX);

    /// The same as the world sees it.
    pub(super) fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }

    /// Microseconds since 1970; none before.
    pub(super) fn micros(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// This, and `by` later.
    pub(super) const fn after(self, by: Micros) -> Self {
        Self(self.0.saturating_add(by.0))
    }

    /// The time from `earlier` to this; none when the clock has gone back.
    pub(super) const fn since(self, earlier: Self) -> Micros {
        let passed = self.0.saturating_sub(earlier.0);
        Micros(if passed < 0 { 0 } else { passed })
    }
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self(time.as_microsecond())
    }
}

/// A length of time, in microseconds; never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Micros(i64);

impl Micros {
    pub(super) const fn from_millis(millis: u32) -> Self {
        Self(millis as i64 * 1000)
    }

    pub(super) const fn from_secs(secs: u32) -> Self {
        Self(secs as i64 * 1_000_000)
    }

    pub(super) const fn as_secs(self) -> u64 {
        self.0.unsigned_abs() / 1_000_000
    }

    /// So many times this.
    pub(super) fn times(self, many: u64) -> Self {
        Self(self.0.saturating_mul(i64::try_from(many).unwrap_or(i64::MAX)))
    }

    /// One of so many equal parts.
    pub(super) fn shared_by(self, many: u64) -> Self {
        Self(self.0 / i64::try_from(many).unwrap_or(i64::MAX).max(1))
    }
}

impl From<Duration> for Micros {
    fn from(length: Duration) -> Self {
        Self(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Tenths of a second since some days before the first contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Tenths(pub(super) u32);

/// How long before the first contact time begins: captures are not always in order.
const BEFORE: i64 = 30 * 24 * 3600 * 1_000_000;
/// A tenth of a second.
const TENTH: i64 = 100_000;

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
pub(super) struct Beginning(Moment);

impl Beginning {
    pub(super) const fn before(first: Moment) -> Self {
        Self(Moment(first.0.saturating_sub(BEFORE)))
    }

    pub(super) fn tenths(self, time: Moment) -> Tenths {
        Tenths(u32::try_from(time.since(self.0).0 / TENTH).unwrap_or(u32::MAX))
    }

    pub(super) const fn moment(self, tenths: Tenths) -> Moment {
        self.0.after(Micros(tenths.0 as i64 * TENTH))
    }
}

impl Tenths {
    /// How much of something is left at `self` that was whole at `since`.
    #[inline]
    pub(super) fn left(self, since: Self, half_life: f32) -> f32 {
        match self.since(since) {
            0 => 1.0,
            #[expect(clippy::cast_precision_loss, reason = "a fading sum is no exact thing")]
            tenths => halved(tenths as f32 * half_life.recip()),
        }
    }

    /// Tenths of a second since `earlier`; none when time has gone back.
    pub(super) const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What is left of one after so many half-lives: 2 to the power of `-times`, to one part in 25,000. Steps
/// of any size agree, since what they are off by is nearly nothing where the steps are small.
#[inline]
fn halved(times: f32) -> f32 {
    /// The powers of ln 2, by the factorials: the series of the exponential function.
    const SERIES: [f32; 7] =
        [1.0, -LN_2, 0.240_226_5, -0.055_504_11, 0.009_618_13, -0.001_333_356, 0.000_154_035];
    let times = times.clamp(0.0, 126.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 126")]
    let whole = times as u32;
    #[expect(clippy::cast_precision_loss, reason = "at most 126")]
    let part = times - whole as f32;
    let [one, a, b, c, d, e, f] = SERIES;
    // In pairs, which don't wait for one another (Estrin).
    let square = part * part;
    let fraction = (one + a * part) + square * ((b + c * part) + square * ((d + e * part) + square * f));
    // The exponent's bits (IEEE 754, binary32).
    fraction * f32::from_bits((127 - whole) << 23)
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
        // Of nothing, nothing is left.
        if self.sum == 0.0 { 0.0 } else { self.sum * now.left(self.at, half_life) }
    }
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
    fn halves_are_what_they_should_be() {
        for tenths in (0..2_000_000).step_by(997) {
            let exact = (-f64::from(tenths) / f64::from(FAST)).exp2();
            let left = f64::from(Tenths(tenths).left(Tenths(0), FAST));
            assert!((left - exact).abs() <= exact * 4e-5 + 1e-37, "{tenths}: {left}, not {exact}");
        }
    }

    #[test]
    fn times_come_back() {
        let first = Moment::from(Timestamp::from_second(1_800_000_000).unwrap());
        let beginning = Beginning::before(first);
        assert_eq!(beginning.moment(beginning.tenths(first)), first);
        assert_eq!(beginning.tenths(Timestamp::UNIX_EPOCH.into()), Tenths(0));
        assert_eq!(Moment::NEVER.timestamp(), Timestamp::MAX);
        assert_eq!(Moment::NEVER.after(Micros::from_secs(1)), Moment::NEVER);
        assert_eq!(first.since(first.after(Micros::from_secs(1))), Micros::from_secs(0));
    }
}
