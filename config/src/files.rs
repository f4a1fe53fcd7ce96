//! Where texts are read from: the disk, or a snapshot of what once was there.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    problem::FileProblem,
    sources::{FileId, Sources},
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
        self.read_with(path, false, |bytes| {
            String::from_utf8(bytes).map_err(|error| {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
                FileProblem::NotUtf8 { path: path.into(), line }
            })
        })
    }

    /// Reads a file of addresses, which comes from elsewhere: its comments may be in any encoding.
    pub(crate) fn read_list(&mut self, path: &Path) -> Result<FileId, FileProblem> {
        self.read_with(path, true, |bytes| Ok(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn read_with(
        &mut self,
        path: &Path,
        is_list: bool,
        decode: impl Fn(Vec<u8>) -> Result<String, FileProblem>,
    ) -> Result<FileId, FileProblem> {
        if let Some(known) = self.sources.find(path) {
            return Ok(known);
        }
        let text: Arc<str> = match self.origin {
            Origin::Disk => {
                let bytes = fs::read(path).map_err(|error| unreadable(path, error))?;
                decode(bytes)?.into()
            }
            Origin::Snapshot(stored) => match stored.find(path) {
                Some(id) => stored.get(id).text.clone(),
                None => return Err(FileProblem::NotInSnapshot { path: path.into() }),
            },
        };
        Ok(self.sources.add(path, text, is_list))
    }

    /// The overlays that belong to the main file, in name order.
    pub(crate) fn overlays(&self, main: &Path) -> Result<Vec<PathBuf>, FileProblem> {
        let directory = main.parent().unwrap_or_else(|| Path::new("")).join("rules.d");
        let mut found = match self.origin {
            Origin::Disk => on_disk(&directory).map_err(|error| unreadable(&directory, error))?,
            Origin::Snapshot(stored) => {
                let paths = stored.texts().iter().map(|source| PathBuf::from(&*source.path));
                paths.filter(|path| path.parent() == Some(&*directory)).collect()
            }
        };
        found.retain(|path| path.extension() == Some(OsStr::new("toml")) && !is_hidden(path));
        found.sort_unstable();
        Ok(found)
    }
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
