//! Who is kept out.
#![expect(missing_docs, reason = "a flattened field's documentation would be taken for the command's")]

use std::{net::IpAddr, time::Duration};

use clap::Args;
use jiff::SignedDuration;
use portcullis_config::parse_duration;

use super::ControlArgs;

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
    pub control: ControlArgs,
}

/// `portcullis unban`
#[derive(Debug, Args)]
pub struct UnbanArgs {
    /// Whom
    #[arg(value_name = "ADDRESS")]
    pub address: IpAddr,
    #[command(flatten)]
    pub control: ControlArgs,
}

/// `portcullis bans`
#[derive(Debug, Args)]
pub struct BansArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub control: ControlArgs,
}

fn ban_time(text: &str) -> Result<Duration, String> {
    let short = || text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    let time = parse_duration(text).or_else(short).filter(|time| time.as_secs() > 0);
    time.ok_or_else(|| "not a time; write such as 30min, 1h or 7d".to_owned())
}
