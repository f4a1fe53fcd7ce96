//! What is written while we watch.

use std::{
    fs::{self, File},
    io::{self, Read, Seek as _, SeekFrom, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{Screen, export::Form, filter::Filter, table};
use crate::log::{
    Stream,
    digest::{Builder, lines},
};

/// How soon a new line is seen.
const PAUSE: Duration = Duration::from_millis(200);
/// Read at once.
const CHUNK: u64 = 1 << 20;

/// The end of a stream's live file, across rotations.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

impl Tail {
    /// From the end of what is there now.
    ///
    /// # Errors
    /// When the live file can't be read.
    pub(crate) fn new(directory: &Path, stream: Stream) -> io::Result<Self> {
        let path = directory.join(stream.file_name());
        let mut file = open(&path)?;
        if let Some(file) = &mut file {
            file.seek(SeekFrom::End(0))?;
        }
        Ok(Self { path, file, rest: Vec::new() })
    }

    /// The same, and the last `past` bytes of what is there.
    ///
    /// # Errors
    /// When the live file can't be read.
    pub(crate) fn with_past(directory: &Path, stream: Stream, past: u64) -> io::Result<Self> {
        let mut tail = Self::new(directory, stream)?;
        if let Some(file) = &mut tail.file {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(past)))?;
            if length > past {
                // The line that it begins in.
                let mut text = Vec::new();
                Read::by_ref(file).take(past).read_to_end(&mut text)?;
                let first = text.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                tail.rest = text.split_off(first);
            }
        }
        Ok(tail)
    }

    /// Whole lines that are new, some of them; empty when there are none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut text = std::mem::take(&mut self.rest);
        let before = text.len();
        if let Some(file) = &mut self.file {
            Read::by_ref(file).take(CHUNK).read_to_end(&mut text)?;
        }
        if text.len() == before && self.is_rotated() {
            // Everything of the old file is read.
            self.file = open(&self.path)?;
            text.clear();
            return Ok(text);
        }
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        self.rest = text.split_off(whole);
        Ok(text)
    }

    fn is_rotated(&self) -> bool {
        let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = self.file.as_ref().and_then(|file| file.metadata().ok()).map(inode);
        let named = fs::metadata(&self.path).ok().map(inode);
        named.is_some() && named != ours
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Shows what is asked for as it is written, until `out` can't be written to any more.
pub(super) fn follow(
    tail: &mut Tail,
    filter: &Filter,
    form: Option<Form>,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<()> {
    loop {
        let text = tail.read()?;
        if text.is_empty() {
            thread::sleep(PAUSE);
            continue;
        }
        let mut builder = Builder::default();
        builder.lines(&text, 0, text.len() as u64);
        let digest = builder.finish();
        let rows = filter.select(&digest).rows;
        match form {
            None => {
                out.write_all(table::lines(&digest, &rows, screen, &table::Accepted::new()).as_bytes())?
            }
            Some(form) => {
                let mut wanted = rows.iter().map(|&row| row as usize).peekable();
                for (row, line) in lines(&text).enumerate() {
                    if wanted.next_if_eq(&row).is_some() {
                        out.write_all(&form.line(line, digest.shape(row).class)?)?;
                    }
                }
            }
        }
        out.flush()?;
    }
}
