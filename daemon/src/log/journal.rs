//! The systemd journal, by its native protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>): a
//! datagram an entry, a field a line.

use std::{
    io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::Record;
use crate::detect::IncidentRecord;

/// Where journald listens.
pub(super) const JOURNAL: &str = "/run/systemd/journal/socket";

/// What an entry is about: its `MESSAGE_ID`, which never changes (`journalctl MESSAGE_ID=…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A packet that was blocked, or a count of them.
    Packet,
    /// An incident begins, goes on, or is over.
    Incident,
    /// Rules are in force.
    Ready,
    /// Other rules are in force.
    Reloaded,
    /// They are not: something is wrong with them.
    ReloadRefused,
    /// The daemon stops.
    Stopping,
}

impl Message {
    /// The id.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Packet => "e5b70ba338154373a1193e28955f5295",
            Self::Incident => "ddb3ebf9e7dd47dd91746d7280159ce7",
            Self::Ready => "c5e8a58a2bad46538a1a7d1d8bdf5f63",
            Self::Reloaded => "047da21d180445c1a3eaf661a5bc8db0",
            Self::ReloadRefused => "c74434f6afdb4e96a3fc839e1713dc87",
            Self::Stopping => "72fbf493abd9469a91ac702b0b656a86",
        }
    }

    /// As syslog(3) counts: 3 is an error, 6 informational.
    const fn priority(self) -> &'static str {
        match self {
            Self::ReloadRefused => "3",
            Self::Incident => "4",
            Self::Ready | Self::Reloaded | Self::Stopping => "5",
            Self::Packet => "6",
        }
    }
}

/// The journal. Entries that it has no room for are lost: nobody waits for it.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// The journal that listens at `path`, now or later.
    ///
    /// # Errors
    /// When there can be no socket.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path: path.to_owned() })
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// When nobody listens, or there is no room.
    pub(super) fn send(&self, entry: &Entry) -> io::Result<()> {
        self.socket.send_to(&entry.0, &self.path).map(|_| ())
    }
}

/// An entry: fields and their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(Vec<u8>);

impl Entry {
    /// One that says `text`.
    pub fn new(message: Message, text: &str) -> Self {
        let mut entry = Self(Vec::with_capacity(512));
        entry.put("MESSAGE", text);
        entry.put("MESSAGE_ID", message.id());
        entry.put("PRIORITY", message.priority());
        entry.put("SYSLOG_IDENTIFIER", "portcullis");
        entry
    }

    /// The entry of a packet's record.
    pub fn of_packet(record: &Record) -> Self {
        let Record { src_ip, dest_ip, src_port, dest_port, proto, alert, drop, verdict, .. } = record;
        let metadata = &alert.metadata;
        let action = metadata.would.as_deref().unwrap_or(&verdict.action);
        let end = |ip: Option<std::net::IpAddr>, port: Option<u16>| match (ip, port) {
            (Some(ip), Some(port)) => std::net::SocketAddr::new(ip, port).to_string(),
            (Some(ip), None) => ip.to_string(),
            (None, _) => "?".to_owned(),
        };
        let (from, to) = (end(*src_ip, *src_port), end(*dest_ip, *dest_port));
        let protocol = proto.as_deref().unwrap_or("a packet");
        let would = if metadata.would.is_some() { "would " } else { "" };
        let count = record.count();
        let text = format!("{would}{action} {count} {protocol} {from} -> {to} ({})", alert.signature);
        let mut entry = Self::new(Message::Packet, &text);
        entry.put("PORTCULLIS_ACTION", action);
        entry.put("PORTCULLIS_RULE", &alert.signature);
        entry.put("PORTCULLIS_COUNT", &count.to_string());
        let reason = drop.as_ref().and_then(|drop| drop.reason.clone());
        for (name, value) in [
            ("PORTCULLIS_MODE", metadata.would.as_ref().map(|_| "monitor".to_owned())),
            ("PORTCULLIS_RULE_FILE", metadata.rule_file.clone()),
            ("PORTCULLIS_RULE_LINE", metadata.rule_line.map(|line| line.to_string())),
            ("PORTCULLIS_REASON", reason),
            ("PORTCULLIS_HOOK", metadata.hook.clone()),
            ("PORTCULLIS_EVENT_ID", metadata.event_id.clone()),
            ("PORTCULLIS_GENERATION", metadata.generation.map(|number| number.to_string())),
            ("PORTCULLIS_IN", record.in_iface.clone()),
            ("PORTCULLIS_OUT", metadata.out_iface.clone()),
            ("PORTCULLIS_PROTOCOL", proto.clone()),
            ("PORTCULLIS_SOURCE", src_ip.map(|ip| ip.to_string())),
            ("PORTCULLIS_SOURCE_PORT", src_port.map(|port| port.to_string())),
            ("PORTCULLIS_DESTINATION", dest_ip.map(|ip| ip.to_string())),
            ("PORTCULLIS_PORT", dest_port.map(|port| port.to_string())),
        ] {
            if let Some(value) = value {
                entry.put(name, &value);
            }
        }
        entry.timed(record.timestamp)
    }

    /// The entry of an incident's record.
    pub fn of_incident(record: &IncidentRecord) -> Self {
        let mut entry = Self::new(Message::Incident, &record.summary);
        // The rest of the record, under the names that it has there.
        if let Ok(serde_json::Value::Object(incident)) = serde_json::to_value(&record.incident) {
            for (name, value) in incident {
                let value = match value {
                    serde_json::Value::String(text) => text,
                    serde_json::Value::Null => continue,
                    other => other.to_string(),
                };
                entry.put(&format!("PORTCULLIS_INCIDENT_{}", name.to_uppercase()), &value);
            }
        }
        entry.timed(record.timestamp)
    }

    /// When it happened, as opposed to when it was told.
    fn timed(mut self, time: Timestamp) -> Self {
        self.put("PORTCULLIS_TIME", &time.to_string());
        self
    }

    /// Values that hold a line feed are written with their length, so that none can begin a field.
    fn put(&mut self, name: &str, value: &str) {
        let Self(bytes) = self;
        bytes.extend(name.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend((value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend(value.as_bytes());
        bytes.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{describe, sample};

    #[test]
    fn a_packet_has_named_fields_and_no_value_can_forge_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let mut record = describe(&sample::tcp("203.0.113.9", 40000, "192.0.2.1", 23), "id1".to_owned());
        record.alert.signature = "web\nPRIORITY=0".to_owned();
        Journal::at(&path).unwrap().send(&Entry::of_packet(&record)).unwrap();
        let mut datagram = [0; 4096];
        let length = journald.recv(&mut datagram).unwrap();
        let text = String::from_utf8_lossy(&datagram[..length]);
        for field in [
            "MESSAGE_ID=e5b70ba338154373a1193e28955f5295\n",
            "PORTCULLIS_SOURCE=203.0.113.9\n",
            "PORTCULLIS_PORT=23\n",
            "PORTCULLIS_EVENT_ID=id1\n",
            "PORTCULLIS_RULE\n\u{e}\0\0\0\0\0\0\0web\nPRIORITY=0\n",
        ] {
            assert!(text.contains(field), "{text:?} has no {field:?}");
        }
    }

    #[test]
    fn a_journal_that_is_not_there_is_an_error_and_no_wait() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::at(&directory.path().join("socket")).unwrap();
        assert!(journal.send(&Entry::new(Message::Ready, "ready")).is_err());
    }
}
