//! `log` and `report`: what the records tell.

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Zoned;

use super::{Outcome, configuration, fail};
use crate::{
    cli::{ConfigArgs, MakeReportArgs, ReviewArgs},
    report, review,
};

pub(super) fn log(args: &ReviewArgs) -> Outcome {
    let directory = match directory(args.directory.as_ref(), &args.config) {
        Ok(directory) => directory,
        Err(outcome) => return outcome,
    };
    match review::run(&args.review, &directory, &mut io::stdout().lock()) {
        Ok(review::Outcome::Found) => Outcome::Fine,
        Ok(review::Outcome::Nothing) => Outcome::No,
        Err(error) => unreadable(&directory, &error),
    }
}

pub(super) fn report(args: &MakeReportArgs) -> Outcome {
    let directory = match directory(args.directory.as_ref(), &args.config) {
        Ok(directory) => directory,
        Err(outcome) => return outcome,
    };
    let page = match report::report(&args.report, &directory, &Zoned::now()) {
        Ok(page) => page,
        Err(error) => return unreadable(&directory, &error),
    };
    match report::write(&args.report, &page) {
        Ok(()) => Outcome::Fine,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Outcome::Fine,
        Err(error) => fail(Outcome::No, format!("cannot write the page: {error}")),
    }
}

/// Where the records are.
pub(super) fn directory(named: Option<&PathBuf>, config: &ConfigArgs) -> Result<PathBuf, Outcome> {
    match named {
        Some(directory) => Ok(directory.clone()),
        None => configuration(config).map(|config| config.log.directory),
    }
}

fn unreadable(directory: &Path, error: &io::Error) -> Outcome {
    let why = format!("cannot read {}: {error}", directory.display());
    match error.kind() {
        // The reader of our output has seen enough.
        io::ErrorKind::BrokenPipe => Outcome::Fine,
        io::ErrorKind::PermissionDenied => fail(Outcome::NotPermitted, why),
        // What was asked makes no sense.
        io::ErrorKind::InvalidInput => fail(Outcome::Usage, error),
        _ => fail(Outcome::No, why),
    }
}
