//! A file's lines, one at a time, in constant memory.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

/// Longer lines are cut here, and so are no records.
const LONGEST: usize = 64 * 1024;

/// A file's lines.
#[derive(Debug)]
pub(super) struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    /// Opens a file; `None` when there is none.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self { file: BufReader::new(file), line: Vec::new() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }

    /// Whether this is the file that `path` names now.
    pub(super) fn is(&self, path: &Path) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let own = self.file.get_ref().metadata().map(identity);
        matches!((own, fs::metadata(path).map(identity)), (Ok(own), Ok(other)) if own == other)
    }

    /// The next line, without its line feed.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = self.file.by_ref().take(LONGEST as u64).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read == LONGEST {
            self.file.skip_until(b'\n')?;
        }
        Ok(Some(&self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_what_is_too_long_and_ends_with_a_torn_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!("first\n{}\nthird\nto", "x".repeat(3 * LONGEST));
        fs::write(&file, text).unwrap();
        let mut lines = Lines::open(file.path()).unwrap().unwrap();
        let mut next = || lines.next().unwrap().map(<[u8]>::len);
        assert_eq!(
            [next(), next(), next(), next(), next()],
            [Some(5), Some(LONGEST), Some(5), Some(2), None]
        );
    }
}
