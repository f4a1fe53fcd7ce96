//! Times: of expiry, of tests, of schedules.

use std::fmt;

use jiff::{Timestamp, Zoned, civil::DateTime, tz::TimeZone};

use super::{
    decimal,
    list::{Split, Word, split},
};
use crate::{
    Schedule,
    problem::{FileErrors, ValueProblem, Wanted},
    schedule::{DAY, Days, Hours},
    suggest::nearest,
    written::{Many, Scalar},
};

/// The moment that a date or a text names.
pub(super) fn moment(value: &Scalar) -> Result<Timestamp, ValueProblem> {
    match value {
        Scalar::Text(text) | Scalar::Date(text) if !text.is_empty() => parse_moment(text),
        other => Err(Wanted::Moment.kind(other.kind())),
    }
}

/// A text that is no time.
#[derive(Debug)]
pub struct BadTime(ValueProblem);

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.0.help().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl std::error::Error for BadTime {}

/// The moment that a text names, in all the ways in which rule files may write it.
///
/// # Errors
/// When it names none.
pub fn parse_time(text: &str) -> Result<Timestamp, BadTime> {
    parse_moment(text).map_err(BadTime)
}

/// `2027-01-01`, which is that day's beginning, `2027-01-01 08:00`, either with ` Europe/Berlin`
/// after it, or a time with an offset (RFC 3339, RFC 9557). Without either, by the clocks of this
/// host.
fn parse_moment(text: &str) -> Result<Timestamp, ValueProblem> {
    let text = text.trim();
    if let Some(time) = text.parse().ok().or_else(|| Some(text.parse::<Zoned>().ok()?.timestamp())) {
        return Ok(time);
    }
    let wrong = || Wanted::Moment.word(text);
    let (local, zone) = match text.rsplit_once(' ') {
        Some((local, name)) if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) => {
            (local.trim_end(), zone(name)?)
        }
        _ => (text, TimeZone::system()),
    };
    let local: DateTime = local.parse().map_err(|_| wrong())?;
    zone.to_timestamp(local).map_err(|_| wrong())
}

/// The times that a list names.
pub(super) fn schedule(list: &Many, errors: FileErrors<'_>) -> Option<Schedule> {
    let wanted = Wanted::Schedule;
    let Split { any_of, none_of } = split(list, errors, |word| match word {
        Word::Text(text) => hours(text).map_err(Into::into),
        Word::Number(number) => Err(wanted.word(number.to_string()).into()),
        Word::Other(kind) => Err(wanted.kind(kind).into()),
    })?;
    Some(Schedule { any_of, none_of })
}

/// `[DAYS] [HH:MM-HH:MM] [ZONE]`, with days or hours or both.
pub(crate) fn hours(text: &str) -> Result<Hours, ValueProblem> {
    let wrong = || Wanted::Schedule.word(text);
    let mut words = text.split_whitespace().peekable();
    let days = words.next_if(|word| Days::parse(word).is_some()).and_then(Days::parse);
    let span = words.next_if(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
    if days.is_none() && span.is_none() {
        return Err(wrong());
    }
    let (from, to) = match span {
        None => (0, DAY),
        Some(span) => {
            let (from, to) = span.split_once('-').ok_or_else(wrong)?;
            (minutes(from).ok_or_else(wrong)?, minutes(to).ok_or_else(wrong)?)
        }
    };
    // Nothing, or a whole day? Who means the latter can say so.
    if from == to || from == DAY {
        return Err(wrong());
    }
    let zone = words.next().map_or_else(|| Ok(TimeZone::system()), zone)?;
    match words.next() {
        None => Ok(Hours { days: days.unwrap_or(Days::ALL), from, to, zone }),
        Some(_) => Err(wrong()),
    }
}

/// `HH:MM`, up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':').filter(|(_, minute)| minute.len() == 2)?;
    let (hour, minute): (u16, u16) = (decimal(hour)?, decimal(minute)?);
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && minutes <= DAY).then_some(minutes)
}

fn zone(name: &str) -> Result<TimeZone, ValueProblem> {
    TimeZone::get(name).map_err(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let mut words = names.iter().map(String::as_str);
        // Often it is the place alone.
        let place =
            |full: &&str| full.rsplit('/').next().is_some_and(|place| place.eq_ignore_ascii_case(name));
        let of_place = words.clone().find(place).map(String::from);
        Wanted::Zone.word_near(name, of_place.or_else(|| nearest(name, words.by_ref())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_or_times() {
        let cases = [
            ("2027-01-01T08:00:00+01:00", "2027-01-01T07:00:00Z"),
            ("2027-01-01T08:00:00Z", "2027-01-01T08:00:00Z"),
            ("2027-01-01 08:00 Europe/Berlin", "2027-01-01T07:00:00Z"),
            ("2027-07-01 UTC", "2027-07-01T00:00:00Z"),
            ("2027-07-01T08:00[Europe/Berlin]", "2027-07-01T06:00:00Z"),
        ];
        for (text, time) in cases {
            assert_eq!(parse_moment(text).unwrap(), time.parse().unwrap(), "{text}");
        }
        let local = TimeZone::system().to_timestamp(jiff::civil::date(2027, 1, 1).at(0, 0, 0, 0)).unwrap();
        assert_eq!(parse_moment("2027-01-01").unwrap(), local);
        for text in ["", "tomorrow", "2027-02-30", "2027-01-01 25:00", "08:00", "2027-01-01 08:00 Berlin"] {
            assert!(parse_moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn schedules_are_days_and_hours() {
        for text in [
            "",
            "UTC",
            "mon-fri 8-18",
            "mon-fri 08:00",
            "mon-fri 08:00-25:00",
            "08:00-08:00",
            "24:00-08:00",
            "mon-fri 08:00-18:60",
            "mon-fri 08:00-18:00 UTC more",
            "mo-fr 08:00-18:00",
            "08:00-18:00 mon-fri",
        ] {
            assert!(hours(text).is_err(), "{text}");
        }
    }
}
