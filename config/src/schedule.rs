//! Days and hours at which a rule counts.

mod covers;

use std::{fmt, ops::RangeInclusive};

use jiff::{
    Span, Timestamp, ToSpan as _,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// `schedule`: the times within one of `any_of` (all, when that is empty) and none of `none_of`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// What is written.
    pub any_of: Vec<Hours>,
    /// What is written with `!`.
    pub none_of: Vec<Hours>,
}

/// The same hours on some days of each week, by the clocks of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The days on which they begin.
    pub days: Days,
    /// When they begin, in minutes after midnight; below a whole day.
    pub from: u16,
    /// When they end, in minutes after midnight, at most a whole day; on the next day if that is not
    /// later than `from`.
    pub to: u16,
    /// Whose clocks.
    pub zone: TimeZone,
}

/// Days of the week, a bit each from Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

/// The minutes of a day.
pub(crate) const DAY: u16 = 24 * 60;
/// Any change that a schedule makes, it makes within so many days: each week is like the other but
/// for the hours that summer time takes away.
const HORIZON: i64 = 22;

impl Schedule {
    /// Whether `time` is within the schedule.
    pub fn contains(&self, time: Timestamp) -> bool {
        let Self { any_of, none_of } = self;
        (any_of.is_empty() || any_of.iter().any(|hours| hours.contains(time)))
            && !none_of.iter().any(|hours| hours.contains(time))
    }

    /// The first time after `time` at which [`Self::contains`] says something else; `None` where that
    /// never happens.
    pub fn next_change(&self, time: Timestamp) -> Option<Timestamp> {
        let now = self.contains(time);
        let mut edges = self.edges(time, -2..=HORIZON);
        edges.retain(|&edge| edge > time);
        edges.sort_unstable();
        edges.into_iter().find(|&edge| self.contains(edge) != now)
    }

    /// Since when [`Self::contains`] says what it says of `time`; `None` where it always did.
    pub fn last_change(&self, time: Timestamp) -> Option<Timestamp> {
        let now = self.contains(time);
        let mut edges = self.edges(time, -HORIZON..=1);
        edges.retain(|&edge| edge <= time);
        edges.sort_unstable();
        let before = |edge: Timestamp| edge.checked_sub(1.nanosecond()).ok();
        edges.into_iter().rev().find(|&edge| before(edge).is_some_and(|before| self.contains(before) != now))
    }

    fn hours(&self) -> impl Iterator<Item = &Hours> {
        self.any_of.iter().chain(&self.none_of)
    }

    /// When hours begin and end, whether that changes anything or not.
    fn edges(&self, time: Timestamp, days: RangeInclusive<i64>) -> Vec<Timestamp> {
        self.hours()
            .flat_map(|hours| hours.around(time, days.clone()))
            .flat_map(<[Timestamp; 2]>::from)
            .collect()
    }
}

impl Hours {
    fn contains(&self, time: Timestamp) -> bool {
        self.around(time, -2..=1).any(|(start, end)| start <= time && time < end)
    }

    /// When the hours begin and end that begin on so many days around that of `time`: from two days before it, or
    /// a place that changes its offset by a day at midnight would miss some.
    fn around(
        &self,
        time: Timestamp,
        days: RangeInclusive<i64>,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = time.to_zoned(self.zone.clone()).date();
        let dates = days.filter_map(move |day| today.checked_add(day.days()).ok());
        dates.filter(|date| self.days.contains(date.weekday())).filter_map(|date| self.on(date))
    }

    /// When the hours of `date` begin and end. A time that summer time leaves out is taken for the
    /// one an hour later, and of two the first (RFC 5545, 3.3.5).
    fn on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let at = |minutes: u16, days: i64| {
            let midnight = date.to_datetime(jiff::civil::Time::midnight());
            let span: Span = (days + i64::from(minutes / DAY)).days().minutes(minutes % DAY);
            let local = midnight.checked_add(span).ok()?;
            self.zone.to_timestamp(local).ok()
        };
        Some((at(self.from, 0)?, at(self.to, i64::from(self.to <= self.from))?))
    }
}

impl Days {
    /// Every day.
    pub const ALL: Self = Self(0x7f);
    /// No day.
    pub(crate) const NONE: Self = Self(0);
    const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// Whether `day` is one of them.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & 1 << day.to_monday_zero_offset() != 0
    }

    /// The days that a word names: `fri`, `Friday`, `mon-fri`, `fri-mon`, `sat,sun`, `daily`.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        if word == "daily" {
            return Some(Self::ALL);
        }
        word.split(',').try_fold(Self::NONE, |days, part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (Self::number(first)?, Self::number(last)?);
            let count = (last + 7 - first) % 7 + 1;
            Some((0..count).fold(days, |days, n| Self(days.0 | 1 << ((first + n) % 7))))
        })
    }

    fn number(name: &str) -> Option<u8> {
        let name = name.to_ascii_lowercase();
        let is_meant = |short: &&str| name == **short || name == Self::long(short);
        (0..).zip(&Self::NAMES).find(|(_, short)| is_meant(short)).map(|(number, _)| number)
    }

    fn long(short: &str) -> String {
        let rest = match short {
            "tue" => "s",
            "wed" => "nes",
            "thu" => "rs",
            "sat" => "ur",
            _ => "",
        };
        format!("{short}{rest}day")
    }
}

/// As rule files write it.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.any_of.iter().map(|hours| ("", hours));
        for (n, (negation, hours)) in written.chain(self.none_of.iter().map(|hours| ("!", hours))).enumerate()
        {
            write!(f, "{}{negation}{hours}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, from, to, zone } = self;
        let (from, to) = ((from / 60, from % 60), (to / 60, to % 60));
        write!(f, "{days} {:02}:{:02}-{:02}:{:02}", from.0, from.1, to.0, to.1)?;
        zone.iana_name().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("daily");
        }
        let has = |day: usize| self.0 & 1 << day != 0;
        let (mut day, mut comma) = (0, "");
        while day < 7 {
            let last = (day..7).take_while(|&day| has(day)).last();
            match last {
                None => {}
                Some(last) if last == day => write!(f, "{comma}{}", Self::NAMES[day])?,
                Some(last) => write!(f, "{comma}{}-{}", Self::NAMES[day], Self::NAMES[last])?,
            }
            if last.is_some() {
                comma = ",";
            }
            day = last.unwrap_or(day) + 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
