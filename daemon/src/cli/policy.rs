//! What rules are written, checked and asked with.
#![expect(missing_docs, reason = "a flattened field's documentation would be taken for the command's")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use portcullis_config::parse_time;

use super::{ConfigArgs, ControlArgs};
use crate::{review::When, source};

/// `portcullis check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file to check
    #[arg(value_name = "FILE", help = format!("The file to check [default: {}]", source::FILE))]
    pub file: Option<PathBuf>,
    /// The same as FILE
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub config: Option<PathBuf>,
    /// End with exit status 1 when there are warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Tell also how the rules are compiled, and what would have been too much work to tell
    #[arg(short, long)]
    pub verbose: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `portcullis allow`
#[derive(Debug, Args)]
pub struct AllowArgs {
    /// The door: 443/tcp, 8000-8099/udp, ssh
    pub door: String,
    /// For whom, if not for everybody: from 203.0.113.0/24, from @office
    #[arg(num_args = 2, value_names = ["from", "ADDRESS"])]
    pub from: Option<Vec<String>>,
    /// Write the rule, after it has been checked
    #[arg(long)]
    pub write: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `portcullis block`
#[derive(Debug, Args)]
pub struct BlockArgs {
    /// Whom: an address, a prefix, a set such as @offenders
    pub address: String,
    /// Write the rule, after it has been checked
    #[arg(long)]
    pub write: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `portcullis diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The configuration as it was; rules.d/*.toml beside it belong to it
    pub old: PathBuf,
    /// The configuration as it is to be
    pub new: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `portcullis explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The packet, such as "input tcp 203.0.113.9:40000 -> 192.0.2.1:22 in eth0"
    #[arg(value_name = "PACKET", required_unless_present = "event")]
    pub packet: Vec<String>,
    /// An event of the log instead, by its event_id: what was decided then, and what the rules say now
    #[arg(long, value_name = "ID", conflicts_with = "packet")]
    pub event: Option<String>,
    /// Where the records are [default: the configuration's log.directory]
    #[arg(long, value_name = "DIR", requires = "event")]
    pub directory: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Judge as at this time, such as "2027-01-01 18:00 Europe/Berlin" [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<Timestamp>,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `portcullis export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The form
    #[arg(long, value_enum, default_value_t = ExportFormat::Toml)]
    pub format: ExportFormat,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What rules are exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A configuration
    Toml,
    /// The same keys, with file and line of each rule
    Json,
    /// An nft ruleset
    Nft,
}

/// `portcullis rules`
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// List what always passes, whatever the rules say
    #[arg(long)]
    pub builtin: bool,
    /// Only rules that have decided nothing since then: "2026-11-23", "30d ago"; exit status 1 when
    /// there is none
    ///
    /// Failsafe rules are never listed: the kernel decides by them, uncounted.
    #[arg(long, value_name = "TIME", value_parser = When::parse, conflicts_with = "builtin")]
    pub unused_since: Option<When>,
    #[command(flatten)]
    pub control: ControlArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
}
