//! `portcullis log`: what was blocked, from the files, whether the daemon runs or not.

mod edit;
mod event;
mod export;
mod filter;
pub(crate) mod follow;
mod history;
mod hours;
pub mod incidents;
mod knocks;
mod packet;
mod parallel;
mod parts;
mod query;
mod suggest;
mod table;
mod top;
mod when;
mod why;

use std::{
    io::{self, BufWriter, IsTerminal as _, Write},
    path::Path,
};

use jiff::Zoned;
use portcullis_rules::Ruleset;

pub use self::{
    edit::{edit_in_words, rule_in_words},
    event::find_event,
    filter::SourceFilter,
    history::{History, Port, Profile},
    hours::{Each, Hours},
    knocks::{Knock, Knocks, knocks},
    packet::key_of,
    suggest::Suggestion,
    top::{By, Value},
    when::When,
    why::explained,
};
use self::{export::Form, query::Query};

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
    /// Only what an incident consists of
    #[arg(long, value_name = "ID", conflicts_with = "incidents")]
    pub incident: Option<String>,
    /// Show incidents instead of packets
    #[arg(long, conflicts_with_all = ["port", "rule", "hook", "reason", "top", "by", "csv", "noise"])]
    pub incidents: bool,
    /// Show noise among the rest: late replies, backscatter, broadcasts
    #[arg(long)]
    pub noise: bool,
    /// Print the matching records as they are, one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with_all = ["json", "top", "by"])]
    pub csv: bool,
    /// Count packets by source, by port, by rule, or by source and port
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with_all = ["json", "by", "follow"])]
    pub top: Option<By>,
    /// Count packets by hour or day, and draw a bar for each
    #[arg(long, value_name = "UNIT", value_enum, conflicts_with_all = ["json", "follow"])]
    pub by: Option<Each>,
    /// Explain the most frequent refusals: what decided, what nearly let them in, and what would
    #[arg(long, conflicts_with_all = ["json", "csv", "top", "by", "follow", "incidents", "noise"])]
    pub why: bool,
    /// Go on and show what is written from now on
    #[arg(short, long, conflicts_with_all = ["until", "incident"])]
    pub follow: bool,
    /// Only the last N records; with --top, the first N rows [default there, and with --follow: 10]
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

/// How many records there were of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    found: u64,
    /// Lines that are no records.
    foreign: u64,
    /// Where the first of them are, as `file:line`.
    foreign_at: Vec<String>,
    /// Files that can't be read, and why.
    unreadable: Vec<String>,
}

/// Answers `args` from the files in `directory`, to `out`; with `--why`, by `ruleset`. What could not be read, and lines that
/// are not records, are told on stderr.
///
/// # Errors
/// When the directory can't be read, or `out` can't be written.
pub fn run(
    args: &LogArgs,
    directory: &Path,
    ruleset: Option<&Ruleset>,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let screen = Screen { now: Zoned::now(), width: terminal_width() };
    let seen = answer(args, directory, ruleset, &screen, &mut BufWriter::with_capacity(1 << 16, out))?;
    for why in &seen.unreadable {
        eprintln!("portcullis: {why}");
    }
    if seen.foreign > 0 {
        let noun = if seen.foreign == 1 { "line is not a record" } else { "lines are no records" };
        let more = if seen.foreign > seen.foreign_at.len() as u64 { ", ..." } else { "" };
        eprintln!(
            "portcullis: {} {noun}, and passed over: {}{more}",
            seen.foreign,
            seen.foreign_at.join(", ")
        );
    }
    Ok(if seen.found > 0 { Outcome::Found } else { Outcome::Nothing })
}

fn answer(
    args: &LogArgs,
    directory: &Path,
    ruleset: Option<&Ruleset>,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<Seen> {
    let query = Query::new(args, directory, screen)?;
    let seen = if let Some(ruleset) = ruleset.filter(|_| args.why) {
        let found = query.why(ruleset, args.number, screen.now.time_zone(), out)?;
        Seen { found, ..Seen::default() }
    } else if args.incidents {
        query.incidents(out)?
    } else if let Some(by) = args.top {
        query.top(by, out)?
    } else if let Some(each) = args.by {
        query.by(each, out)?
    } else {
        query.records(out)?
    };
    out.flush()?;
    Ok(seen)
}

impl LogArgs {
    /// What records are written as; `None` for a table.
    fn form(&self, screen: &Screen) -> Option<Form> {
        match (self.json, self.csv, screen.width) {
            (true, _, None) => Some(Form::Json),
            (true, _, Some(_)) => Some(Form::JsonForTerminal),
            (_, true, _) => Some(Form::Csv),
            _ => None,
        }
    }
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
