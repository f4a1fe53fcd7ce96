//! Times as people write them.

use jiff::{
    Error, Span, Timestamp, ToSpan as _, Zoned,
    civil::{Date, DateTime},
};

/// A moment, absolute or seen from now.
#[derive(Debug, Clone)]
pub enum When {
    /// `2026-11-23T08:00:00Z`.
    Moment(Timestamp),
    /// `2026-11-23 08:00`, or a date alone for its first moment; local time.
    Local(DateTime),
    /// `today` (0), `yesterday` (1): the first moment of that day.
    DaysBack(i64),
    /// `2h`, `3d ago`.
    Ago(Span),
}

impl When {
    /// Reads a time.
    ///
    /// # Errors
    /// A hint at what is understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text {
            "now" => return Ok(Self::Ago(Span::new())),
            "today" => return Ok(Self::DaysBack(0)),
            "yesterday" => return Ok(Self::DaysBack(1)),
            _ => {}
        }
        let moment = text.parse().ok().map(Self::Moment);
        let local = || text.parse().ok().map(Self::Local);
        let date = || text.parse().ok().map(|date: Date| Self::Local(date.at(0, 0, 0, 0)));
        moment.or_else(local).or_else(date).or_else(|| ago(text).map(Self::Ago)).ok_or_else(|| {
            "not a time; try \"2026-11-23 08:00\", \"2026-11-23\", \"yesterday\", \"2h\" or \"3d ago\""
                .to_owned()
        })
    }

    /// The moment meant, seen from `now` and in its time zone.
    ///
    /// # Errors
    /// When there is no such moment.
    pub fn before(&self, now: &Zoned) -> Result<Timestamp, Error> {
        Ok(match self {
            Self::Moment(moment) => *moment,
            Self::Local(local) => local.to_zoned(now.time_zone().clone())?.timestamp(),
            Self::DaysBack(days) => now.checked_sub(days.days())?.start_of_day()?.timestamp(),
            Self::Ago(span) => now.checked_sub(*span)?.timestamp(),
        })
    }
}

/// `90 min`, `3d ago`.
fn ago(text: &str) -> Option<Span> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: i64 = number.parse().ok()?;
    match unit.trim() {
        "s" | "sec" | "second" | "seconds" => Span::new().try_seconds(number),
        "m" | "min" | "minute" | "minutes" => Span::new().try_minutes(number),
        "h" | "hour" | "hours" => Span::new().try_hours(number),
        "d" | "day" | "days" => Span::new().try_days(number),
        "w" | "week" | "weeks" => Span::new().try_weeks(number),
        _ => return None,
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_what_people_write() {
        let now: Zoned = "2026-11-23T10:30:00+01:00[Europe/Berlin]".parse().unwrap();
        for (text, moment) in [
            ("2026-11-23 08:00", "2026-11-23T07:00:00Z"),
            ("2026-11-23T08:00:05", "2026-11-23T07:00:05Z"),
            ("2026-11-23T08:00Z", "2026-11-23T08:00:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
            ("now", "2026-11-23T09:30:00Z"),
            ("today", "2026-11-22T23:00:00Z"),
            ("yesterday", "2026-11-21T23:00:00Z"),
            ("2h", "2026-11-23T07:30:00Z"),
            ("90 min", "2026-11-23T08:00:00Z"),
            ("30d ago", "2026-10-24T08:30:00Z"),
            ("1 week ago", "2026-11-16T09:30:00Z"),
        ] {
            let expected: Timestamp = moment.parse().unwrap();
            assert_eq!(When::parse(text).unwrap().before(&now).unwrap(), expected, "{text}");
        }
        for text in ["", "ago", "h", "2 fortnights", "tomorrow", "99999999999999999999h", "9999999999 weeks"]
        {
            assert!(When::parse(text).is_err(), "{text}");
        }
        assert!(When::parse("19000 years").is_err());
    }
}
