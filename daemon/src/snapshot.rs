//! The last configuration that went live, kept so that a broken edit can't keep the firewall from
//! starting.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use portcullis_config::{Loaded, Sources};

use crate::{
    atomic,
    packed::{self, Documents, LONG},
};

const PLAIN: &str = "last-good.json";
const PACKED: &str = "last-good.json.zst";

/// Where snapshots are kept.
#[derive(Debug, Clone)]
pub struct Snapshots {
    directory: PathBuf,
}

impl Snapshots {
    /// In this directory, which is made when it is first needed.
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The snapshot's file: the newer, where there are two because a crash left the old one.
    pub fn file(&self) -> PathBuf {
        let written = |file: &PathBuf| fs::metadata(file).and_then(|file| file.modified()).ok();
        let [plain, packed] = self.files();
        if written(&plain) > written(&packed) { plain } else { packed }
    }

    fn files(&self) -> [PathBuf; 2] {
        [PLAIN, PACKED].map(|name| self.directory.join(name))
    }

    /// Keeps `sources` as the last good configuration. A crash leaves the old one or the new one.
    ///
    /// # Errors
    /// What the file system said; the old snapshot is still there.
    pub fn save(&self, sources: &Sources) -> io::Result<()> {
        let [plain, packed] = self.files();
        let other = if sources.length() < LONG {
            atomic::replace(&plain, sources.to_json().as_bytes())?;
            packed
        } else {
            packed::write(&packed, None::<&()>, sources)?;
            plain
        };
        match fs::remove_file(other) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The last good configuration, if there is one that can still be read.
    pub fn load(&self) -> Option<Loaded> {
        let file = self.file();
        let unusable = |why: &dyn std::fmt::Display| {
            tracing::error!(file = %file.display(), "the last good configuration is unusable: {why}");
        };
        match read(&file) {
            Ok(sources) => sources.load().inspect_err(|report| unusable(report)).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                unusable(&error);
                None
            }
        }
    }
}

fn read(file: &Path) -> io::Result<Sources> {
    if file.ends_with(PLAIN) {
        return Ok(serde_json::from_slice(&fs::read(file)?)?);
    }
    Documents::open(file)?.read()
}

#[cfg(test)]
mod tests {
    use portcullis_config::load_text;

    use super::*;

    #[test]
    fn it_is_kept_plain_or_packed_and_either_gives_way_to_the_other() {
        let home = tempfile::tempdir().expect("a directory");
        let snapshots = Snapshots::new(home.path().to_owned());
        let kept = || snapshots.load().map(|loaded| loaded.sources);
        assert_eq!(kept(), None);
        for (remark, name) in [("", PLAIN), (&*"#".repeat(LONG), PACKED), ("#", PLAIN)] {
            let rule = "[[rule]]\nname = \"a\"\naction = \"accept\"\n";
            let text = format!("[policy]\ninput = \"drop\"\n{rule}{remark}");
            let sources = load_text("test", &text).expect("valid").sources;
            snapshots.save(&sources).expect("our directory");
            let files = fs::read_dir(home.path()).expect("our directory").flatten();
            assert_eq!(files.map(|file| file.file_name()).collect::<Vec<_>>(), [name]);
            assert_eq!(kept(), Some(sources));
        }
        fs::write(snapshots.file(), "{").expect("our directory");
        assert_eq!(kept(), None);
    }
}
