//! What the service is run with, and asked.
#![expect(missing_docs, reason = "a flattened field's documentation would be taken for the command's")]

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

use super::{ConfigArgs, ControlArgs};
use crate::trial;

/// `portcullis run`
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
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

/// `portcullis status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub control: ControlArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `portcullis metrics`
#[derive(Debug, Args)]
pub struct MetricsArgs {
    #[command(flatten)]
    pub control: ControlArgs,
    /// Serve them at http://ADDRESS/metrics instead, until stopped; needs no privilege
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// `portcullis doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub control: ControlArgs,
}

/// `portcullis disable`
#[derive(Debug, Args)]
pub struct DisableArgs {
    /// At once, as ever: for fingers that know systemctl
    #[arg(long)]
    pub now: bool,
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
    pub config: ConfigArgs,
    /// Where the last good configuration is kept
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = trial::STATE)]
    pub state: PathBuf,
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
