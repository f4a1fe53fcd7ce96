//! Files of addresses, which reload by themselves when their contents change.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use portcullis_config::{Config, Loaded, Report, Sources, failed_tests};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tracing::warn;

use super::{Live, publish::Published};
use crate::{
    log::{self, Message},
    source::Origin,
    status::List,
    trouble::Trouble,
};

/// What is written in several steps is read once.
const SETTLE: Duration = Duration::from_millis(200);
/// A file that somebody rewrites all the time makes no more than one table in this time.
const REST: Duration = Duration::from_secs(2);

/// Notices of changes in the directories that hold lists. Whoever replaces a file or a directory by
/// another, as editors and downloaders do, is noticed as well as who writes into it.
#[derive(Debug)]
pub(super) struct Lists {
    inotify: OwnedFd,
    watched: BTreeSet<PathBuf>,
    /// When to look at the files.
    due: Option<Instant>,
    /// When the last table was made because of a list.
    made: Option<Instant>,
    /// The lists in force: when their contents were written, and why the file is not in force now.
    known: BTreeMap<PathBuf, Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    written: Option<Timestamp>,
    problem: Option<String>,
}

impl Lists {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            inotify: new_inotify()?,
            watched: BTreeSet::new(),
            due: None,
            made: None,
            known: BTreeMap::new(),
        })
    }

    /// When [`Live::follow_lists`] has something to do.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// How the lists are.
    pub(super) fn status(&self) -> Vec<List> {
        let list = |(path, known): (&PathBuf, &Known)| List {
            file: path.display().to_string(),
            written: known.written,
            problem: known.problem.clone(),
        };
        self.known.iter().map(list).collect()
    }

    /// From now on these are the lists; they are looked at soon, since one may have changed while it
    /// was not watched.
    pub(super) fn watch(&mut self, files: &[&Path]) {
        self.known = files
            .iter()
            .map(|&file| (file.to_owned(), self.known.remove(file).unwrap_or_default()))
            .collect();
        let directories = files.iter().flat_map(|file| directories(file)).collect();
        if self.watched != directories {
            // A new one forgets the old directories.
            match new_inotify() {
                Ok(inotify) => self.inotify = inotify,
                Err(error) => return warn!("changes of lists are not noticed: {error}"),
            }
            self.watched = directories;
        }
        self.add_watches();
        if !files.is_empty() {
            self.look_soon();
        }
    }

    /// Again for all, because one that is gone may have come back.
    fn add_watches(&self) {
        let flags = WatchFlags::CLOSE_WRITE | WatchFlags::MOVE | WatchFlags::CREATE | WatchFlags::DELETE;
        let flags = flags | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        for directory in &self.watched {
            // One that isn't there is noticed by its own directory, which is watched, too.
            let _ = inotify::add_watch(&self.inotify, directory, flags);
        }
    }

    fn look_soon(&mut self) {
        let earliest = self.made.map(|made| made + REST);
        let soon = Instant::now() + SETTLE;
        self.due.get_or_insert_with(|| earliest.map_or(soon, |earliest| earliest.max(soon)));
    }

    /// Takes the notices that wait.
    pub(super) fn heed(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut any = false;
        while let Ok(event) = reader.next() {
            let written = event.events().contains(ReadFlags::CLOSE_WRITE);
            let name = event.file_name().map(|name| name.to_bytes().to_owned());
            let is_ours = |name: &[u8]| {
                self.known
                    .keys()
                    .any(|file| file.file_name().is_some_and(|own| own.as_encoded_bytes() == name))
            };
            // Other files that are written are no business of ours; what is moved may be a directory or
            // a link on the way to a list.
            any |= !written || name.is_none_or(|name| is_ours(&name));
        }
        if any {
            self.look_soon();
        }
    }
}

impl AsFd for Lists {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn new_inotify() -> io::Result<OwnedFd> {
    Ok(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?)
}

/// Where a change of `file` is noticed: its directory, that one's, and those of the file that it is
/// a link to.
fn directories(file: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(file).ok();
    let files = [Some(file.to_owned()), real];
    let near = files.into_iter().flatten().flat_map(|file| {
        let ancestors = file.ancestors().skip(1).take(2).map(Path::to_owned);
        ancestors.map(|path| if path.as_os_str().is_empty() { ".".into() } else { path }).collect::<Vec<_>>()
    });
    near.collect()
}

impl Live {
    /// Tells the watch of the lists that are in force.
    pub(super) fn watch_lists(&mut self) {
        let files: Vec<&Path> = self.sources.lists().collect();
        self.lists.watch(&files);
    }

    /// Publishes what is loaded with the lists as their files are now. A file that is gone, empty or
    /// wrong leaves its last good contents in force, and is told of.
    pub(super) fn follow_lists(&mut self) {
        if self.lists.due.is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.lists.due = None;
        self.lists.add_watches();
        self.tidy_soon();
        let mut sources = self.sources.clone();
        let files: Vec<PathBuf> = self.sources.lists().map(Path::to_owned).collect();
        for file in files {
            let read = sources.read_list_again(&file);
            let known = self.lists.known.entry(file.clone()).or_default();
            known.problem = read.err().map(|report| first_error(&report));
        }
        let published = if sources == self.sources { Ok(()) } else { self.publish_lists(sources) };
        for (file, known) in &mut self.lists.known {
            match &published {
                Ok(()) if known.problem.is_none() => known.written = written(file),
                Ok(()) => {}
                Err(why) => {
                    known.problem.get_or_insert_with(|| why.clone());
                }
            }
        }
        self.tell_of_lists();
    }

    fn publish_lists(&mut self, sources: Sources) -> Result<(), String> {
        let fresh = sources.load().map_err(|report| first_error(&report))?.config;
        // Nothing else may have changed by it.
        let Config { ruleset, sets, detect, .. } = fresh;
        let config = Config { ruleset, sets, detect, ..self.config.clone() };
        let config = config.at(Timestamp::now());
        if (&config.ruleset, &config.detect) == (&self.config.ruleset, &self.config.detect) {
            self.sources = sources;
            return Ok(());
        }
        if let Some(failure) = failed_tests(&config).first() {
            return Err(failure.to_string());
        }
        let before = self.sources.clone();
        let Published { summary, .. } =
            self.put_into_force(Loaded { config, sources }, self.origin.clone())?;
        self.lists.made = Some(Instant::now());
        let changed: Vec<&str> = self.sources.changed_since(&before).collect();
        log::tell(Message::Reloaded, &format!("{summary}, because of changes in {}", changed.join(", ")));
        if matches!(self.origin, Origin::Files(_)) && self.standing.trial.is_none() {
            self.keep_as_last_good();
        }
        Ok(())
    }

    fn tell_of_lists(&mut self) {
        let outdated: Vec<String> = self.lists.status().iter().filter_map(List::outdated).collect();
        let detail = (!outdated.is_empty()).then(|| outdated.join("; "));
        self.trouble(Trouble::ListOutdated, detail);
        self.tell_systemd();
    }
}

/// The first of what is wrong: where, and what.
fn first_error(report: &Report) -> String {
    let error = report.errors().next();
    error.map_or_else(String::new, |error| match error.line {
        0 => error.message,
        line => format!("line {line}: {}", error.message),
    })
}

fn written(file: &Path) -> Option<Timestamp> {
    Timestamp::try_from(fs::metadata(file).ok()?.modified().ok()?).ok()
}
