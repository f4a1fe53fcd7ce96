//! Every file a configuration was read from.

use std::{fs, path::Path, sync::Arc};

use portcullis_rules::AddressSet;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    Report,
    files::{Files, Origin},
    lower,
    names::KnownNames,
    problem::{FileProblem, Problems},
};

/// A file that a configuration was made from: its path, as the configuration named it, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Source {
    /// The path.
    pub path: Arc<str>,
    /// What is in it.
    pub contents: Contents,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// The text of a file of our own.
    Text(Arc<str>),
    /// Of a file of addresses, which reloads by itself, these: such files are long, and the set is what the
    /// rules have anyhow.
    Addresses(Arc<AddressSet>),
}

impl Source {
    /// The text; nothing where only addresses are kept of it.
    pub fn text(&self) -> &str {
        match &self.contents {
            Contents::Text(text) => text,
            Contents::Addresses(_) => "",
        }
    }

    /// Whether it is a file of addresses.
    pub const fn is_list(&self) -> bool {
        matches!(self.contents, Contents::Addresses(_))
    }
}

/// Everything that a configuration was made from: its files, the main one first, and the port and
/// user names that the system resolved for it. Kept as JSON, it is a configuration that loads again
/// when the files are gone or broken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    #[serde(rename = "texts")]
    files: Vec<Source>,
    names: KnownNames,
}

/// The place of a file among the [`Sources`]: the order in which they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(usize);

impl FileId {
    pub(crate) const fn index(self) -> usize {
        self.0
    }
}

impl Sources {
    /// The files, in the order in which they were read.
    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// The snapshot as JSON.
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic, as it says")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, and numbers by name, are always JSON")
    }

    /// About how many bytes [`Self::to_json`] has.
    pub fn length(&self) -> usize {
        let length = |source: &Source| match &source.contents {
            Contents::Text(text) => text.len(),
            // What most ranges are: an address of version 4.
            Contents::Addresses(set) => set.ranges().count() * "192.0.2.100\\n".len(),
        };
        self.files.iter().map(length).sum()
    }

    /// The same without the files of addresses: what an administrator has written.
    #[must_use]
    pub fn without_lists(&self) -> Self {
        let files = self.files.iter().filter(|source| !source.is_list()).cloned().collect();
        Self { files, names: self.names.clone() }
    }

    /// The same with another text for `path`, or with that text as well.
    #[must_use]
    pub fn with_text(&self, path: &Path, text: Arc<str>) -> Self {
        let mut edited = self.clone();
        let path = path.to_string_lossy();
        match edited.files.iter_mut().find(|source| *source.path == *path) {
            Some(source) => source.contents = Contents::Text(text),
            None => edited.files.push(Source { path: path.into(), contents: Contents::Text(text) }),
        }
        edited
    }

    /// The paths of the files of addresses.
    pub fn lists(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().filter(|source| source.is_list()).map(|source| Path::new(&*source.path))
    }

    /// The paths of the files that were others, or not there, in `before`.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a str> {
        self.files.iter().filter(|source| !before.files.contains(source)).map(|source| &*source.path)
    }

    /// Takes a file of addresses as it is on disk now.
    ///
    /// # Errors
    /// When it can't be read, is empty to the last byte, as after a download that failed, or holds
    /// anything but addresses. Nothing has changed then.
    pub fn read_list_again(&mut self, path: &Path) -> Result<(), Report> {
        let Some(place) =
            self.files.iter().position(|source| source.is_list() && Path::new(&*source.path) == path)
        else {
            return Ok(());
        };
        let mut files = Files::from(Origin::Disk);
        let problems = Problems::default();
        let nowhere = |problem: FileProblem| Report::new(Self::default(), vec![problem.nowhere()]);
        let Some(fresh) = files.read_list(path, &problems).map_err(nowhere)? else {
            return Err(Report::new(files.sources, problems.into_found()));
        };
        let known = &mut self.files[place].contents;
        let fresh = Contents::Addresses(fresh);
        if *known != fresh {
            if fs::metadata(path).is_ok_and(|file| file.len() == 0) {
                return Err(nowhere(FileProblem::EmptyList { path: path.into() }));
            }
            *known = fresh;
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, path: &Path, contents: Contents) -> FileId {
        self.files.push(Source { path: path.to_string_lossy().into(), contents });
        FileId(self.files.len() - 1)
    }

    pub(crate) fn find(&self, path: &Path) -> Option<FileId> {
        let path = path.to_string_lossy();
        self.files.iter().position(|source| *source.path == *path).map(FileId)
    }

    /// The file with this id, which these sources gave out.
    pub(crate) fn get(&self, id: FileId) -> &Source {
        &self.files[id.0]
    }

    pub(crate) const fn names(&self) -> &KnownNames {
        &self.names
    }

    pub(crate) fn set_names(&mut self, names: KnownNames) {
        self.names = names;
    }
}

/// A file as it is stored: of one of addresses, a text that is read as the same.
#[derive(Debug, Deserialize)]
struct Stored {
    path: Arc<str>,
    text: String,
    #[serde(default)]
    is_list: bool,
}

impl TryFrom<Stored> for Source {
    type Error = &'static str;

    fn try_from(Stored { path, text, is_list }: Stored) -> Result<Self, Self::Error> {
        let contents = if is_list {
            let set = lower::list(&text).map_err(|_| "a list with something else than addresses")?;
            Contents::Addresses(Arc::new(set))
        } else {
            Contents::Text(text.into())
        };
        Ok(Self { path, contents })
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { path, contents } = self;
        let mut stored = serializer.serialize_struct("Stored", 2 + usize::from(self.is_list()))?;
        stored.serialize_field("path", path)?;
        stored.serialize_field("text", contents)?;
        if self.is_list() {
            stored.serialize_field("is_list", &true)?;
        }
        stored.end()
    }
}

impl Serialize for Contents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            // Written as it goes: lists are long.
            Self::Addresses(set) => serializer.collect_str(&lower::Netset(set)),
        }
    }
}
