//! The same parser, table and detector over a capture, with time from the capture.

pub mod capture;
mod compare;
mod flow;
mod host;
pub mod link;
mod report;
mod verdicts;

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use ipnet::IpNet;
use portcullis_config::{Config, Detect};
use portcullis_rules::RuleTable;

use self::{capture::Broken, compare::Comparison, host::Host, report::Incidents};
use crate::detect::{Detector, IncidentRecord};

/// The tables' key: a capture has no attacker who could learn it, and the same capture always gives
/// the same answer.
const KEY: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];

/// `portcullis replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The capture: pcap or pcapng; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Addresses of this host and the networks behind it, for the direction of packets
    ///
    /// Without it, whoever sends a flow's first packet is taken for the other side.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub local: Vec<IpNet>,
    /// Tell also what is no incident: backscatter, late replies, traceroutes, port knocking
    #[arg(long)]
    pub information: bool,
    /// Print incidents as JSON, one a line, and nothing else
    #[arg(long, conflicts_with = "compare")]
    pub json: bool,
    /// Tell whose verdicts would change with this configuration
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: crate::cli::ConfigArgs,
}

/// A prefix, or an address by itself.
fn prefix(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "expected an address or a prefix, such as 192.0.2.1 or 2001:db8::/64".to_owned())
}

/// What a replay came to.
#[derive(Debug)]
pub enum Replayed {
    /// The capture was read to its end.
    Whole,
    /// As far as it could be read.
    Broken(Broken),
}

/// Replays a capture and prints what comes of it: incidents as they end, then what all of it came to. With `by_rules`, the rules of `config` decide what
/// a contact comes to; without, the capture shows it.
///
/// # Errors
/// When the capture can't be opened, or what is printed can't be written.
pub fn run(
    args: &ReplayArgs,
    config: &Config,
    by_rules: bool,
    candidate: Option<&Config>,
    out: &mut dyn Write,
) -> io::Result<Replayed> {
    let table = RuleTable::compile(Arc::clone(&config.ruleset));
    let comparison =
        candidate.map(|candidate| Comparison::new(RuleTable::compile(Arc::clone(&candidate.ruleset))));
    let detector = Detector::new(config.detect.clone(), KEY);
    let mut host = Host::new(table, by_rules, args.local.clone(), detector, comparison);
    let mut incidents = Incidents::new(BufWriter::new(out), args.json, args.information);
    let tell = |record: IncidentRecord| incidents.tell(&record);
    let outcome = if args.file == Path::new("-") {
        replay(io::stdin(), &mut host, tell)
    } else {
        replay(File::open(&args.file)?, &mut host, tell)
    };
    let outcome = outcome?;
    incidents.sum_up(&host)?;
    Ok(outcome.map_or_else(Replayed::Broken, |_| Replayed::Whole))
}

/// Plays a capture to `host`, and tells each incident record as soon as it is known.
fn replay(
    input: impl Read + Send,
    host: &mut Host,
    mut tell: impl FnMut(IncidentRecord) -> io::Result<()>,
) -> io::Result<Result<u64, Broken>> {
    let outcome = capture::read(input, |frame| {
        host.take(&frame);
        host.concluded().into_iter().try_for_each(&mut tell)
    })?;
    host.finish();
    host.concluded().into_iter().try_for_each(tell)?;
    Ok(outcome)
}

/// The incident records of a capture, for tests: where the detector's settings are the default ones.
#[doc(hidden)]
pub fn records(
    input: impl Read + Send,
    table: RuleTable,
    by_rules: bool,
    local: Vec<IpNet>,
    mut tell: impl FnMut(IncidentRecord),
) {
    let detector = Detector::new(Detect::default(), KEY);
    let mut host = Host::new(table, by_rules, local, detector, None);
    // What was readable counts, and whoever is told has nothing against it.
    let _ = replay(input, &mut host, |record| {
        tell(record);
        Ok(())
    });
}
