//! The one binary.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;
use portcullis::{cli::Cli, commands, log::under_journald};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What the daemon tells about its own life; packets are records, not log lines.
    let filter = EnvFilter::try_from_env("PORTCULLIS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    if under_journald() {
        subscriber.without_time().init()
    } else {
        subscriber.init()
    }
    commands::run(cli.command).into()
}
