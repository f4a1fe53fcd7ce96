//! The command line.

mod ban;
mod policy;
mod records;
mod service;
mod trial;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::{
    ban::{BanArgs, BansArgs, UnbanArgs},
    policy::{AllowArgs, BlockArgs, CheckArgs, DiffArgs, ExplainArgs, ExportArgs, ExportFormat, RulesArgs},
    records::{ListPortsArgs, MakeReportArgs, ReviewArgs, TopArgs},
    service::{
        DemoArgs, DisableArgs, DoctorArgs, GenerateArgs, HookArgs, HookCommand, HookConfigArgs, MetricsArgs,
        RunArgs, StatusArgs,
    },
    trial::{ApplyArgs, HistoryArgs, RollbackArgs},
};
use crate::{control, replay::ReplayArgs, source};

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
    ///
    /// Shows what that changes, and refuses what would cut an ssh session that is open now.
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
    /// List the rules in the order in which they are tried: how often each has decided, and when it counts
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
    Disable(DisableArgs),
    /// Translate rules of iptables or ufw, from standard input
    ///
    ///   { iptables-save; ip6tables-save; } | portcullis import
    ///   cat /etc/default/ufw /etc/ufw/user.rules /etc/ufw/user6.rules | portcullis import
    ///
    /// Prints a configuration, and on standard error everything that is not in it, or not in the same way.
    /// The exit status is 1 when something was left out that changes the meaning.
    #[command(verbatim_doc_comment)]
    Import,
    /// Print the rules as they are tried, in one file: what overlays, sets and lists come to
    ///
    /// As TOML it loads again as the same rules. As an nft ruleset it is as near as nft can say it: rules that
    /// it can't are named in a remark, and checked with nft -c -f it loads into a table of its own.
    Export(ExportArgs),
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
