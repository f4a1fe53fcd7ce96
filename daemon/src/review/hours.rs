//! How many packets there were in each hour or day.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use jiff::{Timestamp, ToSpan as _, Unit, Zoned, civil::DateTime, tz::TimeZone};

use crate::log::digest::Digest;

/// How long a bar is when nobody knows the terminal.
const BAR: usize = 50;
/// Of empty stretches, more lines than that are one.
const GAP: usize = 6;

/// What a line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Each {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

/// Packets by quarter of an hour since 1970, those in summaries included.
#[derive(Debug, Default)]
pub struct Hours(pub(super) HashMap<i64, u64>);

const HOUR: i64 = 3_600_000_000;
/// Time zones differ from each other by quarters of an hour.
const QUARTER: i64 = HOUR / 4;

impl Hours {
    /// Adds the `rows` of a digest.
    pub(super) fn add(&mut self, digest: &Digest, rows: &[u32]) {
        let mut last = (i64::MIN, 0);
        for &row in rows {
            let quarter = digest.rows.time[row as usize].div_euclid(QUARTER);
            if quarter != last.0 {
                *self.0.entry(last.0).or_default() += last.1;
                last = (quarter, 0);
            }
            last.1 += digest.rows.count[row as usize];
        }
        *self.0.entry(last.0).or_default() += last.1;
    }

    /// Both together.
    pub(super) fn merge(mut self, other: Self) -> Self {
        other.0.into_iter().for_each(|(quarter, count)| *self.0.entry(quarter).or_default() += count);
        self
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Counts of local hours or days, in order; those without packets are left out.
    pub fn local(&self, each: Each, zone: &TimeZone) -> Vec<(DateTime, u64)> {
        let mut counts: HashMap<DateTime, u64> = HashMap::new();
        for (quarter, count) in self.0.iter().filter(|(_, count)| **count > 0) {
            let moment = quarter.checked_mul(QUARTER).and_then(|us| Timestamp::from_microsecond(us).ok());
            let Some(moment) = moment else { continue };
            let local = moment.to_zoned(zone.clone()).datetime();
            let start = match each {
                Each::Hour => DateTime::from_parts(local.date(), jiff::civil::time(local.hour(), 0, 0, 0)),
                Each::Day => local.date().at(0, 0, 0, 0),
            };
            *counts.entry(start).or_default() += count;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable();
        counts
    }
}

/// Prints a bar for each hour or day, the last `rows` of them.
pub(super) fn print(
    hours: &Hours,
    each: Each,
    rows: Option<usize>,
    now: &Zoned,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut counts = hours.local(each, now.time_zone());
    if let Some(rows) = rows {
        counts.drain(..counts.len().saturating_sub(rows));
    }
    let most = counts.iter().map(|&(_, count)| count).max().unwrap_or(0);
    let bar = width.map_or(BAR, |width| width.saturating_sub(30)).max(10) as u64;
    let (unit, step) = match each {
        Each::Hour => (Unit::Hour, 1.hour()),
        Each::Day => (Unit::Day, 1.day()),
    };
    let mut expected: Option<DateTime> = None;
    for (start, count) in counts {
        while let Some(empty) = expected.filter(|&empty| empty < start) {
            let gap = empty.until((unit, start)).map_or(0, |gap| {
                gap.get_hours().unsigned_abs() as usize + gap.get_days().unsigned_abs() as usize
            });
            if gap > GAP {
                writeln!(out, "{:>27}", "…")?;
                break;
            }
            writeln!(out, "{}  {:>9}", empty.strftime("%Y-%m-%d %H:%M"), 0)?;
            expected = empty.checked_add(step).ok();
        }
        let length = usize::try_from((count * bar).div_ceil(most.max(1))).unwrap_or(0);
        writeln!(out, "{}  {count:>9}  {}", start.strftime("%Y-%m-%d %H:%M"), "█".repeat(length))?;
        expected = start.checked_add(step).ok();
    }
    Ok(())
}
