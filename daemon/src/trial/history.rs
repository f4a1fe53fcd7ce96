//! The last rulesets that were live, with their texts.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use portcullis_config::Sources;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::Fingerprint;
use crate::{
    atomic,
    packed::{self, Documents, LONG},
};

const DIRECTORY: &str = "history";
/// Entry and text in one document.
const PLAIN: &str = ".json";
/// First the entry, then the text: not all of it has to be unpacked to say what it is.
const PACKED: &str = ".json.zst";
/// So many are kept.
const KEPT: usize = 10;

/// Where they are kept.
#[derive(Debug, Clone)]
pub struct History {
    directory: PathBuf,
}

/// A ruleset that was live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts them; a number is never used again.
    pub number: u64,
    /// Since when.
    pub time: Timestamp,
    /// How it went live.
    pub how: How,
    /// Whether the firewall was enabled.
    pub enabled: bool,
    /// `enforce` or `monitor`.
    pub mode: String,
    /// How many rules it has.
    pub rules: usize,
    /// What it is known by.
    pub fingerprint: Fingerprint,
}

/// How a ruleset went live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The daemon started with it.
    Start,
    /// By `reload`.
    Reload,
    /// By `apply`, and `confirm`.
    Apply,
    /// By `enable`.
    Enable,
    /// By `rollback`.
    Rollback,
}

impl How {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Reload => "reload",
            Self::Apply => "apply",
            Self::Enable => "enable",
            Self::Rollback => "rollback",
        }
    }
}

#[derive(Serialize)]
struct Plain<'a> {
    entry: &'a Entry,
    sources: &'a Sources,
}

#[derive(Deserialize)]
struct Read {
    entry: Entry,
    sources: Sources,
}

impl History {
    /// Below this state directory.
    pub fn new(state: &Path) -> Self {
        Self { directory: state.join(DIRECTORY) }
    }

    /// All that are kept, the newest last. What can't be read is left out, and the log says so.
    pub fn entries(&self) -> Vec<Entry> {
        let read = |number| {
            let entry = self.entry(number);
            entry
                .inspect_err(|error| tracing::warn!("cannot read number {number} of the history: {error}"))
                .ok()
        };
        self.numbers().into_iter().filter_map(read).collect()
    }

    /// The text of one.
    ///
    /// # Errors
    /// What the file system said, or what is wrong with the file.
    pub fn sources(&self, number: u64) -> io::Result<Sources> {
        let packed = self.file(number, PACKED);
        if !packed.exists() {
            return self.plain(number).map(|Read { sources, .. }| sources);
        }
        let mut documents = Documents::open(&packed)?;
        documents.read::<IgnoredAny>()?;
        documents.read()
    }

    /// Adds one that went live just now, unless it is the same as the newest; the oldest goes.
    ///
    /// # Errors
    /// What the file system said.
    pub fn add(&self, mut entry: Entry, sources: &Sources) -> io::Result<()> {
        let numbers = self.numbers();
        if let Some(newest) = numbers.last().and_then(|&newest| self.entry(newest).ok()) {
            let same = |entry: &Entry| (entry.fingerprint.clone(), entry.mode.clone());
            if same(&newest) == same(&entry) {
                return Ok(());
            }
        }
        entry.number = numbers.last().map_or(1, |newest| newest + 1);
        if sources.length() < LONG {
            let text = serde_json::to_vec(&Plain { entry: &entry, sources })?;
            atomic::replace(&self.file(entry.number, PLAIN), &text)?;
        } else {
            packed::write(&self.file(entry.number, PACKED), Some(&entry), sources)?;
        }
        for &number in &numbers[..(numbers.len() + 1).saturating_sub(KEPT)] {
            for file in [PACKED, PLAIN].map(|extension| self.file(number, extension)) {
                if file.exists() {
                    fs::remove_file(file)?;
                }
            }
        }
        Ok(())
    }

    fn entry(&self, number: u64) -> io::Result<Entry> {
        let packed = self.file(number, PACKED);
        if packed.exists() {
            Documents::open(&packed)?.read()
        } else {
            self.plain(number).map(|Read { entry, .. }| entry)
        }
    }

    fn plain(&self, number: u64) -> io::Result<Read> {
        Ok(serde_json::from_slice(&fs::read(self.file(number, PLAIN))?)?)
    }

    fn file(&self, number: u64, extension: &str) -> PathBuf {
        self.directory.join(format!("{number}{extension}"))
    }

    /// In order.
    fn numbers(&self) -> Vec<u64> {
        let names = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let number =
            |name: &str| name.strip_suffix(PACKED).or_else(|| name.strip_suffix(PLAIN))?.parse().ok();
        let numbers: BTreeSet<u64> = names.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
        numbers.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_config::load_text;

    use super::*;

    fn example(port: u64, remark: &str) -> (Entry, Sources) {
        let text =
            format!("[policy]\ninput = \"drop\"\n[[rule]]\nname = \"{port}\"\naction = \"accept\"\n{remark}");
        let sources = load_text("test", &text).expect("valid").sources;
        let entry = Entry {
            number: 0,
            time: Timestamp::now(),
            how: How::Reload,
            enabled: false,
            mode: "enforce".into(),
            rules: 1,
            fingerprint: Fingerprint::of(&sources),
        };
        (entry, sources)
    }

    #[test]
    fn the_last_ten_are_kept_and_the_same_again_is_not_counted() {
        let home = tempfile::tempdir().expect("a directory");
        let history = History::new(home.path());
        assert_eq!(history.entries(), []);
        for port in 1..=12 {
            let (entry, sources) = example(port, "");
            history.add(entry.clone(), &sources).expect("our directory");
            history.add(entry, &sources).expect("our directory");
            assert!(history.sources(port).expect("kept").files()[0].text().contains(&format!("\"{port}\"")));
        }
        let numbers: Vec<u64> = history.entries().iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (3..=12).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_long_is_packed_and_goes_in_its_time() {
        let home = tempfile::tempdir().expect("a directory");
        let history = History::new(home.path());
        let remark = "#".repeat(LONG);
        for port in 1..=11 {
            let (entry, sources) = example(port, if port < 3 { &remark } else { "" });
            history.add(entry.clone(), &sources).expect("our directory");
            history.add(entry, &sources).expect("our directory");
            assert_eq!(history.sources(port).expect("kept"), sources);
            assert_eq!(history.file(port, PACKED).exists(), port < 3);
        }
        assert_eq!(history.numbers(), (2..=11).collect::<Vec<_>>());
        assert_eq!(history.entries()[0].number, 2);
        assert!(fs::metadata(history.file(2, PACKED)).expect("kept").len() < 1000);
        assert!(history.sources(1).is_err());
    }
}
