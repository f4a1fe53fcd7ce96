//! Where texts are read from: the disk, or a snapshot of what once was there.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use portcullis_rules::AddressSet;

use crate::{
    lower,
    problem::{FileErrors, FileProblem, Problems},
    sources::{Contents, FileId, Sources},
};

/// Where texts come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    Disk,
    Snapshot(&'a Sources),
}

/// Reads texts, each path once, and keeps them.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    origin: Origin<'a>,
    pub(crate) sources: Sources,
}

impl<'a> Files<'a> {
    pub(crate) fn from(origin: Origin<'a>) -> Self {
        Self { origin, sources: Sources::default() }
    }

    /// Reads a file of our own, which has to be UTF-8.
    pub(crate) fn read(&mut self, path: &Path) -> Result<FileId, FileProblem> {
        if let Some(known) = self.sources.find(path) {
            return Ok(known);
        }
        let contents = match self.origin {
            Origin::Disk => Contents::Text(text(path, bytes(path)?)?.into()),
            Origin::Snapshot(stored) => in_snapshot(stored, path)?,
        };
        Ok(self.sources.add(path, contents))
    }

    /// Reads a file of addresses, which comes from elsewhere: its comments may be in any encoding. `None` where
    /// it holds anything else, which is reported; only then its text is kept.
    pub(crate) fn read_list(
        &mut self,
        path: &Path,
        problems: &Problems,
    ) -> Result<Option<Arc<AddressSet>>, FileProblem> {
        let file = match (self.sources.find(path), self.origin) {
            (Some(known), _) => known,
            (None, Origin::Disk) => self.sources.add(path, contents_of_list(&bytes(path)?)),
            (None, Origin::Snapshot(stored)) => self.sources.add(path, in_snapshot(stored, path)?),
        };
        match &self.sources.get(file).contents {
            Contents::Addresses(set) => Ok(Some(Arc::clone(set))),
            Contents::Text(text) => match lower::list(text) {
                Ok(set) => Ok(Some(Arc::new(set))),
                Err(wrong) => {
                    wrong.report(FileErrors { file, problems });
                    Ok(None)
                }
            },
        }
    }

    /// The overlays that belong to the main file, in name order.
    pub(crate) fn overlays(&self, main: &Path) -> Result<Vec<PathBuf>, FileProblem> {
        let directory = main.parent().unwrap_or_else(|| Path::new("")).join("rules.d");
        let mut found = match self.origin {
            Origin::Disk => on_disk(&directory).map_err(|error| unreadable(&directory, error))?,
            Origin::Snapshot(stored) => {
                let paths = stored.files().iter().map(|source| PathBuf::from(&*source.path));
                paths.filter(|path| path.parent() == Some(&*directory)).collect()
            }
        };
        found.retain(|path| path.extension() == Some(OsStr::new("toml")) && !is_hidden(path));
        found.sort_unstable();
        Ok(found)
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, FileProblem> {
    fs::read(path).map_err(|error| unreadable(path, error))
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, FileProblem> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        FileProblem::NotUtf8 { path: path.into(), line }
    })
}

/// The addresses, or the text where it is wrong.
fn contents_of_list(bytes: &[u8]) -> Contents {
    let text = String::from_utf8_lossy(bytes);
    let set = lower::list(&text).map(Arc::new);
    set.map_or_else(|_| Contents::Text(Arc::from(&*text)), Contents::Addresses)
}

fn in_snapshot(stored: &Sources, path: &Path) -> Result<Contents, FileProblem> {
    let file = stored.find(path).ok_or_else(|| FileProblem::NotInSnapshot { path: path.into() })?;
    Ok(stored.get(file).contents.clone())
}

fn on_disk(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Editors keep their own copies beside a file, and hide them.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn unreadable(path: &Path, error: io::Error) -> FileProblem {
    FileProblem::Unreadable { path: path.into(), error }
}
