//! A log directory's files, oldest first, each as a digest and the way to its lines.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;

use crate::log::{
    Stream,
    digest::{Block, Builder, Digest, Folded, Head},
    rotated,
};

/// Lines that are read together, in bytes; longer lines are cut there, and so are no records.
const CHUNK: usize = 512 << 10;
/// How often the live file may be rotated while we look.
const PATIENCE: usize = 8;

/// One file of a stream.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    /// Nothing in it is younger; `None` for the live file.
    pub(super) until: Option<Timestamp>,
    /// The live file is looked at more than once, and has no digest on the disk.
    live: Option<(File, OnceLock<Arc<Segment>>)>,
}

/// A part's digest, and the way to its lines.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    pub(super) digest: Digest,
    file: File,
    packed: bool,
}

/// The files of `stream` in `directory`, oldest first.
///
/// # Errors
/// When the directory or the live file can't be read.
pub(super) fn parts(directory: &Path, stream: Stream) -> io::Result<Vec<Part>> {
    let live_path = directory.join(stream.file_name());
    for _ in 0..PATIENCE {
        // Opened before the others are listed, and looked at again after: if it was rotated in
        // between, it would be missing, or there twice.
        let live = match File::open(&live_path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(named(&live_path, error)),
        };
        let files = rotated(directory, stream).map_err(|error| named(directory, error))?;
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let opened = live.as_ref().and_then(|file| file.metadata().ok()).map(identity);
        if opened != fs::metadata(&live_path).ok().map(identity) {
            continue;
        }
        let old = files.into_iter().map(|file| Part { path: file.path, until: Some(file.until), live: None });
        let live =
            live.map(|file| Part { path: live_path, until: None, live: Some((file, OnceLock::new())) });
        return Ok(old.chain(live).collect());
    }
    Err(named(&live_path, io::ErrorKind::ResourceBusy.into()))
}

impl Part {
    /// The part in memory, unless what is known of it without its rows is not `wanted`.
    ///
    /// # Errors
    /// When it can't be read. A part that was deleted since it was listed is `None`.
    pub(super) fn load(&self, wanted: impl Fn(&Head) -> bool) -> io::Result<Option<Arc<Segment>>> {
        let loaded = match &self.live {
            Some((file, loaded)) => self.load_live(file, loaded).map(Some),
            None => self.load_rotated(&wanted),
        };
        let loaded = loaded.map_err(|error| named(&self.path, error))?;
        Ok(loaded.filter(|segment| wanted(&segment.digest.head)))
    }

    /// Where a line is, to be told; the first is 1.
    pub(super) fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// Every line, in order, without its line feed.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) fn each_line(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let Some(segment) = self.load(|_| true)? else { return Ok(()) };
        for block in &segment.digest.head.blocks {
            let text = segment.text(block).map_err(|error| named(&self.path, error))?;
            crate::log::digest::lines(&text).for_each(&mut take);
        }
        Ok(())
    }

    fn load_live(&self, file: &File, loaded: &OnceLock<Arc<Segment>>) -> io::Result<Arc<Segment>> {
        if let Some(segment) = loaded.get() {
            return Ok(Arc::clone(segment));
        }
        let segment = Arc::new(plain(self.path.clone(), file.try_clone()?)?);
        Ok(Arc::clone(loaded.get_or_init(|| segment)))
    }

    fn load_rotated(&self, wanted: &impl Fn(&Head) -> bool) -> io::Result<Option<Arc<Segment>>> {
        let archive = |path: &Path| path.extension().is_some_and(|extension| extension == "zst");
        let opened = File::open(&self.path).map(|file| (file, self.path.clone())).or_else(|error| {
            // It may have been compressed since it was listed.
            let packed = PathBuf::from(format!("{}.zst", self.path.display()));
            match error.kind() {
                io::ErrorKind::NotFound if !archive(&self.path) => {
                    File::open(&packed).map(|file| (file, packed))
                }
                _ => Err(error),
            }
        });
        let (file, path) = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !archive(&path) {
            return plain(path, file).map(|segment| Some(Arc::new(segment)));
        }
        let digest = match Folded::open(&path.with_extension("digest"), file.metadata()?.len()) {
            Ok(folded) if !wanted(&folded.head) => return Ok(None),
            Ok(folded) => folded.unfold(),
            Err(error) => Err(error),
        };
        // A digest that is missing, damaged or another version's is made anew.
        let digest = digest.or_else(|_| packed(&file))?;
        Ok(Some(Arc::new(Segment { path, digest, file, packed: true })))
    }
}

impl Segment {
    /// Where a row's line is, to be told.
    pub(super) fn place(&self, row: u32) -> String {
        format!("{}:{}", self.path.display(), u64::from(row) + 1)
    }

    /// The lines of a block.
    ///
    /// # Errors
    /// When they can't be read.
    pub(super) fn text(&self, block: &Block) -> io::Result<Vec<u8>> {
        let length = usize::try_from(block.length).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, block.offset)?;
        if self.packed { zstd::stream::decode_all(&bytes[..]) } else { Ok(bytes) }
    }

    /// Calls `take` with the lines of `rows`, which ascend. Only the blocks that hold them are read.
    ///
    /// # Errors
    /// When they can't be read, or `take` fails.
    pub(super) fn lines(
        &self,
        rows: &[u32],
        mut take: impl FnMut(usize, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut rows = rows.iter().map(|&row| row as usize).peekable();
        for (n, block) in self.digest.head.blocks.iter().enumerate() {
            let range = self.digest.rows_of(n);
            if rows.peek().is_none_or(|row| !range.contains(row)) {
                continue;
            }
            let text = self.text(block)?;
            for (row, line) in range.zip(crate::log::digest::lines(&text)) {
                if rows.next_if_eq(&row).is_some() {
                    take(row, line)?;
                }
            }
        }
        Ok(())
    }
}

/// A file of lines.
fn plain(path: PathBuf, file: File) -> io::Result<Segment> {
    let mut builder = Builder::default();
    let reader = &file;
    let (mut buffer, mut offset) = (Vec::with_capacity(CHUNK), 0);
    loop {
        let read = reader.take((CHUNK - buffer.len()) as u64).read_to_end(&mut buffer)?;
        let whole = buffer.iter().rposition(|&byte| byte == b'\n').map(|end| end + 1);
        let length = match whole {
            Some(whole) if read > 0 => whole,
            _ => buffer.len(),
        };
        if length == 0 {
            return Ok(Segment { path, digest: builder.finish(), file, packed: false });
        }
        builder.lines(&buffer[..length], offset, length as u64);
        offset += length as u64;
        buffer.drain(..length);
    }
}

/// The digest of an archive, from its frames.
fn packed(file: &File) -> io::Result<Digest> {
    let mut bytes = Vec::new();
    let mut reader = file;
    reader.read_to_end(&mut bytes)?;
    let mut builder = Builder::default();
    let mut rest = &bytes[..];
    let mut offset = 0;
    while !rest.is_empty() {
        let length = zstd::zstd_safe::find_frame_compressed_size(rest).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "not a zstd archive, or a damaged one")
        })?;
        let (frame, after) = rest.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
        builder.lines(&zstd::stream::decode_all(frame)?, offset, length as u64);
        offset += length as u64;
        rest = after;
    }
    Ok(builder.finish())
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
