//! How the files stand to what is live, kept from one start to the next.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fingerprint;
use crate::atomic;

const FILE: &str = "standing.json";

/// How the files stand to what is live.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Whether `portcullis enable` was said: what a mode of `when-enabled` goes by.
    pub enabled: bool,
    /// The candidate that is live until somebody confirms it.
    pub trial: Option<Trial>,
    /// Why the files are not what is live, and no start may use them.
    pub held: Option<Held>,
}

/// A candidate on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub fingerprint: Fingerprint,
    /// When it goes back.
    pub until: Timestamp,
}

/// Files that are not what is live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What was refused, if the files were live once.
    pub fingerprint: Option<Fingerprint>,
    /// Since when.
    pub since: Timestamp,
    /// What happened.
    pub why: Why,
}

/// Why files are not what is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Nobody confirmed them in time.
    NotConfirmed,
    /// They were on trial when the daemon was restarted.
    Restarted,
    /// The administrator went back.
    RolledBack,
    /// They were edited while their former text was on trial.
    Edited,
    /// They were never live: this is their first start, which is to be confirmed.
    FirstStart,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConfirmed => "nobody confirmed the new rules in time, so they went back",
            Self::Restarted => "the daemon was restarted before anybody confirmed the new rules",
            Self::RolledBack => "the administrator went back to former rules",
            Self::Edited => "the files were edited after what is live was applied",
            Self::FirstStart => "the rules are not confirmed yet",
        })
    }
}

impl Held {
    /// Since now.
    pub fn now(why: Why, fingerprint: Option<Fingerprint>) -> Self {
        Self { fingerprint, since: Timestamp::now(), why }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.to_zoned(jiff::tz::TimeZone::system());
        write!(
            f,
            "the files are not what is live: {} ({}); portcullis apply --confirm 60s puts them on trial",
            self.why,
            since.strftime("%Y-%m-%d %H:%M:%S")
        )
    }
}

impl Standing {
    /// What is kept in this state directory. If it can't be read, the firewall counts as enabled: a
    /// damaged file must not open a host.
    pub fn load(state: &Path) -> Self {
        let file = file(state);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => {
                tracing::error!("cannot read {}, so it counts as enabled: {error}", file.display());
                return Self { enabled: true, ..Self::default() };
            }
        };
        serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::error!("{} is damaged, so it counts as enabled: {error}", file.display());
            Self { enabled: true, ..Self::default() }
        })
    }

    /// Keeps it.
    ///
    /// # Errors
    /// What the file system said; what was kept before is still there.
    pub fn save(&self, state: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        atomic::replace(&file(state), text.as_bytes())
    }

    /// Why no start may use the files, if that is so.
    pub fn keeps_back(&self) -> Option<Held> {
        let on_trial = |trial: &Trial| Held::now(Why::Restarted, Some(trial.fingerprint.clone()));
        self.held.clone().or_else(|| self.trial.as_ref().map(on_trial))
    }
}

fn file(state: &Path) -> PathBuf {
    state.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_and_a_damaged_file_does_not_open_a_host() {
        let home = tempfile::tempdir().expect("a directory");
        assert_eq!(Standing::load(home.path()), Standing::default());
        let held = Held::now(Why::NotConfirmed, None);
        let standing = Standing { enabled: true, trial: None, held: Some(held) };
        standing.save(home.path()).expect("our directory");
        assert_eq!(Standing::load(home.path()), standing);
        fs::write(file(home.path()), "{").expect("our directory");
        assert!(Standing::load(home.path()).enabled);
    }
}
