//! How rules come into force, and back.
#![expect(missing_docs, reason = "a flattened field's documentation would be taken for the command's")]

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::{ConfigArgs, ControlArgs};

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
    pub config: ConfigArgs,
    #[command(flatten)]
    pub control: ControlArgs,
}

/// `portcullis rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The number in `portcullis history` [default: the last that differs from what is live]
    pub number: Option<u64>,
    /// Even if ssh sessions that are open now would be cut
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub control: ControlArgs,
}

/// `portcullis history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
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
