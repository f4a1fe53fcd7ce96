//! The log directory: which files are in it, and which have to go.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

/// A file that records are appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Packets.
    Blocked,
    /// What the detector concluded.
    Incidents,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blocked, Self::Incidents];

    /// The live file's name.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked.jsonl",
            Self::Incidents => "incidents.jsonl",
        }
    }
}

/// How large the files may grow, in bytes, and how old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One file, before it is rotated.
    pub file: u64,
    /// All rotated files of both streams.
    pub rotated: u64,
    /// A rotated file whose youngest record is as old as this goes, whatever room there is.
    pub age: Option<SignedDuration>,
}

impl Limits {
    /// No limits but these sizes.
    pub const fn of_size(file: u64, rotated: u64) -> Self {
        Self { file, rotated, age: None }
    }

    /// The limits that keep both streams together, live files included, within `total` bytes. A
    /// file is at most a quarter of that; the size of one is left for the archive that is being made.
    pub fn within(file: u64, total: u64) -> Self {
        let file = file.min(total / 4);
        Self::of_size(file, total.saturating_sub(3 * file))
    }
}

/// A file that is no longer written to.
///
/// It is named after the moment when it was rotated, `blocked.jsonl.20261123T082645.123456Z`, rather
/// than by a number: a name then stays with its file (a shipper or a reader that is at work on it is
/// not disturbed, and one rename is all that can fail), the order of names is the order of time, and
/// a reader can skip a file without opening it. Some time later it becomes an archive: `….zst`, and
/// beside it the digest of what is in it, `….digest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rotated {
    /// Nothing in it is younger.
    pub until: Timestamp,
    /// Where it is: the lines, or the archive of them.
    pub path: PathBuf,
    /// Its size in bytes, and its digest's.
    pub size: u64,
}

impl Rotated {
    /// Whether it is compressed.
    pub fn is_archive(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == ARCHIVE)
    }

    /// Where its digest is, if it has one.
    pub fn digest(&self) -> PathBuf {
        self.path.with_extension(DIGEST)
    }
}

const SUFFIX: &str = "%Y%m%dT%H%M%S.%6fZ";
/// Ends the name of a compressed file.
pub(crate) const ARCHIVE: &str = "zst";
/// Ends the name of an archive's digest.
pub(crate) const DIGEST: &str = "digest";
/// Ends the name of an archive or a digest that is not yet whole.
pub(crate) const DRAFT: &str = "draft";

/// Where `stream`'s live file goes when it is rotated at `now`.
pub(crate) fn rotated_path(directory: &Path, stream: Stream, now: Timestamp) -> PathBuf {
    directory.join(format!("{}.{}", stream.file_name(), now.strftime(SUFFIX)))
}

/// The rotated files of `stream`, oldest first. Files with other names are not ours.
///
/// # Errors
/// When the directory can't be read.
pub fn rotated(directory: &Path, stream: Stream) -> io::Result<Vec<Rotated>> {
    let mut files: Vec<Rotated> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let suffix = name.and_then(|name| name.strip_prefix(stream.file_name())?.strip_prefix('.'));
        let archive = |suffix: &str| suffix.strip_suffix(ARCHIVE)?.strip_suffix('.').and_then(time_of);
        let Some(until) = suffix.and_then(|suffix| time_of(suffix).or_else(|| archive(suffix))) else {
            continue;
        };
        // It may have been deleted since it was listed.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_file() {
            files.push(Rotated { until, path, size: metadata.len() });
        }
    }
    files.sort();
    // An archive is named only when it is whole: the lines that it was made from are about to go.
    files.dedup_by(|archive, lines| {
        archive.until == lines.until && {
            std::mem::swap(archive, lines);
            true
        }
    });
    for file in files.iter_mut().filter(|file| file.is_archive()) {
        file.size += fs::metadata(file.digest()).map_or(0, |metadata| metadata.len());
    }
    Ok(files)
}

