//! Rotated files are compressed, beside the recorder: what it appends to never waits for it.
//!
//! An archive is a sequence of zstd frames, each some thousand whole lines: `zstd -d` makes one file
//! of them, and a review can read one alone. It is made under another name, and named when it is
//! whole and on the disk; the lines go last. A crash in between leaves the lines, or both.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Limits, Stream,
    age::{Moment, Reliance},
    digest::Builder,
    directory::{ARCHIVE, DIGEST, DRAFT, Rotated, rotated, trim},
};
use crate::urgency;

/// Bytes of lines in a frame, about.
const FRAME: usize = 512 << 10;
const LEVEL: i32 = 3;
/// How often to look for files that have grown too old.
const LOOK: Duration = Duration::from_secs(3600);

/// Asks the archivist to look at the directory again.
#[derive(Debug, Clone)]
pub struct Archivist {
    wake: SyncSender<()>,
}

impl Archivist {
    /// Starts a thread that compresses what is rotated in `directory` and keeps it within `limits`,
    /// until this is dropped. Without a thread, files stay as they are.
    pub fn start(directory: PathBuf, limits: Limits) -> Self {
        let (wake, woken) = sync_channel(1);
        let work = move || work(&directory, limits, &woken);
        if let Err(error) = thread::Builder::new().name("archivist".to_owned()).spawn(work) {
            tracing::warn!("rotated records are not compressed: {error}");
        }
        Self { wake }
    }

    /// There is something to do. One word is enough, however much there is.
    pub fn wake(&self) {
        let _ = self.wake.try_send(());
    }
}

fn work(directory: &Path, limits: Limits, woken: &Receiver<()>) {
    urgency::yield_to_packets();
    let mut reliance = Reliance::since(Moment::now());
    let mut told = false;
    while next(woken, limits) {
        let now = Moment::now();
        let files = Stream::ALL.map(|stream| rotated(directory, stream).unwrap_or_default());
        let mut times: Vec<Timestamp> = files.iter().flatten().map(|file: &Rotated| file.until).collect();
        times.sort_unstable();
        let age = limits.age.filter(|age| reliance.may_delete(now, &times, *age));
        let held = age != limits.age;
        if held && !told {
            tracing::warn!(
                "no records are deleted for their age for a day: the clock, {}, has jumped, or nothing was recorded for as long as \
                 records are kept",
                now.wall
            );
        }
        told = held;
        if let Err(error) = sweep(directory, Limits { age, ..limits }, now.wall) {
            tracing::warn!("rotated records in {} stay uncompressed: {error}", directory.display());
        }
    }
}

/// Waits for something to do; whether there will be more.
fn next(woken: &Receiver<()>, limits: Limits) -> bool {
    match limits.age {
        // Files grow old also when nothing is rotated.
        Some(_) => woken.recv_timeout(LOOK) != Err(RecvTimeoutError::Disconnected),
        None => woken.recv().is_ok(),
    }
}

/// Compresses everything that is rotated, removes drafts of a process that was killed, digests
/// without their archives, and what is too old at `now`.
///
/// # Errors
/// The first failure; the lines are still there, and the next sweep tries again.
pub fn sweep(directory: &Path, limits: Limits, now: Timestamp) -> io::Result<()> {
    // After a change of settings two threads may look at the same directory.
    let lock = File::open(directory)?;
    lock.lock()?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let stale = match path.extension().and_then(|extension| extension.to_str()) {
            Some(DRAFT) => true,
            Some(DIGEST) => !path.with_extension(ARCHIVE).exists(),
            _ => false,
        };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if stale && Stream::ALL.iter().any(|stream| name.starts_with(stream.file_name())) {
            fs::remove_file(&path)?;
        }
    }
    for stream in Stream::ALL {
        for file in rotated(directory, stream)? {
            let archive = extended(&file.path, ARCHIVE);
            if !file.is_archive() {
                compress(&file.path, &archive, stream)?;
            } else if let Some(lines) = lines_of(&file.path).filter(|lines| lines.exists()) {
                // Killed between the last two steps.
                fs::remove_file(lines)?;
            }
        }
    }
    trim(directory, limits, now)
}

/// Makes the archive of `lines`, its digest, and removes `lines`.
fn compress(lines: &Path, archive: &Path, stream: Stream) -> io::Result<()> {
    let draft = extended(archive, DRAFT);
    let mut input = BufReader::with_capacity(FRAME, File::open(lines)?);
    let mut output = create(&draft)?;
    let mut digest = Builder::default();
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    let (mut frame, mut offset) = (Vec::with_capacity(FRAME * 2), 0);
    loop {
        let more = input.read_until(b'\n', &mut frame)? > 0;
        if more && frame.len() < FRAME {
            continue;
        }
        if frame.is_empty() {
            break;
        }
        let packed = compressor.compress(&frame)?;
        output.write_all(&packed)?;
        if stream == Stream::Blocked {
            digest.lines(&frame, offset, packed.len() as u64);
        }
        offset += packed.len() as u64;
        frame.clear();
    }
    output.sync_all()?;
    if stream == Stream::Blocked {
        let draft = extended(archive, DIGEST);
        let draft = extended(&draft, DRAFT);
        create(&draft)?.write_all(&digest.finish().to_file(offset)?)?;
        fs::rename(draft, archive.with_extension(DIGEST))?;
    }
    fs::rename(draft, archive)?;
    if let Some(directory) = archive.parent() {
        File::open(directory)?.sync_all()?;
    }
    fs::remove_file(lines)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)
}

/// `path`, and a dot and `extension`.
fn extended(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Where the lines of an archive were.
fn lines_of(archive: &Path) -> Option<PathBuf> {
    archive.to_str()?.strip_suffix(ARCHIVE)?.strip_suffix('.').map(PathBuf::from)
}

#[cfg(test)]
mod tests;
