//! Every text a configuration was read from.

use std::{fmt, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Report,
    files::{Files, Origin},
    lower,
    names::KnownNames,
    problem::{FileErrors, FileProblem, Problems},
};

/// A file's path, as the configuration named it, and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceText {
    /// The path.
    pub path: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// Whether it is a file of addresses, which reloads by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_list: bool,
}

/// Everything that a configuration was made from: its texts, the main file first, and the port and
/// user names that the system resolved for it. Kept as JSON, it is a configuration that loads again
/// when the files are gone or broken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    texts: Vec<SourceText>,
    names: KnownNames,
}

/// The place of a text among the [`Sources`]: the order in which texts were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(usize);

impl FileId {
    pub(crate) const fn index(self) -> usize {
        self.0
    }
}

impl Sources {
    /// The texts, in the order in which they were read.
    pub fn texts(&self) -> &[SourceText] {
        &self.texts
    }

    /// The snapshot as JSON.
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic, as it says")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, and numbers by name, are always JSON")
    }

    /// The snapshot that [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_json(json: &str) -> Result<Self, SnapshotError> {
        serde_json::from_str(json).map_err(SnapshotError)
    }

    /// The same without the files of addresses: what an administrator has written.
    #[must_use]
    pub fn without_lists(&self) -> Self {
        let texts = self.texts.iter().filter(|source| !source.is_list).cloned().collect();
        Self { texts, names: self.names.clone() }
    }

    /// The same with another text for `path`, or with that text as well.
    #[must_use]
    pub fn with_text(&self, path: &Path, text: Arc<str>) -> Self {
        let mut edited = self.clone();
        let path = path.to_string_lossy();
        match edited.texts.iter_mut().find(|source| *source.path == *path) {
            Some(source) => source.text = text,
            None => edited.texts.push(SourceText { path: path.into(), text, is_list: false }),
        }
        edited
    }

    /// The paths of the files of addresses.
    pub fn lists(&self) -> impl Iterator<Item = &Path> {
        self.texts.iter().filter(|source| source.is_list).map(|source| Path::new(&*source.path))
    }

    /// The paths of the texts that were others, or not there, in `before`.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a str> {
        self.texts.iter().filter(|source| !before.texts.contains(source)).map(|source| &*source.path)
    }

    /// Takes a file of addresses as it is on disk now.
    ///
    /// # Errors
    /// When it can't be read, is empty to the last byte, as after a download that failed, or holds
    /// anything but addresses. Nothing has changed then.
    pub fn read_list_again(&mut self, path: &Path) -> Result<(), Report> {
        let mut files = Files::from(Origin::Disk);
        let nowhere = |problem: FileProblem| Report::new(Self::default(), vec![problem.nowhere()]);
        let file = files.read_list(path).map_err(nowhere)?;
        let fresh = files.sources;
        let text = Arc::clone(&fresh.get(file).text);
        let Some(known) =
            self.texts.iter_mut().find(|source| source.is_list && Path::new(&*source.path) == path)
        else {
            return Ok(());
        };
        if known.text == text {
            return Ok(());
        }
        if text.is_empty() {
            return Err(nowhere(FileProblem::EmptyList { path: path.into() }));
        }
        let problems = Problems::default();
        lower::list(&text, FileErrors { file, problems: &problems });
        let found = problems.into_found();
        if !found.is_empty() {
            return Err(Report::new(fresh, found));
        }
        known.text = text;
        Ok(())
    }

    pub(crate) fn add(&mut self, path: &Path, text: Arc<str>, is_list: bool) -> FileId {
        self.texts.push(SourceText { path: path.to_string_lossy().into(), text, is_list });
        FileId(self.texts.len() - 1)
    }

    pub(crate) fn find(&self, path: &Path) -> Option<FileId> {
        let path = path.to_string_lossy();
        self.texts.iter().position(|source| *source.path == *path).map(FileId)
    }

    /// The text with this id, which these sources gave out.
    pub(crate) fn get(&self, id: FileId) -> &SourceText {
        &self.texts[id.0]
    }

    pub(crate) const fn names(&self) -> &KnownNames {
        &self.names
    }

    pub(crate) fn set_names(&mut self, names: KnownNames) {
        self.names = names;
    }
}

/// A stored snapshot that cannot be read.
#[derive(Debug)]
pub struct SnapshotError(serde_json::Error);

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is not a stored configuration")
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
