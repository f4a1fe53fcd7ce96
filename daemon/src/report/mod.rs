//! `portcullis report`: what was refused, as one page that a colleague can open.
//!
//! The page needs no network and no script. Each picture has its numbers beside it as a table; what
//! came off the wire or out of a file is escaped.

mod html;
mod plots;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, Zoned};

use self::html::page;
use crate::review::{History, When};

/// What `portcullis report` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// From then on: "7d", "yesterday", "2026-11-23"
    #[arg(long, value_name = "TIME", value_parser = When::parse, default_value = "7d")]
    pub since: When,
    /// Until then [default: now]
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub until: Option<When>,
    /// Where the page is written [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Makes the page of the records in `directory`, seen from `now`, in its time zone.
///
/// # Errors
/// When the records can't be read, or there is no such time.
pub fn report(args: &ReportArgs, directory: &Path, now: &Zoned) -> io::Result<String> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let since = args.since.before(now).map_err(invalid)?;
    let until = args.until.as_ref().map(|until| until.before(now)).transpose().map_err(invalid)?;
    let until = until.map_or_else(|| now.clone(), |until: Timestamp| until.to_zoned(now.time_zone().clone()));
    if since >= until.timestamp() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "--since is not before --until"));
    }
    let history = History::read(directory, since, &until)?;
    Ok(page(&history, now))
}

/// Writes the page where it is wanted.
///
/// # Errors
/// When that can't be written.
pub fn write(args: &ReportArgs, page: &str) -> io::Result<()> {
    match &args.output {
        Some(path) => fs::write(path, page)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        None => io::Write::write_all(&mut io::stdout().lock(), page.as_bytes()),
    }
}

#[cfg(test)]
mod tests;
