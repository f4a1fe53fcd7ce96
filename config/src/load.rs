//! From files to a configuration.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use crate::{
    Config, Report, Sources, SystemNames,
    files::{Files, Origin},
    lower::{self, Literals, Vocabulary},
    names::Lookup,
    problem::{Diagnostic, FileErrors, FileProblem, Problems},
    sources::Contents,
    written::{self, Role},
};

/// A valid configuration, and everything it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it means.
    pub config: Config,
    /// What it was made from: a snapshot that can be stored.
    pub sources: Sources,
}

impl Loaded {
    /// The same at another time: see [`Config::at`].
    #[must_use]
    pub fn at(&self, time: Timestamp) -> Self {
        Self { config: self.config.at(time), sources: self.sources.clone() }
    }
}

/// Reads the configuration whose main file is `path`, the overlays in `rules.d` beside it, and the
/// files of addresses that its sets name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    load_with_names(path, &SystemNames::default())
}

/// Like [`load`], with the port and user names of another system.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_with_names(path: &Path, names: &SystemNames) -> Result<Loaded, Report> {
    load_from(path, Origin::Disk, Lookup::system(names))
}

/// Reads a configuration that is one text; `name` stands for its path. No file is read but those
/// of the system's port and user names.
///
/// # Errors
/// Everything that is wrong with it; a set in a file is, too.
pub fn load_text(name: &str, text: &str) -> Result<Loaded, Report> {
    let mut only = Sources::default();
    only.add(Path::new(name), Contents::Text(Arc::from(text)));
    load_from(Path::new(name), Origin::Snapshot(&only), Lookup::system(&SystemNames::default()))
}

impl Sources {
    /// Makes the configuration again, from nothing but this snapshot.
    ///
    /// # Errors
    /// Everything that is wrong with it: nothing, unless this version of the rule language is
    /// another one than that which stored the snapshot.
    pub fn load(&self) -> Result<Loaded, Report> {
        match self.files() {
            [] => Err(Report::new(Self::default(), vec![FileProblem::EmptySnapshot.nowhere()])),
            [main, ..] => {
                load_from(Path::new(&*main.path), Origin::Snapshot(self), Lookup::stored(self.names()))
            }
        }
    }
}

fn load_from(main: &Path, origin: Origin<'_>, names: Lookup<'_>) -> Result<Loaded, Report> {
    let (config, mut sources, found) = read(main, origin, &names)?;
    if !found.is_empty() {
        return Err(Report::new(sources, found));
    }
    sources.set_names(names.into_known());
    Ok(Loaded { config, sources })
}

/// Reads the configuration whose main file is `path` as far as it can be read, with what is wrong with it.
///
/// # Errors
/// That there is no such file, or that it can't be read at all.
pub(crate) fn read_what_can_be(path: &Path) -> Result<(Config, Sources, Vec<Diagnostic>), Report> {
    read(path, Origin::Disk, &Lookup::system(&SystemNames::default()))
}

fn read(
    main: &Path,
    origin: Origin<'_>,
    names: &Lookup<'_>,
) -> Result<(Config, Sources, Vec<Diagnostic>), Report> {
    let mut files = Files::from(origin);
    let problems = Problems::default();
    let written = match read_all(main, &mut files, &problems) {
        Ok(written) => written,
        Err(problem) => return Err(Report::new(Sources::default(), vec![problem.nowhere()])),
    };
    let sets = lower::sets(&written, &mut files, names, &problems);
    let vocabulary = Vocabulary { names, sets: &sets, literals: &Literals::default() };
    let config = lower::config(&written, &vocabulary, &files.sources, Timestamp::now(), &problems);
    Ok((config, files.sources, problems.into_found()))
}

/// The main file, then its overlays. Without the main file nothing else is worth reading.
fn read_all(
    main: &Path,
    files: &mut Files<'_>,
    problems: &Problems,
) -> Result<Vec<written::File>, FileProblem> {
    let mut written = vec![read_one(main, Role::Main, files, problems)?];
    let overlays = files.overlays(main).unwrap_or_else(|problem| {
        problems.report(None, problem);
        Vec::new()
    });
    for overlay in overlays {
        match read_one(&overlay, Role::Overlay, files, problems) {
            Ok(file) => written.push(file),
            Err(problem) => problems.report(None, problem),
        }
    }
    Ok(written)
}

fn read_one(
    path: &Path,
    role: Role,
    files: &mut Files<'_>,
    problems: &Problems,
) -> Result<written::File, FileProblem> {
    let file = files.read(path)?;
    let text = files.sources.get(file).text();
    Ok(written::read(text, role, FileErrors { file, problems }))
}
