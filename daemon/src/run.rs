//! The daemon's life: start, reload, stop.

mod alarm;
mod answer;
mod bans;
mod fd_store;
mod guard;
mod health;
mod lists;
mod live;
mod publish;
mod start;
mod tidy;
mod trial;
mod unjudged;
mod wakers;
mod watchdog;

use std::path::PathBuf;

pub use live::Live;
pub use start::{StartError, queue_numbers, start};

/// How the daemon is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file, when one was named.
    pub config: Option<PathBuf>,
    /// Where the last good configuration is kept.
    pub state: PathBuf,
    /// Where to listen for `portcullis reload` and `status`.
    pub control: PathBuf,
    /// Whether the hook stays on exit, because somebody else owns it.
    pub keep_hook: bool,
    /// Whether every verdict is printed.
    pub show: bool,
}
