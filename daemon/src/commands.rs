//! What each command does, and how it ends.

mod add;
mod apply;
mod ban;
mod check;
mod daemon;
mod diff;
mod explain;
mod export;
mod generate;
mod hook;
mod import;
mod metrics;
mod ports;
mod records;
mod replay;
mod rules;

use std::{fmt::Display, process::ExitCode};

use portcullis_config::{Config, Loaded, failed_tests};

use crate::{
    cli::{Command, DoctorArgs},
    demo,
    doctor::{Severity, examine},
    source,
};

/// How a command ended: its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Fine = 0,
    /// The answer is no.
    No = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration is invalid.
    Invalid = 3,
    /// Not permitted.
    NotPermitted = 4,
    /// The daemon is not reachable.
    NoDaemon = 5,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

/// Runs a command to its end. Data goes to standard output, all else to standard error.
pub fn run(command: Command) -> Outcome {
    match command {
        Command::Run(args) => daemon::run(args),
        Command::Reload(args) => daemon::reload(&args.control),
        Command::Apply(args) => apply::apply(&args),
        Command::Confirm(args) => apply::confirm(&args),
        Command::Rollback(args) => apply::rollback(&args),
        Command::History(args) => apply::history(&args),
        Command::Enable(args) => apply::enable(&args),
        Command::Ban(args) => ban::ban(&args),
        Command::Unban(args) => ban::unban(&args),
        Command::Bans(args) => ban::bans(&args),
        Command::Status(args) => daemon::status(&args),
        Command::Check(args) => check::run(&args),
        Command::Allow(args) => add::allow(&args),
        Command::Block(args) => add::block(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Log(args) => records::log(&args),
        Command::Top(args) => records::top(&args),
        Command::Report(args) => records::report(&args),
        Command::Ports(args) => ports::run(&args),
        Command::Metrics(args) => metrics::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Schema => {
            println!("{:#}", portcullis_config::schema());
            Outcome::Fine
        }
        Command::Hook(args) => hook::run(&args.command),
        Command::Replay(args) => replay::run(&args),
        Command::Disable(_) => hook::disable(),
        Command::Import => import::run(),
        Command::Export(args) => export::run(&args),
        Command::Doctor(args) => doctor(&args),
        Command::Generate(args) => generate::run(&args.directory),
        Command::Demo(args) => demo::run(&args),
    }
}

/// Says what went wrong.
fn fail(outcome: Outcome, why: impl Display) -> Outcome {
    eprintln!("portcullis: {why}");
    outcome
}

/// The configuration that a command is about. One that fails its tests is looked at all the more.
fn configuration(args: &crate::cli::ConfigArgs) -> Result<Config, Outcome> {
    match source::load_untested(args.config.as_deref()) {
        Ok((Loaded { config, .. }, _)) => {
            failed_tests(&config).iter().for_each(|failure| eprintln!("{failure}"));
            Ok(config)
        }
        Err(report) => {
            eprintln!("{report}");
            Err(Outcome::Invalid)
        }
    }
}

fn doctor(args: &DoctorArgs) -> Outcome {
    let found = examine(args.config.config.as_deref(), &args.control.control);
    if args.json {
        println!("{}", serde_json::json!(found));
    } else {
        found.iter().for_each(|finding| println!("{finding}"));
    }
    let problems = found.iter().filter(|finding| finding.severity == Severity::Problem).count();
    if problems == 0 { Outcome::Fine } else { Outcome::No }
}
