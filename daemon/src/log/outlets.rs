//! Where else records go: the journal, and syslog.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Record,
    journal::{Entry, JOURNAL, Journal},
    syslog::{SYSLOG, Syslog},
};
use crate::detect::IncidentRecord;

/// What goes where, as the configuration says. Nothing here waits.
#[derive(Debug, Default)]
pub struct Outlets {
    journal: Option<Journal>,
    journal_packets: bool,
    syslog: Option<Syslog>,
}

/// Where the system's logs listen.
#[derive(Debug, Clone)]
pub struct Sockets {
    /// journald.
    pub journal: PathBuf,
    /// syslog.
    pub syslog: PathBuf,
}

impl Default for Sockets {
    fn default() -> Self {
        Self { journal: JOURNAL.into(), syslog: SYSLOG.into() }
    }
}

/// What the journal is told of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToJournal {
    /// Nothing.
    Nothing,
    /// Incidents.
    Incidents,
    /// Packets, too.
    Packets,
}

impl Outlets {
    /// Opens what is wanted.
    pub fn open(journal: ToJournal, syslog: bool, sockets: &Sockets) -> Self {
        fn opened<T>(wanted: bool, open: impl FnOnce(&Path) -> io::Result<T>, path: &Path) -> Option<T> {
            let opened = wanted.then(|| open(path))?;
            opened.inspect_err(|error| tracing::error!("nothing is told to {}: {error}", path.display())).ok()
        }
        Self {
            journal: opened(journal != ToJournal::Nothing, Journal::at, &sockets.journal),
            journal_packets: journal == ToJournal::Packets,
            syslog: opened(syslog, Syslog::at, &sockets.syslog),
        }
    }

    /// Tells of a packet that has a record of its own, or of a count of them. How many were not
    /// told: nobody listens, or has no room.
    pub fn packet(&self, record: &Record) -> u64 {
        let entry = self.journal.as_ref().filter(|_| self.journal_packets);
        let journal = entry.is_some_and(|journal| journal.send(&Entry::of_packet(record)).is_err());
        // A line there is a packet: a count would be taken for one.
        let single = record.alert.metadata.count.is_none();
        let syslog = self.syslog.as_ref().filter(|_| single);
        let syslog = syslog.is_some_and(|syslog| syslog.send(record).is_err());
        u64::from(journal) + u64::from(syslog)
    }

    /// Tells of an incident.
    pub fn incident(&self, record: &IncidentRecord) -> u64 {
        let journal = self.journal.as_ref();
        u64::from(journal.is_some_and(|journal| journal.send(&Entry::of_incident(record)).is_err()))
    }
}
