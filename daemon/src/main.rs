//! The one binary.

use std::{
    io::{self, IsTerminal as _},
    panic,
    process::{self, ExitCode},
};

use clap::Parser as _;
use portcullis::{
    cli::{Cli, Command},
    commands,
    log::under_journald,
};
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
    if !matches!(cli.command, Command::Run(_)) {
        end_when_nobody_reads();
    }
    commands::run(cli.command).into()
}

/// Lets a command end without a word when the reader of its output has seen enough, as in
/// `portcullis status | head -1`, with the exit status of a program that SIGPIPE ends.
///
/// SIGPIPE itself stays ignored: it would also end a command that writes to nft or to the daemon, before it
/// could say what went wrong there.
fn end_when_nobody_reads() {
    /// 128 + SIGPIPE.
    const STATUS: i32 = 141;
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let what = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        // What `println!` says then.
        if what.starts_with("failed printing to stdout") && what.contains("Broken pipe") {
            process::exit(STATUS);
        }
        usual(panic);
    }));
}
