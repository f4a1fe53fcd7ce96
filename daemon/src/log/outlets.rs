//! Where else records go: the journal, and syslog.

use std::{
    io,
    path::{Path, PathBuf},
};

use portcullis_config::{Journald, Log};

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

impl Outlets {
    /// Opens what is wanted.
    pub fn open(log: &Log, sockets: &Sockets) -> Self {
        fn opened<T>(wanted: bool, open: impl FnOnce(&Path) -> io::Result<T>, path: &Path) -> Option<T> {
            let opened = wanted.then(|| open(path))?;
            opened.inspect_err(|error| tracing::error!("nothing is told to {}: {error}", path.display())).ok()
        }
        Self {
            journal: opened(log.journald >= Journald::Incidents, Journal::at, &sockets.journal),
            journal_packets: log.journald == Journald::Packets,
            syslog: opened(log.syslog, Syslog::at, &sockets.syslog),
        }
    }

    /// Tells of a packet that has a record of its own, or of a count of them. How many were not
    /// told: nobody listens, or has no room.
    pub fn packet(&mut self, record: &Record) -> u64 {
        let entry = self.journal.as_ref().filter(|_| self.journal_packets);
        let journal = entry.is_some_and(|journal| is_lost(journal.send(&Entry::of_packet(record))));
        // A line there is a packet: a count would be taken for one.
        let single = record.alert.metadata.count.is_none();
        let syslog = self.syslog.as_mut().filter(|_| single);
        let syslog = syslog.is_some_and(|syslog| is_lost(syslog.send(record)));
        u64::from(journal) + u64::from(syslog)
    }

    /// Tells of an incident; whether the journal has it.
    ///
    /// # Errors
    /// When it has no room.
    pub fn incident(&self, record: &IncidentRecord) -> io::Result<bool> {
        match self.journal.as_ref().map(|journal| journal.send(&Entry::of_incident(record))) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            sent => Ok(matches!(sent, Some(Ok(())))),
        }
    }
}

/// Where there is no such log, nothing is missed in it.
fn is_lost(sent: io::Result<()>) -> bool {
    sent.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::log::{Scope, Summary, describe, describe_summary, sample};

    #[test]
    fn each_log_is_told_what_it_should_be_told_and_a_full_one_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let sockets =
            Sockets { journal: directory.path().join("journal"), syslog: directory.path().join("syslog") };
        let event = sample::tcp("203.0.113.9", 40000, "192.0.2.1", 23);
        let single = describe(&event, "id".to_owned());
        let summary = Summary { sample: event, last: sample::at(0), count: 9, scope: Scope::Same };
        let summary = describe_summary(&summary, "id".to_owned());
        let everything = Log { journald: Journald::Packets, syslog: true, ..Log::default() };
        let mut outlets = Outlets::open(&everything, &sockets);
        assert_eq!(outlets.packet(&single), 0, "nobody is there");

        let listeners = [&sockets.journal, &sockets.syslog].map(|path| UnixDatagram::bind(path).unwrap());
        let heard = |listener: &UnixDatagram| {
            listener.set_nonblocking(true).unwrap();
            std::iter::from_fn(|| listener.recv(&mut [0; 4096]).ok()).count()
        };
        assert_eq!(outlets.packet(&single) + outlets.packet(&summary), 0);
        assert_eq!(listeners.each_ref().map(heard), [2, 1], "a count is no packet to syslog's readers");
        Outlets::open(&Log::default(), &sockets).packet(&single);
        assert_eq!(listeners.each_ref().map(heard), [0, 0], "incidents only");

        let lost: u64 = (0..10_000).map(|_| outlets.packet(&single)).sum();
        let told: usize = listeners.each_ref().map(heard).iter().sum();
        assert_eq!(lost + told as u64, 20_000);
    }
}
