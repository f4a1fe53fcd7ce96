//! The file that bans outlive the daemon in.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Ban;
use crate::atomic;

const FILE: &str = "bans.json";
const VERSION: u32 = 1;

#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    bans: Vec<&'a Ban>,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    bans: Vec<Ban>,
}

impl Store {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// What was saved last. A file that can't be read is put aside, and said to be.
    pub(super) fn load(&self) -> Vec<Ban> {
        let file = self.file();
        let read = || -> io::Result<Vec<Ban>> {
            let Read { version, bans } = serde_json::from_slice(&fs::read(&file)?)?;
            let known = version == VERSION;
            known.then_some(bans).ok_or_else(|| io::Error::other(format!("its version is {version}")))
        };
        match read() {
            Ok(bans) => bans,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let aside = self.directory.join(format!("{FILE}.unreadable"));
                tracing::error!(
                    "no ban is in force: cannot read {}: {error}; it is kept as {}",
                    file.display(),
                    aside.display()
                );
                // If that fails, too, the next ban replaces it: there is nothing else to do with it.
                let _ = fs::rename(&file, aside);
                Vec::new()
            }
        }
    }

    /// Replaces what was saved. A crash leaves the old or the new.
    pub(super) fn save<'a>(&self, bans: impl Iterator<Item = &'a Ban>) -> io::Result<()> {
        let bans = Written { version: VERSION, bans: bans.collect() };
        atomic::replace(&self.file(), &serde_json::to_vec(&bans)?)
    }
}
