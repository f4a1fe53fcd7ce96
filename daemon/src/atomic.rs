//! Files that are replaced whole: a crash leaves the old one or the new one.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

/// Replaces `file`, whose directory is made if it is not there, by one with these contents that only
/// its owner may read. What root writes into the daemon's directory is the daemon's.
///
/// # Errors
/// What the file system said; the old file is still there.
pub fn replace(file: &Path, contents: &[u8]) -> io::Result<()> {
    let directory = file.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(directory)?;
    let mut draft = file.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let mut options = fs::OpenOptions::new();
    let mut written = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    if geteuid().is_root() {
        let owner = fs::metadata(directory)?;
        fchown(&written, Some(owner.uid()), Some(owner.gid()))?;
    }
    written.write_all(contents)?;
    written.sync_all()?;
    fs::rename(draft, file)?;
    fs::File::open(directory)?.sync_all()
}
