//! `[log]`.

use std::path::PathBuf;

use super::{
    one::{one, text},
    units::size,
};
use crate::{
    Log,
    problem::{FileErrors, Problem, SettingsProblem, Wanted},
    written::{self, Scalar, Stanza},
};

pub(super) fn log(written: Option<&Stanza<written::Log>>, errors: FileErrors<'_>) -> Log {
    let absent = written::Log::default();
    let written::Log { directory: path, max_size, max_total } =
        written.map_or(&absent, |stanza| &stanza.body);
    let log = Log {
        directory: one(path.as_ref(), errors, directory).unwrap_or_else(|| "/var/log/portcullis".into()),
        max_size: one(max_size.as_ref(), errors, size).unwrap_or(64 << 20),
        max_total: one(max_total.as_ref(), errors, size).unwrap_or(1 << 30),
    };
    if log.max_total < log.max_size
        && let Some(written) = max_total.as_ref().or(max_size.as_ref())
    {
        errors.report(written.span(), SettingsProblem::TotalBelowSize);
    }
    log
}

fn directory(value: &Scalar) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(text(Wanted::Path)(value)?);
    if path.is_absolute() { Ok(path) } else { Err(SettingsProblem::RelativeDirectory.into()) }
}
