//! What the daemon tells of its own life.

use std::{io, path::Path, sync::OnceLock};

use super::journal::{Entry, JOURNAL, Journal, Message};

/// Tells of a turn in the daemon's life: under systemd to its journal, where the entry has an id
/// that never changes, otherwise as a line of its log.
pub fn tell(message: Message, text: &str) {
    static JOURNAL_OF_OURS: OnceLock<Option<Journal>> = OnceLock::new();
    let journal = JOURNAL_OF_OURS.get_or_init(|| {
        let journal = || Journal::at(Path::new(JOURNAL)).ok();
        under_journald().then(journal).flatten()
    });
    let told = journal.as_ref().is_some_and(|journal| journal.send(&Entry::new(message, text)).is_ok());
    match message {
        _ if told => {}
        Message::ReloadRefused => tracing::error!("{text}"),
        _ => tracing::info!("{text}"),
    }
}

/// Whether standard error goes to the journal: systemd then tells the stream's device and inode
/// (systemd.exec(5)), and a stream that was redirected since has others.
pub fn under_journald() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}
