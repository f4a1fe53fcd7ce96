//! A stream's live file: whole lines, appended one write each.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{Archivist, Limits, Stream, directory};

/// A file is rotated when its first line is as old as that, however small it is: a day's records are
/// compressed, and in one place.
const OLDEST: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait after a failed open before the next.
const RETRY: SignedDuration = SignedDuration::from_secs(1);
/// No record is longer.
const LONGEST: u64 = 64 << 10;

/// Appends to a stream's live file, rotates it, and keeps both streams' files within bounds.
///
/// A line is one write: a process that is killed leaves whole lines. A line that could not be
/// written whole (the disk is full) is taken back, and a torn one that is found at the end of a file
/// (the machine lost power) is ended, so that every other line stays readable.
#[derive(Debug)]
pub struct Segment {
    directory: PathBuf,
    stream: Stream,
    limits: Limits,
    live: Option<Live>,
    retry: Option<(Timestamp, io::ErrorKind)>,
    archivist: Option<Archivist>,
}

#[derive(Debug)]
struct Live {
    file: File,
    length: u64,
    /// When its first line was written, about.
    began: Timestamp,
    /// Whether the file ends in part of a line that could not be taken back.
    torn: bool,
}

impl Segment {
    /// A stream in `directory`. Nothing is opened before the first line, and what fails then is
    /// tried again.
    pub const fn new(directory: PathBuf, stream: Stream, limits: Limits) -> Self {
        Self { directory, stream, limits, live: None, retry: None, archivist: None }
    }

    /// The same, and tells `archivist` of what it rotates.
    #[must_use]
    pub fn archived_by(self, archivist: Archivist) -> Self {
        Self { archivist: Some(archivist), ..self }
    }

    /// Opens the live file, unless it is open, or could not be opened a moment ago.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(&mut self, now: Timestamp) -> io::Result<()> {
        self.opened(now).map(|_| ())
    }

    /// Appends `line`, which ends in a line feed.
    ///
    /// # Errors
    /// When the line could not be written. The next one is a new attempt.
    pub fn append(&mut self, line: &[u8], now: Timestamp) -> io::Result<()> {
        let limit = self.limits.file;
        let live = self.opened(now)?;
        let full = live.length + line.len() as u64 > limit;
        if live.length > 0 && (full || now.duration_since(live.began) >= OLDEST) {
            self.live = None;
            self.rotate(now)?;
        }
        let live = self.opened(now)?;
        if live.length == 0 {
            live.began = now;
        }
        live.append(line)
    }

    /// When [`Self::tick`] has something to do, if nothing is appended until then; never, if records
    /// may be of any age.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.limits.age?;
        let live = self.live.as_ref().filter(|live| live.length > 0)?;
        live.began.checked_add(OLDEST).ok()
    }

    /// Rotates a file that is old, although nothing is appended: so it can be compressed, and
    /// deleted in its time.
    ///
    /// # Errors
    /// When it can't be renamed. The next line is a new attempt.
    pub fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        self.live = None;
        self.rotate(now)
    }

    fn opened(&mut self, now: Timestamp) -> io::Result<&mut Live> {
        let live = match (self.live.take(), self.retry) {
            (Some(live), _) => live,
            (None, Some((failed, kind))) if now.duration_since(failed).abs() < RETRY => {
                return Err(kind.into());
            }
            (None, _) => {
                let opened = self.prepare(now).and_then(|()| Live::open(&self.path(), now));
                self.retry = opened.as_ref().err().map(|error| (now, error.kind()));
                opened?
            }
        };
        Ok(self.live.insert(live))
    }

    fn prepare(&self, now: Timestamp) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o750).create(&self.directory)?;
        // Age is the archivist's matter.
        directory::trim(&self.directory, Limits { age: None, ..self.limits }, now)
    }

    /// Renames the live file after this moment, or after the first free microsecond that follows.
    fn rotate(&self, now: Timestamp) -> io::Result<()> {
        let newest = directory::rotated(&self.directory, self.stream)?.pop().map(|file| file.until);
        let after = |time: Timestamp| time.checked_add(SignedDuration::from_micros(1)).unwrap_or(time);
        let name = newest.map_or(now, |newest| now.max(after(newest)));
        fs::rename(self.path(), directory::rotated_path(&self.directory, self.stream, name))?;
        if let Some(archivist) = &self.archivist {
            archivist.wake();
        }
        Ok(())
    }

    /// The live file.
    pub fn path(&self) -> PathBuf {
        self.directory.join(self.stream.file_name())
    }
}

impl Live {
    fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let mut last = [b'\n'];
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        let began = if length > 0 { first_time(&mut file)?.map_or(now, |began| began.min(now)) } else { now };
        Ok(Self { file, length, began, torn: last != *b"\n" })
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
            self.length += 1;
            self.torn = false;
        }
        if let Err(error) = self.file.write_all(line) {
            self.torn = self.file.set_len(self.length).is_err();
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }
}

/// The time in the first line, if it is a record. (Appending doesn't mind where reading stopped.)
fn first_time(file: &mut File) -> io::Result<Option<Timestamp>> {
    #[derive(serde::Deserialize)]
    struct Dated {
        #[serde(with = "super::eve_time")]
        timestamp: Timestamp,
    }
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(file.take(LONGEST)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line).ok().map(|Dated { timestamp }| timestamp))
}

#[cfg(test)]
mod tests;
