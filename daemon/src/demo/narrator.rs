//! What the demo says, and when it has to end.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

use super::error::DemoError;

/// Time to read a scene before the next.
const PAUSE: Duration = Duration::from_millis(700);

/// Speaks to standard output.
#[derive(Debug)]
pub(super) struct Narrator {
    pause: Duration,
    colour: bool,
    interrupted: Arc<AtomicBool>,
}

impl Narrator {
    /// From now on, signals no longer end the process: they make the next sentence an error.
    pub(super) fn new(fast: bool) -> Result<Self, DemoError> {
        let interrupted = Arc::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&interrupted))
                .map_err(DemoError::io("cannot receive signals"))?;
        }
        Ok(Self { pause: if fast { Duration::ZERO } else { PAUSE }, colour: colour(), interrupted })
    }

    /// Begins.
    pub(super) fn title(&self, text: &str) -> Result<(), DemoError> {
        self.print(&bold(text, self.colour))
    }

    /// Begins a scene.
    pub(super) fn heading(&self, text: &str) -> Result<(), DemoError> {
        let end = Instant::now() + self.pause;
        while Instant::now() < end && !self.interrupted() {
            thread::sleep(Duration::from_millis(20));
        }
        self.print(&format!("\n{}", bold(text, self.colour)))
    }

    /// Says something within a scene.
    pub(super) fn say(&self, text: &str) -> Result<(), DemoError> {
        text.lines().try_for_each(|line| self.print(&format!("  {line}")))
    }

    /// Whether a signal came.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Prints lines as they are.
    pub(super) fn print(&self, lines: &str) -> Result<(), DemoError> {
        let printed = writeln!(io::stdout(), "{lines}");
        if self.interrupted() || printed.is_err() { Err(DemoError::Interrupted) } else { Ok(()) }
    }
}

/// Whether to use colours (<https://no-color.org>).
pub(super) fn colour() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn bold(text: &str, colour: bool) -> String {
    if colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}
