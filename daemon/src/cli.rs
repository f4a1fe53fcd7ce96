//! The command line.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use portcullis_config::{parse_duration, parse_time};

use crate::{
    control,
    ports::PortsArgs,
    replay::ReplayArgs,
    report::ReportArgs,
    review::{LogArgs, When},
    source, trial,
};

/// A packet-filter firewall for one Linux host.
///
/// It judges the first packets of every connection by rules in TOML files, tells in plain words
/// what it blocked and why, and who has been trying the handles.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What the exit status means, as `--help` tells it.
pub const EXIT_STATUS: &str = "\
Exit status:
  0  fine (also `explain` of a packet that is dropped)
  1  the answer is no: a check or test failed, nothing was found
  2  wrong usage
  3  the configuration is invalid
  4  not permitted
  5  the daemon is not reachable";

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum Command {
    /// Run the firewall in the foreground
    ///
    /// With no configuration file it runs the built-in default policy in monitor mode: it judges and
    /// records, and lets everything pass. On SIGTERM or Ctrl-C it takes its kernel rules away; on
    /// SIGHUP it reads its configuration again.
    Run(RunArgs),
    /// Check the configuration, look for what is suspicious in it, and run the tests it contains
    Check(CheckArgs),
    /// Tell which rule decides about a packet, and which nearly did
    Explain(ExplainArgs),
    /// Run a capture through the rules and the detector: verdicts, incidents, what other rules would change
    ///
    /// With --config, the rules say what every contact comes to. Without, the capture itself shows it: who
    /// was answered, refused or met silence; the verdicts are then those of the usual configuration. Exit
    /// status 1 when the capture can't be read to its end; what was readable is reported.
    Replay(ReplayArgs),
    /// Show the rule that opens a door, and what it changes; write it with --write
    ///
    /// It goes to the end of rules.d/99-commands.toml, or before the rule that would decide first. Nothing
    /// that is written there is changed.
    Allow(AllowArgs),
    /// Show the rule that shuts somebody out, and what it changes; write it with --write
    Block(BlockArgs),
    /// Tell what an edit newly opens and newly closes, each with a packet as its witness
    ///
    /// Exit status 1 when something is newly open: for a check before a change is merged.
    Diff(DiffArgs),
    /// Review what was blocked
    Log(ReviewArgs),
    /// Watch what is refused, live, on a terminal
    ///
    /// Rates, queues, the most tried ports and the most eager sources, open incidents, and the latest packets.
    /// Works without a daemon on a directory of records, too.
    Top(TopArgs),
    /// Make a page about what was refused, for a browser
    ///
    /// One file without scripts that needs no network: ports by the hour, sources and what they tried, incidents,
    /// blocks that look like our own mistake with the rule that would mend them, and week against week.
    Report(MakeReportArgs),
    /// List the doors of this host: who listens, and whom the rules let in
    ///
    /// Every listening TCP and UDP socket, its process and unit (as root), ports that are published for
    /// containers, whom the rules let in, and who knocked in the last seven days.
    Ports(ListPortsArgs),
    /// Print the running daemon's numbers for Prometheus, or serve them over HTTP
    Metrics(MetricsArgs),
    /// Make the running daemon read its configuration again, and wait for its answer
    Reload(ControlArgs),
    /// Put the configuration into force, and back unless it is confirmed in time
    ///
    /// Shows what the edit changes, runs the policy's tests, and refuses what would cut an ssh session that
    /// is open now. With --confirm the former rules come back by themselves unless `portcullis confirm` is
    /// said in time, best over a new connection; also when daemon or host are restarted meanwhile. Nothing in
    /// /etc is written: the files are the candidate, and no start uses them before they are confirmed.
    Apply(ApplyArgs),
    /// Keep the rules that are on trial
    Confirm(ControlArgs),
    /// Go back to former rules: those before the trial, or those of a number in the history
    Rollback(RollbackArgs),
    /// List the rulesets that were live
    History(HistoryArgs),
    /// Carry out what is configured, now and after every boot
    ///
    /// Ends the monitor mode that an installation begins with (mode = "when-enabled"), on trial as with
    /// `apply --confirm`. Under systemd it also starts the services, and has them started at boot.
    Enable(ApplyArgs),
    /// Tell how the running daemon is
    Status(StatusArgs),
    /// Drop everything from an address for a time, in the kernel
    ///
    /// Connections from there end, too. What always passes still does, and so do the doors of failsafe
    /// rules. An IPv6 address stands for its /64. This host's own addresses, its gateways and
    /// name servers, where an ssh session comes from, and what detect.allow names are refused.
    Ban(BanArgs),
    /// End a ban
    Unban(UnbanArgs),
    /// List who is banned, for how long and why
    Bans(BansArgs),
    /// List the rules in the order in which they are tried
    Rules(RulesArgs),
    /// Print the JSON Schema of rule files, by which editors complete and check them
    ///
    /// Packages put it at /usr/share/portcullis/rules.schema.json. Editors that know TOML schemas (Taplo, Even Better
    /// TOML) find it by the first line of a rule file: #:schema /usr/share/portcullis/rules.schema.json
    Schema,
    /// Install, remove or show the kernel rules that lead packets to the daemon
    Hook(HookArgs),
    /// Take the firewall away at once, also when the daemon is dead
    ///
    /// Removes Portcullis' kernel rules and its marks on connections, and under systemd stops its
    /// services and keeps them from starting at boot. Other people's rules are not touched.
    Disable,
    /// Translate rules of iptables or ufw, from standard input
    ///
    ///   { iptables-save; ip6tables-save; } | portcullis import
    ///   cat /etc/default/ufw /etc/ufw/user.rules /etc/ufw/user6.rules | portcullis import
    ///
    /// Prints a configuration, and on standard error everything that is not in it, or not in the same way.
    /// The exit status is 1 when something was left out that changes the meaning.
    #[command(verbatim_doc_comment)]
    Import,
    /// Look whether this host has what the firewall needs, and who else has a say in its packets
    ///
    /// Says in plain words what it found, each with what to do about it, and changes nothing. The exit
    /// status is 1 when something needs fixing.
    Doctor(DoctorArgs),
    /// Write the man pages and the shells' completions, as packages have them below /usr/share
    #[command(hide = true)]
    Generate(GenerateArgs),
    /// Show the firewall at work in throwaway network namespaces: real traffic, a real scan
    Demo(DemoArgs),
}

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The configuration file; rules.d/*.toml beside it belong to it
    #[arg(long, value_name = "FILE", help = format!("The configuration file [default: {}]", source::FILE))]
    pub config: Option<PathBuf>,
}

/// Which daemon.
#[derive(Debug, Clone, Args)]
pub struct ControlArgs {
    /// The daemon's control socket
    #[arg(long, value_name = "SOCKET", default_value = control::SOCKET)]
    pub control: PathBuf,
}

/// `portcullis run`
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
    /// Where the last good configuration is kept
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = trial::STATE)]
    pub state: PathBuf,
    /// Leave the kernel rules in place on exit: portcullis-hook.service owns them
    #[arg(long)]
    pub keep_hook: bool,
    /// Print every verdict to standard output
    #[arg(long)]
    pub show: bool,
}

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
    #[expect(missing_docs, reason = "shared arguments")]
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
    #[expect(missing_docs, reason = "shared arguments")]
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
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
}

/// `portcullis log`
#[derive(Debug, Args)]
pub struct ReviewArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub review: LogArgs,
    /// Where the records are [default: the configuration's log.directory]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
}

/// `portcullis apply`
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Go back after this time, such as 60s or 5m, unless `portcullis confirm` is said
    #[arg(long, value_name = "TIME", value_parser = trial_time)]
    pub confirm: Option<Duration>,
    /// Even if ssh sessions that are open now would be cut
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
}

/// From a second to a day, as `60s`, `5m` or `1h`.
fn trial_time(text: &str) -> Result<Duration, String> {
    let span: SignedDuration = text.parse().map_err(|_| "write a time such as 60s, 5m or 1h".to_owned())?;
    match span.as_secs() {
        1..=86_400 => Ok(span.unsigned_abs()),
        _ => Err("from 1s to 24h".into()),
    }
}

/// `portcullis rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The number in `portcullis history` [default: the last that differs from what is live]
    pub number: Option<u64>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
}

/// `portcullis history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
}

/// `portcullis top`
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Where the records are [default: the configuration's log.directory]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
}

/// `portcullis report`
#[derive(Debug, Args)]
pub struct MakeReportArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub report: ReportArgs,
    /// Where the records are [default: the configuration's log.directory]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
}

/// `portcullis ports`
#[derive(Debug, Args)]
pub struct ListPortsArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub ports: PortsArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
}

/// `portcullis metrics`
#[derive(Debug, Args)]
pub struct MetricsArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
    /// Serve them at http://ADDRESS/metrics instead, until stopped; needs no privilege
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// `portcullis status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `portcullis ban`
#[derive(Debug, Args)]
pub struct BanArgs {
    /// Whom
    #[arg(value_name = "ADDRESS")]
    pub address: IpAddr,
    /// For how long, such as 30min, 1h or 7d [default: the configuration's detect.ban.first]
    #[arg(long = "for", value_name = "TIME", value_parser = ban_time)]
    pub length: Option<Duration>,
    /// Why, for whoever reads the list
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Also where that may cut off this host, or you
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
}

fn ban_time(text: &str) -> Result<Duration, String> {
    let short = || text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    let time = parse_duration(text).or_else(short).filter(|time| time.as_secs() > 0);
    time.ok_or_else(|| "not a time; write such as 30min, 1h or 7d".to_owned())
}

/// `portcullis unban`
#[derive(Debug, Args)]
pub struct UnbanArgs {
    /// Whom
    #[arg(value_name = "ADDRESS")]
    pub address: IpAddr,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
}

/// `portcullis bans`
#[derive(Debug, Args)]
pub struct BansArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
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
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
}

/// `portcullis hook`
#[derive(Debug, Args)]
pub struct HookArgs {
    /// What to do with the kernel rules
    #[command(subcommand)]
    pub command: HookCommand,
}

/// What to do with the kernel rules.
#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// Install what the configuration asks for; the daemon then finds it in place
    Install(HookConfigArgs),
    /// Remove everything of Portcullis from the kernel
    Remove,
    /// Print the rules, to install them by hand
    Show(HookConfigArgs),
}

/// Which rules.
#[derive(Debug, Args)]
pub struct HookConfigArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
    /// Where the last good configuration is kept
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = trial::STATE)]
    pub state: PathBuf,
}

/// `portcullis doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub config: ConfigArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "shared arguments")]
    pub control: ControlArgs,
}

/// `portcullis generate`
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The directory that stands for /usr/share
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// `portcullis demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Don't pause between the scenes
    #[arg(long)]
    pub fast: bool,
}
