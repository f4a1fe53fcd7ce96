//! `log`, `top` and `report`: what the records tell.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use jiff::Zoned;
use portcullis_config::Log;

use super::{Outcome, configuration, fail};
use crate::{
    cli::{ConfigArgs, MakeReportArgs, ReviewArgs, TopArgs},
    report, review, source, top,
};

pub(super) fn log(args: &ReviewArgs) -> Outcome {
    let directory = match directory(args.directory.as_ref(), &args.config) {
        Ok(directory) => directory,
        Err(outcome) => return outcome,
    };
    let ruleset = match args.review.why.then(|| configuration(&args.config)).transpose() {
        Ok(config) => config.map(|config| config.ruleset),
        Err(outcome) => return outcome,
    };
    match review::run(&args.review, &directory, ruleset.as_deref(), &mut io::stdout().lock()) {
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

pub(super) fn top(args: &TopArgs) -> Outcome {
    if !io::stdout().is_terminal() {
        return fail(Outcome::Usage, "top needs a terminal; portcullis log is for files and pipes");
    }
    let directory = match directory(args.directory.as_ref(), &args.config) {
        Ok(directory) => directory,
        Err(outcome) => return outcome,
    };
    // Records can be watched where the rules can't be read.
    let ruleset =
        source::load_checked(args.config.config.as_deref()).ok().map(|(loaded, _)| loaded.config.ruleset);
    match top::run(&directory, &args.control.control, ruleset.as_deref()) {
        Ok(()) => Outcome::Fine,
        Err(error) => unreadable(&directory, &error),
    }
}

/// Where the records are. They are wanted most when something is wrong: if the usual configuration is
/// invalid, they are looked for in the usual place.
pub(super) fn directory(named: Option<&PathBuf>, config: &ConfigArgs) -> Result<PathBuf, Outcome> {
    match named {
        Some(directory) => Ok(directory.clone()),
        None if config.config.is_none() => Ok(source::load_checked(None).map_or_else(
            |_| {
                let usual = Log::default().directory;
                let shown = usual.display();
                eprintln!(
                    "portcullis: the configuration is invalid (portcullis check); looking into {shown}"
                );
                usual
            },
            |(loaded, _)| loaded.config.log.directory,
        )),
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
