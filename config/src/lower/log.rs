//! `[log]`.

use std::{path::PathBuf, time::Duration};

use super::{
    one::{choice, flag, one, text},
    units::{duration, size},
};
use crate::{
    Journald, Log,
    problem::{Choice, FileErrors, Problem, SettingsProblem, Wanted},
    written::{self, Scalar, Stanza},
};

pub(super) fn log(written: Option<&Stanza<written::Log>>, errors: FileErrors<'_>) -> Log {
    let absent = written::Log::default();
    let written::Log { directory: path, max_size, max_total, max_age, journald: told, syslog } =
        written.map_or(&absent, |stanza| &stanza.body);
    let usual = Log::default();
    let log = Log {
        directory: one(path.as_ref(), errors, directory).unwrap_or(usual.directory),
        max_size: one(max_size.as_ref(), errors, size).unwrap_or(usual.max_size),
        max_total: one(max_total.as_ref(), errors, size).unwrap_or(usual.max_total),
        max_age: one(max_age.as_ref(), errors, age),
        journald: one(told.as_ref(), errors, choice(&Choice::JOURNALD, journald)).unwrap_or_default(),
        syslog: one(syslog.as_ref(), errors, flag).unwrap_or(false),
    };
    if log.max_total < log.max_size
        && let Some(written) = max_total.as_ref().or(max_size.as_ref())
    {
        errors.report(written.span(), SettingsProblem::TotalBelowSize);
    }
    log
}

fn journald(word: &str) -> Option<Journald> {
    match word {
        "none" => Some(Journald::None),
        "incidents" => Some(Journald::Incidents),
        "packets" => Some(Journald::Packets),
        _ => None,
    }
}

/// Files are rotated once a day, and go as a whole.
const LEAST_AGE: Duration = Duration::from_secs(86_400);

fn age(value: &Scalar) -> Result<Duration, Problem> {
    let age = duration(value)?;
    if age < LEAST_AGE { Err(SettingsProblem::AgeBelowDay.into()) } else { Ok(age) }
}

fn directory(value: &Scalar) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(text(Wanted::Path)(value)?);
    if path.is_absolute() { Ok(path) } else { Err(SettingsProblem::RelativeDirectory.into()) }
}
