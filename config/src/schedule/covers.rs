//! Schedules that cover others.

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};

use super::{DAY, Hours, Schedule};

/// So many times are clocks looked at when they are put forward or back; after that it is always the same.
const MOST_TRANSITIONS: usize = 128;

impl Schedule {
    /// Whether from `time` on each time of `other` is a time of this one: where that shows by the clocks of one
    /// place, as the same minutes of the week.
    pub fn covers(&self, other: &Self, time: Timestamp) -> bool {
        if self == other {
            return true;
        }
        let mut hours = [self, other].into_iter().flat_map(|schedule| schedule.hours());
        let Some(Hours { zone, .. }) = hours.next() else { return true };
        let one_zone = hours.all(|hours| hours.zone == *zone);
        let within = || self.minutes().iter().zip(other.minutes()).all(|(own, other)| *own || !other);
        // Clocks of one place show hours in their order, but for those that begin or end where some are left out.
        let in_order = || {
            let left_out = left_out(zone, time);
            let mut edges = [self, other].into_iter().flat_map(|schedule| schedule.hours());
            edges.all(|Hours { from, to, .. }| [from, to].iter().all(|&edge| !left_out(*edge)))
        };
        one_zone && within() && in_order()
    }

    /// Which minutes of the week are within the schedule, by the clocks.
    fn minutes(&self) -> Vec<bool> {
        let Self { any_of, none_of } = self;
        let mut minutes = vec![any_of.is_empty(); 7 * usize::from(DAY)];
        for (hours, within) in
            any_of.iter().map(|hours| (hours, true)).chain(none_of.iter().map(|hours| (hours, false)))
        {
            for minute in hours.minutes() {
                minutes[minute] = within;
            }
        }
        minutes
    }
}

impl Hours {
    /// Their minutes of the week, by the clocks.
    fn minutes(&self) -> impl Iterator<Item = usize> {
        let Self { days, from, to, zone: _ } = self;
        let (from, to) = (*from, if to <= from { to + DAY } else { *to });
        let whole_week = 7 * usize::from(DAY);
        let starts = (0..7).filter(|day| days.0 & 1 << day != 0).map(|day| day * usize::from(DAY));
        starts.flat_map(move |start| (from..to).map(move |minute| (start + usize::from(minute)) % whole_week))
    }
}

/// Whether the clocks of a place, from `time` on, are ever put forward over this minute of the day.
fn left_out(zone: &TimeZone, time: Timestamp) -> impl Fn(u16) -> bool {
    let gaps = zone.following(time).take(MOST_TRANSITIONS).filter_map(|transition| {
        let before = zone.to_offset(transition.timestamp().checked_sub(1.nanosecond()).ok()?);
        let begin = before.to_datetime(transition.timestamp()).time();
        let length = i64::from(transition.offset().seconds() - before.seconds());
        Some((
            i64::from(begin.hour()) * 3600 + i64::from(begin.minute()) * 60 + i64::from(begin.second()),
            length,
        ))
    });
    let gaps: Vec<(i64, i64)> = gaps.filter(|(_, length)| *length > 0).collect();
    move |minute| {
        let after = |begin: i64| (i64::from(minute) * 60 - begin).rem_euclid(i64::from(DAY) * 60);
        gaps.iter().any(|&(begin, length)| (1..length).contains(&after(begin)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::{ProptestConfig, Strategy},
        prop_assert, proptest,
        sample::select,
    };

    use super::*;
    use crate::lower::hours;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn schedule(written: &str) -> Schedule {
        let mut schedule = Schedule::default();
        for text in written.split("; ") {
            match text.strip_prefix('!') {
                Some(text) => schedule.none_of.push(hours(text).unwrap()),
                None => schedule.any_of.push(hours(text).unwrap()),
            }
        }
        schedule
    }

    #[test]
    fn a_schedule_covers_those_within_it() {
        let cases = [
            ("mon-fri 08:00-18:00 Europe/Berlin", "mon-fri 08:00-18:00 Europe/Berlin", true),
            ("mon-fri 08:00-18:00 Europe/Berlin", "tue,thu 12:00-13:00 Europe/Berlin", true),
            ("mon-fri 08:00-18:00 Europe/Berlin", "sat 12:00-13:00 Europe/Berlin", false),
            ("mon-fri 08:00-18:00 Europe/Berlin", "mon 07:59-18:00 Europe/Berlin", false),
            ("mon-fri 08:00-18:00 Europe/Berlin", "mon 12:00-13:00 Europe/Paris", false),
            ("fri-mon 22:00-06:00 UTC", "mon 05:00-06:00 UTC", true),
            ("fri-mon 22:00-06:00 UTC", "tue 00:00-07:00 UTC", false),
            ("mon-wed UTC; thu-sun UTC", "sat-mon UTC", true),
            ("!sat-sun UTC", "mon-fri 08:00-18:00 UTC", true),
            ("!sat-sun UTC", "fri 08:00-02:00 UTC", false),
            ("mon-fri UTC; !12:00-13:00 UTC", "mon 08:00-12:00 UTC", true),
            ("mon-fri UTC", "!sat-sun UTC", true),
            // 02:30 is left out one night of the year: half an hour is then lost between three o'clock and 02:30.
            ("02:30-06:00 Europe/Berlin", "03:00-05:00 Europe/Berlin", false),
            ("02:30-06:00 UTC", "03:00-05:00 UTC", true),
            ("02:00-06:00 Europe/Berlin", "03:00-05:00 Europe/Berlin", true),
        ];
        for (wide, narrow, covers) in cases {
            let (wide, narrow) = (schedule(wide), schedule(narrow));
            assert_eq!(wide.covers(&narrow, at("2026-11-23T12:00:00Z")), covers, "{wide} and {narrow}");
        }
    }

    /// Schedules of the nights and days around which clocks are put forward and back.
    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let times = select(vec!["00:00", "01:30", "02:00", "02:15", "02:30", "03:00", "03:30", "06:00"]);
        let days = select(vec!["daily", "sun", "sat-sun"]);
        let zone = select(vec!["Europe/Berlin", "Australia/Lord_Howe"]);
        let written = (proptest::bool::weighted(0.3), days, times.clone(), times, zone)
            .prop_filter("no hours", |(_, _, from, to, _)| from != to)
            .prop_map(|(not, days, from, to, zone)| {
                format!("{}{days} {from}-{to} {zone}", if not { "!" } else { "" })
            });
        vec(written, 1..3).prop_map(|written| schedule(&written.join("; ")))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_covered_is_within((wide, narrow) in (any_schedule(), any_schedule())) {
            let start = at("2027-01-01T00:00:00Z");
            if wide.covers(&narrow, start) {
                // The weekends at which clocks are put forward or back, in both places.
                for begin in ["2027-03-26", "2027-04-02", "2027-10-01", "2027-10-30"] {
                    for quarter in 0..4 * 24 * 4 {
                        let time = at(&format!("{begin}T12:00:00Z")) + (15 * quarter).minutes();
                        prop_assert!(wide.contains(time) || !narrow.contains(time), "{wide} and {narrow} at {time}");
                    }
                }
            }
        }
    }
}
