//! The stage: two hosts, the daemon on one of them, and a directory for its files.

use std::{
    env, fmt, fs,
    fs::DirBuilder,
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{self, Command},
};

use portcullis_config::DEFAULT;

use super::{
    SSH, WEB,
    error::DemoError,
    firewall::{Firewall, PORTCULLIS},
    host::{Host, NAMES, left_behind},
    narrator::Narrator,
    service,
    visitor::{self, Answer},
};

/// All of it, gone when it is dropped, in this order.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) narrator: &'a Narrator,
    pub(super) firewall: Firewall,
    pub(super) gate: Host,
    pub(super) visitor: Host,
    home: Home,
}

impl<'a> Stage<'a> {
    /// Makes the hosts, opens services on the gate, and starts the firewall there.
    pub(super) fn set(narrator: &'a Narrator) -> Result<Self, DemoError> {
        let home = Home::new().map_err(DemoError::io("cannot make a directory"))?;
        home.write("portcullis.toml", &enforced(&home.0.join("log")))?;
        let (gate, visitor) = Host::pair()?;
        service::open(&gate, SSH)?;
        service::open(&gate, WEB)?;
        let firewall = Firewall::start(&gate, &home.0)?;
        Ok(Self { narrator, firewall, gate, visitor, home })
    }

    /// The visitor connects to `door`, where a greeting is heard only if it is open.
    pub(super) fn hello(&mut self, door: SocketAddr, open: bool) -> Result<(), DemoError> {
        let patience = if open { visitor::PATIENCE } else { visitor::SILENCE };
        let answer = self.visitor.inside(|| visitor::hello(door, patience))?;
        if !open {
            self.firewall.shows(&["DROP", "tcp", &door.to_string()])?;
        }
        self.found(&format!("{door}/tcp"), &answer, open != (answer == Answer::Silence))
    }

    /// Says what came of `what`; the demo ends if that is not `right`.
    pub(super) fn found(&self, what: &str, outcome: &dyn fmt::Display, right: bool) -> Result<(), DemoError> {
        if !right {
            return Err(DemoError::Wrong { what: what.to_owned(), outcome: outcome.to_string() });
        }
        self.narrator.say(&format!("{what}: {outcome}"))
    }

    /// Adds a file of rules to the gate's.
    pub(super) fn write_rules(&self, name: &str, rules: &str) -> Result<(), DemoError> {
        self.home.write(&format!("rules.d/{name}"), rules)?;
        self.narrator.print(&format!("$ cat rules.d/{name}\n{}", rules.trim_end()))
    }

    /// Removes a file of rules from the gate's.
    pub(super) fn remove_rules(&self, name: &str) -> Result<(), DemoError> {
        self.narrator.print(&format!("$ rm rules.d/{name}"))?;
        let removed = fs::remove_file(self.home.0.join("rules.d").join(name));
        removed.map_err(DemoError::io("cannot remove a file"))
    }

    /// Runs `portcullis` about the gate's configuration, and shows what it prints.
    pub(super) fn portcullis(&self, words: &[&str]) -> Result<(), DemoError> {
        self.command(words, "--config", "portcullis.toml")
    }

    /// Makes the firewall read its rules again.
    pub(super) fn reload(&self) -> Result<(), DemoError> {
        self.command(&["reload"], "--control", "control.sock")
    }

    fn command(&self, words: &[&str], option: &str, file: &str) -> Result<(), DemoError> {
        let quoted = |word: &&str| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() };
        let command = format!("portcullis {}", words.iter().map(quoted).collect::<Vec<_>>().join(" "));
        self.narrator.print(&format!("$ {command}"))?;
        let run = Command::new(PORTCULLIS).args(words).arg(option).arg(self.home.0.join(file)).status();
        let status = run.map_err(DemoError::io("cannot run this program again"))?;
        if status.success() {
            return Ok(());
        }
        Err(DemoError::Wrong { what: command, outcome: status.to_string() })
    }
}

/// The built-in default policy, in enforce mode, with its records in `log`.
fn enforced(log: &Path) -> String {
    let policy = DEFAULT.replace("\nmode = \"when-enabled\"\n", "\nmode = \"enforce\"\n");
    format!("{policy}\n[log]\ndirectory = {log:?}\n")
}

/// A directory of the demo's own.
#[derive(Debug)]
struct Home(PathBuf);

impl Home {
    fn new() -> io::Result<Self> {
        let temporary = env::temp_dir();
        for old in left_behind(&temporary) {
            // Another demo may be at it, too.
            let _ = fs::remove_dir_all(temporary.join(old));
        }
        let path = temporary.join(format!("{NAMES}{}", process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        let home = Self(path);
        fs::create_dir(home.0.join("rules.d"))?;
        Ok(home)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), DemoError> {
        fs::write(self.0.join(name), text).map_err(DemoError::io("cannot write a file"))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("portcullis demo: cannot remove {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_config::{Mode, load_text};

    use super::*;

    #[test]
    fn the_default_policy_is_enforced() {
        let config = load_text("built-in default", &enforced(Path::new("/a/log"))).unwrap().config;
        assert_eq!((config.mode, &*config.log.directory), (Mode::Enforce, Path::new("/a/log")));
    }
}