/// Deletes the oldest rotated files of both streams until the rest fits, and those that are too old
/// at `now`.
///
/// # Errors
/// When the directory can't be read, or a file can't be deleted; the others are deleted all the
/// same.
pub fn trim(directory: &Path, limits: Limits, now: Timestamp) -> io::Result<()> {
    let mut files = Vec::new();
    for stream in Stream::ALL {
        files.extend(rotated(directory, stream)?);
    }
    files.sort();
    let mut total: u64 = files.iter().map(|file| file.size).sum();
    let mut outcome = Ok(());
    for Rotated { until, path, size } in files {
        let old = limits.age.is_some_and(|age| now.duration_since(until) >= age);
        if total <= limits.rotated && !old {
            break;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => outcome = Err(error),
            _ => total -= size,
        }
        if path.extension().is_some_and(|extension| extension == ARCHIVE) {
            // Without its archive nobody reads it; the next sweep would find it, too.
            let _ = fs::remove_file(path.with_extension(DIGEST));
        }
    }
    outcome
}

fn time_of(suffix: &str) -> Option<Timestamp> {
    let time = DateTime::strptime("%Y%m%dT%H%M%S%.fZ", suffix).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_its_own_files_by_age_and_deletes_the_oldest() {
        let directory = tempfile::tempdir().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        for (stream, second) in [(Stream::Blocked, 30), (Stream::Incidents, 20), (Stream::Blocked, 10)] {
            fs::write(rotated_path(directory.path(), stream, at(second)), "0123456789").unwrap();
        }
        for foreign in ["blocked.jsonl", "blocked.jsonl.1", "blocked.jsonl.bak", "notes"] {
            fs::write(directory.path().join(foreign), "x").unwrap();
        }
        let ages = |stream| -> Vec<i64> {
            rotated(directory.path(), stream).unwrap().iter().map(|file| file.until.as_second()).collect()
        };
        assert_eq!((ages(Stream::Blocked), ages(Stream::Incidents)), (vec![10, 30], vec![20]));
        trim(directory.path(), Limits::of_size(1, 29), at(40)).unwrap();
        assert_eq!((ages(Stream::Blocked), ages(Stream::Incidents)), (vec![30], vec![20]));
        trim(directory.path(), Limits::of_size(1, 10), at(40)).unwrap();
        assert_eq!((ages(Stream::Blocked), ages(Stream::Incidents)), (vec![30], vec![]));
        let day = Limits { age: Some(SignedDuration::from_hours(24)), ..Limits::of_size(1, 1000) };
        trim(directory.path(), day, at(86_429)).unwrap();
        assert_eq!(ages(Stream::Blocked), [30], "a second is left");
        trim(directory.path(), day, at(86_430)).unwrap();
        assert!(ages(Stream::Blocked).is_empty());
        assert!(directory.path().join("blocked.jsonl.1").exists());
    }

    #[test]
    fn an_archive_stands_for_its_lines_and_goes_with_its_digest() {
        let directory = tempfile::tempdir().unwrap();
        let lines =
            rotated_path(directory.path(), Stream::Blocked, Timestamp::from_microsecond(1_234_567).unwrap());
        let named = |extension: &str| PathBuf::from(format!("{}.{extension}", lines.display()));
        fs::write(&lines, "0123456789").unwrap();
        fs::write(named("zst.draft"), "0").unwrap();
        assert_eq!(rotated(directory.path(), Stream::Blocked).unwrap()[0].size, 10);
        fs::write(named("zst"), "012").unwrap();
        fs::write(named("digest"), "0").unwrap();
        let listed = rotated(directory.path(), Stream::Blocked).unwrap();
        assert_eq!((listed.len(), listed[0].is_archive(), listed[0].size), (1, true, 4));
        assert_eq!(listed[0].digest(), named("digest"));
        fs::remove_file(&lines).unwrap();
        trim(directory.path(), Limits::of_size(1, 0), Timestamp::UNIX_EPOCH).unwrap();
        assert!(!named("zst").exists() && !named("digest").exists());
    }
}
