//! `portcullis log`: what was blocked, from the files, whether the daemon runs or not.

mod filter;
mod lines;
mod row;
mod top;
mod view;
mod when;

use std::{
    io::{self, BufWriter, IsTerminal as _, Write},
    path::Path,
};

use jiff::Zoned;

use self::{filter::Filter, lines::Lines, row::Row, view::View};
pub use self::{filter::SourceFilter, top::By, when::When};
use crate::log::{Stream, rotated};

/// What `portcullis log` is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LogArgs {
    /// Only what happened from then on: "2026-11-23 08:00", "2026-11-23", "yesterday", "2h", "3d ago"
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub since: Option<When>,
    /// Only what happened before then; a date alone is its first moment
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub until: Option<When>,
    /// Only from this address or prefix
    #[arg(long, value_name = "ADDRESS")]
    pub source: Option<SourceFilter>,
    /// Only to this destination port
    #[arg(long)]
    pub port: Option<u16>,
    /// Only what this rule decided; "policy input" for a policy
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Only at this hook
    #[arg(long, value_name = "HOOK", value_parser = ["input", "output", "forward"])]
    pub hook: Option<String>,
    /// Only for this reason, such as "flow cut"
    #[arg(long, value_name = "WORDS")]
    pub reason: Option<String>,
    /// Show incidents instead of packets
    #[arg(long, conflicts_with_all = ["port", "rule", "hook", "reason", "top"])]
    pub incidents: bool,
    /// Print the matching records as they are, one JSON object a line
    #[arg(long, conflicts_with = "top")]
    pub json: bool,
    /// Count packets by source, by port, or by rule
    #[arg(long, value_name = "WHAT", value_enum)]
    pub top: Option<By>,
    /// Only the last N records; with --top, the first N rows [default there: 10]
    #[arg(short = 'n', value_name = "N")]
    pub number: Option<usize>,
}

/// Whether there was anything to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was: exit status 0.
    Found,
    /// Nothing matched: exit status 1.
    Nothing,
}

/// How the answer is to look.
#[derive(Debug, Clone)]
struct Screen {
    /// Now, in the time zone to show times in.
    now: Zoned,
    /// Columns of the terminal; `None` when it is not one.
    width: Option<usize>,
}

/// Answers `args` from the files in `directory`, to `out`. Lines that are not records are counted
/// on stderr.
///
/// # Errors
/// When the directory or a file in it can't be read, or `out` can't be written.
pub fn run(args: &LogArgs, directory: &Path, out: &mut dyn Write) -> io::Result<Outcome> {
    let screen = Screen { now: Zoned::now(), width: terminal_width() };
    let seen = answer(args, directory, &screen, &mut BufWriter::new(out))?;
    if seen.foreign > 0 {
        let noun = if seen.foreign == 1 { "line is" } else { "lines are" };
        eprintln!("portcullis: {} {noun} not a record, and passed over", seen.foreign);
    }
    Ok(if seen.found > 0 { Outcome::Found } else { Outcome::Nothing })
}

/// How many lines there were of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    found: u64,
    foreign: u64,
}

fn answer(args: &LogArgs, directory: &Path, screen: &Screen, out: &mut dyn Write) -> io::Result<Seen> {
    let stream = if args.incidents { Stream::Incidents } else { Stream::Blocked };
    let filter = Filter::new(args, &screen.now)?;
    let mut view = View::new(args, screen, out);
    let mut seen = Seen::default();
    let mut read = |mut lines: Lines| -> io::Result<()> {
        while let Some(line) = lines.next()? {
            match Row::parse(line, stream) {
                None => seen.foreign += 1,
                Some(row) if filter.matches(&row) => {
                    seen.found += 1;
                    view.show(&row, line)?;
                }
                Some(_) => {}
            }
        }
        Ok(())
    };
    // Opened before the others are listed: it may be rotated in between, and is then among them.
    let live = Lines::open(&directory.join(stream.file_name()))?;
    for file in rotated(directory, stream)? {
        if !filter.may_be_in(&file) || live.as_ref().is_some_and(|live| live.is(&file.path)) {
            continue;
        }
        // It may have been deleted since it was listed.
        if let Some(lines) = Lines::open(&file.path)? {
            read(lines)?;
        }
    }
    live.map_or(Ok(()), &mut read)?;
    view.end()?;
    out.flush()?;
    Ok(seen)
}

fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(stdout).ok().map(|size| usize::from(size.ws_col)).filter(|&width| width > 0)
}

#[cfg(test)]
mod tests;
