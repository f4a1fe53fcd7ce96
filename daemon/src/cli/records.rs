//! What was blocked, and where the doors are.
#![expect(missing_docs, reason = "a flattened field's documentation would be taken for the command's")]

use std::path::PathBuf;

use clap::Args;

use super::{ConfigArgs, ControlArgs};
use crate::{ports::PortsArgs, report::ReportArgs, review::LogArgs};

/// `portcullis log`
#[derive(Debug, Args)]
pub struct ReviewArgs {
    #[command(flatten)]
    pub review: LogArgs,
    /// Where the records are [default: the configuration's log.directory]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `portcullis top`
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Where the records are [default: the configuration's log.directory]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    pub control: ControlArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `portcullis report`
#[derive(Debug, Args)]
pub struct MakeReportArgs {
    #[command(flatten)]
    pub report: ReportArgs,
    /// Where the records are [default: the configuration's log.directory]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `portcullis ports`
#[derive(Debug, Args)]
pub struct ListPortsArgs {
    #[command(flatten)]
    pub ports: PortsArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
}
