//! When records may go for their age. Deleting can't be undone, and a clock can be wrong: at boot, before it is set, or after
//! somebody has set it.
//!
//! The clock is believed unless it makes an unlikely claim: that it has jumped while this process ran, or that no record was
//! written for as long as records are kept. Then nothing goes for its age until the clock has run evenly for a day, in
//! which somebody may notice. (Size is always bounded.)

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// How far the wall clock may move against the one that nobody sets: it is slewed all the time, by less.
const SLEWED: SignedDuration = SignedDuration::from_mins(5);
/// How long a clock has to run evenly before an unlikely claim of it is believed.
const LONG_ENOUGH: Duration = Duration::from_secs(24 * 3600);

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) wall: Timestamp,
    /// Since the machine was started, suspended or not.
    pub(super) boot: Duration,
}

impl Moment {
    pub(super) fn now() -> Self {
        let boot = clock_gettime(ClockId::Boottime);
        let seconds = Duration::from_secs(boot.tv_sec.unsigned_abs());
        Self { wall: Timestamp::now(), boot: seconds + Duration::from_nanos(boot.tv_nsec.unsigned_abs()) }
    }
}

/// Whether the wall clock can be relied on.
#[derive(Debug)]
pub(super) struct Reliance {
    /// Since when it has run evenly, as far as this process knows.
    even_since: Moment,
    jumped: bool,
}

impl Reliance {
    pub(super) const fn since(start: Moment) -> Self {
        Self { even_since: start, jumped: false }
    }

    /// Whether files that are `kept` for some time may go at `now`, by the times of all of them in order.
    pub(super) fn may_delete(&mut self, now: Moment, files: &[Timestamp], kept: SignedDuration) -> bool {
        let Moment { wall, boot } = self.even_since;
        let ran = now.boot.saturating_sub(boot);
        let claims = now.wall.duration_since(wall);
        let expected = SignedDuration::try_from(ran).unwrap_or(SignedDuration::MAX);
        if claims.checked_sub(expected).is_none_or(|drift| drift.abs() > SLEWED) {
            *self = Self { even_since: now, jumped: true };
            return false;
        }
        let moments = || files.iter().copied().chain([now.wall]);
        let silent = moments().zip(moments().skip(1)).any(|(one, next)| next.duration_since(one) >= kept);
        ran >= LONG_ENOUGH || !(self.jumped || silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

    fn at(wall: i64, boot: i64) -> Moment {
        let wall = Timestamp::from_second(1_800_000_000 + wall).unwrap();
        Moment { wall, boot: Duration::from_secs(boot.unsigned_abs()) }
    }

    fn files(days: impl IntoIterator<Item = i64>) -> Vec<Timestamp> {
        days.into_iter().map(|day| at(day * DAY, 0).wall).collect()
    }

    #[test]
    fn a_clock_that_fits_the_records_is_believed_at_once() {
        let mut reliance = Reliance::since(at(0, 20));
        assert!(reliance.may_delete(at(0, 20), &files(-40..0), KEPT));
        assert!(reliance.may_delete(at(HOUR + 100, 20 + HOUR), &files(-40..0), KEPT), "a little slewed");
        assert!(reliance.may_delete(at(HOUR, 20 + HOUR), &[], KEPT), "nothing is there to lose");
    }

    #[test]
    fn a_clock_that_jumps_is_believed_after_a_day() {
        let mut reliance = Reliance::since(at(0, 20));
        let ahead = 365 * DAY;
        // Records with the new time make no difference.
        let files = files((-40..0).chain([365]));
        assert!(!reliance.may_delete(at(ahead, 30), &files, KEPT));
        assert!(!reliance.may_delete(at(ahead + DAY - 60, 30 + DAY - 60), &files, KEPT));
        assert!(reliance.may_delete(at(ahead + DAY, 30 + DAY), &files, KEPT), "it has kept at it");
        assert!(!reliance.may_delete(at(0, 40 + DAY), &files, KEPT), "and back");
    }

    #[test]
    fn a_clock_that_was_wrong_from_the_start_is_believed_after_a_day() {
        let mut reliance = Reliance::since(at(365 * DAY, 20));
        let files = files(-40..0);
        assert!(!reliance.may_delete(at(365 * DAY, 20), &files, KEPT));
        assert!(reliance.may_delete(at(366 * DAY, 20 + DAY), &files, KEPT));
    }
}
