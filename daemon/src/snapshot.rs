//! The last configuration that went live, kept so that a broken edit can't keep the firewall from
//! starting.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use portcullis_config::{Loaded, Sources};

use crate::atomic;

const FILE: &str = "last-good.json";

/// Where snapshots are kept.
#[derive(Debug, Clone)]
pub struct Snapshots {
    directory: PathBuf,
}

impl Snapshots {
    /// In this directory, which is made when it is first needed.
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The snapshot's file.
    pub fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Keeps `sources` as the last good configuration. A crash leaves the old one or the new one.
    ///
    /// # Errors
    /// What the file system said; the old snapshot is still there.
    pub fn save(&self, sources: &Sources) -> io::Result<()> {
        atomic::replace(&self.file(), sources.to_json().as_bytes())
    }

    /// The last good configuration, if there is one that can still be read.
    pub fn load(&self) -> Option<Loaded> {
        let text = read(&self.file())?;
        let sources = Sources::from_json(&text).ok()?;
        match sources.load() {
            Ok(loaded) => Some(loaded),
            Err(report) => {
                tracing::error!(file = %self.file().display(), "the last good configuration is unusable: {report}");
                None
            }
        }
    }
}

fn read(file: &Path) -> Option<String> {
    match fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::error!(file = %file.display(), "cannot read the last good configuration: {error}");
            None
        }
    }
}
