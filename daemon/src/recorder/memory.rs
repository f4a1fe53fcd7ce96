//! What the detector must not forget over a restart, in the state directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    atomic,
    detect::{Detector, Saved, Sentences},
};

/// The file in the state directory.
const FILE: &str = "detector.json";
/// How often it is written while there is something to remember.
const EVERY: SignedDuration = SignedDuration::from_mins(5);
/// No file of ours is longer.
const MOST_BYTES: u64 = 1 << 20;

/// The file, and when it is written next.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
    next: Timestamp,
    last: Saved,
}

impl Memory {
    /// Restores what was saved in `state`. A file that can't be read is told of, and changes nothing.
    pub(super) fn restore(state: &Path, detector: &mut Detector, now: Timestamp) -> (Self, Sentences) {
        let file = state.join(FILE);
        let last = match read(&file) {
            Ok(saved) => saved.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(
                    "what the detector knew is forgotten: {} can't be read: {error}",
                    file.display()
                );
                Saved::default()
            }
        };
        detector.restore(&last, now);
        let sentences = Sentences::restore(&last.banned);
        (Self { file, next: now + EVERY, last }, sentences)
    }

    /// It is `now`, whatever it was before.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.next = now + EVERY;
    }

    /// When it is time to save, if there is anything.
    pub(super) fn deadline(&self, detector: &Detector) -> Option<Timestamp> {
        (detector.next_deadline().is_some() || !self.last.sources.is_empty()).then_some(self.next)
    }

    /// Saves what is known, if it is time.
    pub(super) fn tick(&mut self, detector: &Detector, sentences: &Sentences, now: Timestamp) {
        if now >= self.next {
            self.save(detector, sentences);
            self.next = now + EVERY;
        }
    }

    /// Saves what is known.
    pub(super) fn save(&mut self, detector: &Detector, sentences: &Sentences) {
        let saved = Saved { banned: sentences.save(), ..detector.save() };
        if saved == self.last {
            return;
        }
        // Strings and numbers under string keys: there is nothing in it that JSON can't hold.
        let text = serde_json::to_vec(&saved).unwrap_or_default();
        match atomic::replace(&self.file, &text) {
            Ok(()) => self.last = saved,
            Err(error) => tracing::warn!("cannot write {}: {error}", self.file.display()),
        }
    }
}

fn read(file: &Path) -> io::Result<Option<Saved>> {
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(known) if known.len() > MOST_BYTES => return Err(io::ErrorKind::FileTooLarge.into()),
        _ => {}
    }
    Ok(Some(serde_json::from_slice(&fs::read(file)?)?))
}

#[cfg(test)]
mod tests {
    use portcullis_config::Detect;

    use super::*;
    use crate::log::sample::{at, tcp};

    fn detector() -> Detector {
        Detector::new(Detect::default(), [1, 2])
    }

    #[test]
    fn a_damaged_file_is_no_obstacle() {
        let state = tempfile::tempdir().unwrap();
        for contents in ["", "{", "[1]", "{\"sources\":[{\"source\":\"x\",\"score\":1e99,\"last\":\"\"}]}"] {
            fs::write(state.path().join(FILE), contents).unwrap();
            let mut heir = detector();
            Memory::restore(state.path(), &mut heir, at(0));
            assert!(heir.save().sources.is_empty(), "{contents}");
        }
    }

    #[test]
    fn what_was_saved_is_restored() {
        let state = tempfile::tempdir().unwrap();
        let mut detector = detector();
        let (mut memory, sentences) = Memory::restore(state.path(), &mut detector, at(0));
        for port in 1..=20 {
            detector.observe(&tcp("203.0.113.9", 40000, "192.0.2.1", port).contact().unwrap());
        }
        memory.save(&detector, &sentences);
        let mut heir = self::detector();
        Memory::restore(state.path(), &mut heir, at(1000));
        let restored = heir.save();
        assert_eq!(restored.sources.first().map(|source| &*source.source), Some("203.0.113.9"));
    }
}
