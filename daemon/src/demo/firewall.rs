//! The daemon on the gate: this very program.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{error::DemoError, host::Host, narrator};

/// This program, also when its file has been replaced meanwhile.
pub(super) const PORTCULLIS: &str = "/proc/self/exe";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running daemon, whose verdicts appear on standard output.
#[derive(Debug)]
pub(super) struct Firewall {
    daemon: Child,
    shown: Receiver<String>,
    /// How many more verdicts may appear.
    room: Arc<AtomicU32>,
    log: PathBuf,
}

impl Firewall {
    /// Starts it on `gate`, with all its files in `home`; returns when its rules are in force.
    pub(super) fn start(gate: &Host, home: &Path) -> Result<Self, DemoError> {
        let log = home.join("daemon.log");
        let mut daemon = gate.inside(|| {
            Command::new(PORTCULLIS)
                .args(["run", "--show", "--config"])
                .arg(home.join("portcullis.toml"))
                .arg("--state")
                .arg(home.join("state"))
                .arg("--control")
                .arg(home.join("control.sock"))
                // "ready" is waited for.
                .env_remove("PORTCULLIS_LOG")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(File::create(&log)?)
                // A Ctrl-C is for the demo, which then ends the daemon.
                .process_group(0)
                .spawn()
        })?;
        let stdout = daemon.stdout.take();
        let (sender, shown) = mpsc::channel();
        let room = Arc::new(AtomicU32::new(u32::MAX));
        let mut firewall = Self { daemon, shown, room: Arc::clone(&room), log };
        if let Some(stdout) = stdout {
            thread::Builder::new()
                .spawn(move || show(stdout, &room, &sender))
                .map_err(DemoError::io("cannot start a thread"))?;
        }
        firewall.ready()?;
        Ok(firewall)
    }

    fn ready(&mut self) -> Result<(), DemoError> {
        let end = Instant::now() + PATIENCE;
        while !self.said().contains("ready") {
            let ended = self.daemon.try_wait().map_err(DemoError::io("cannot wait for the daemon"))?;
            if ended.is_some() {
                return Err(DemoError::Ended { stderr: self.said() });
            }
            if Instant::now() > end {
                return Err(DemoError::NotShown("ready".to_owned()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the daemon has shown a line with all these words.
    pub(super) fn shows(&mut self, words: &[&str]) -> Result<(), DemoError> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.shown.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if words.iter().all(|word| line.contains(word)) => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Err(DemoError::NotShown(words.join(" "))),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(DemoError::Ended { stderr: self.said() });
                }
            }
        }
    }

    /// From now on only `verdicts` appear; incidents do, whatever their number.
    pub(super) fn show_at_most(&self, verdicts: u32) {
        self.room.store(verdicts, Ordering::Relaxed);
    }

    /// From now on all verdicts appear.
    pub(super) fn show_all(&self) {
        self.room.store(u32::MAX, Ordering::Relaxed);
    }

    /// Ends it, after which all that it had to show has appeared.
    pub(super) fn stop(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(self.daemon.try_wait(), Ok(None)) {
            // It may have ended just now.
            let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        while self.shown.recv_timeout(PATIENCE).is_ok() {}
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        self.stop();
    }
}

fn show(stdout: ChildStdout, room: &AtomicU32, sender: &Sender<String>) {
    let colour = narrator::colour();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let take = |left: u32| if left == u32::MAX { Some(left) } else { left.checked_sub(1) };
        let fits = || room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        // "… 12 more" counts what nobody could read in a second.
        if line.contains(" SCAN ") || !line.starts_with('…') && fits() {
            // Whoever reads this may have gone away: the narrator notices, too.
            let _ = writeln!(io::stdout(), "    {}", painted(&line, colour));
        }
        if sender.send(line).is_err() {
            return;
        }
    }
}

fn painted(line: &str, colour: bool) -> String {
    let paints = [("ACCEPT", 32), ("DROP", 31), ("REJECT", 31), ("SCAN", 35)];
    match paints.iter().find(|(word, _)| colour && line.split(' ').nth(1) == Some(word)) {
        Some((word, code)) => line.replacen(word, &format!("\x1b[{code}m{word}\x1b[0m"), 1),
        None => line.to_owned(),
    }
}
