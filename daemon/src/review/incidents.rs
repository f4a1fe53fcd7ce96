//! What the detector concluded, from its own file.

use std::{io, net::IpAddr, path::Path};

use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

use super::{Seen, filter::Filter, parts::parts, table::local};
use crate::log::{Escaped, Stream, eve_time};

/// A record of an incident, as much of it as a reader needs; other fields are ignored.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Line")]
pub struct Told {
    /// When it was told.
    pub timestamp: Timestamp,
    /// The address that was seen first.
    pub src_ip: Option<IpAddr>,
    /// The incident so far.
    pub incident: Incident,
    /// The same in a sentence.
    pub summary: String,
}

/// As it is written.
#[derive(Deserialize)]
struct Line {
    #[serde(with = "eve_time")]
    timestamp: Timestamp,
    #[serde(default)]
    src_ip: Option<IpAddr>,
    alert: Alert,
}

#[derive(Deserialize)]
struct Alert {
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    incident: Incident,
    #[serde(default)]
    summary: String,
}

impl From<Line> for Told {
    fn from(Line { timestamp, src_ip, alert: Alert { context } }: Line) -> Self {
        let Context { incident, summary } = context;
        Self { timestamp, src_ip, incident, summary }
    }
}

/// An incident so far.
#[derive(Debug, Clone, Deserialize)]
pub struct Incident {
    /// The same in all its records.
    pub id: String,
    /// Who: an address, or a prefix.
    #[serde(default)]
    pub source: String,
    /// Its shape, in words.
    #[serde(default)]
    pub pattern: String,
    /// `start`, `update` or `end`.
    #[serde(default)]
    pub phase: String,
    /// `low`, `medium` or `high`.
    #[serde(default)]
    pub severity: String,
    /// The first packet.
    #[serde(with = "eve_time")]
    pub first_seen: Timestamp,
    /// The last packet.
    #[serde(with = "eve_time")]
    pub last_seen: Timestamp,
    /// Packets to closed doors.
    #[serde(default)]
    pub packets: u64,
    /// Distinct ports.
    #[serde(default)]
    pub distinct_ports: u32,
    /// Distinct destinations.
    #[serde(default)]
    pub distinct_hosts: u32,
    /// Some of the ports.
    #[serde(default)]
    pub sample_ports: Vec<String>,
}

impl Incident {
    /// Whom the packets came from.
    pub fn sources(&self) -> Option<IpNet> {
        self.source.parse().or_else(|_| self.source.parse().map(IpAddr::into)).ok()
    }
}

impl Told {
    /// The record in a line.
    pub(super) fn line(&self, zone: &TimeZone) -> String {
        let ports = self.incident.sample_ports.join(" ");
        let ports = if ports.is_empty() { String::new() } else { format!("  [{}]", Escaped(&ports)) };
        format!("{} {}{ports}", local(self.timestamp, zone), Escaped(&self.summary))
    }
}

/// Every record of the incidents' file that is asked for, with its line, in order; returns which
/// lines are no records.
///
/// # Errors
/// When the files can't be read.
pub(super) fn each(
    directory: &Path,
    filter: &Filter,
    mut take: impl FnMut(Told, &[u8]) -> io::Result<()>,
) -> io::Result<Seen> {
    let mut seen = Seen::default();
    for part in parts(directory, Stream::Incidents)?.iter().filter(|part| filter.may_be_in(part)) {
        let mut outcome = Ok(());
        let mut lines = 0;
        let mut first = None;
        let mut foreign = 0;
        part.each_line(|line| {
            lines += 1;
            match serde_json::from_slice::<Told>(line) {
                Ok(told) => {
                    let source = told.src_ip;
                    if filter.includes(told.timestamp.as_microsecond())
                        && filter.includes_source(source)
                        && outcome.is_ok()
                    {
                        outcome = take(told, line);
                    }
                }
                Err(_) => {
                    foreign += 1;
                    first.get_or_insert(lines);
                }
            }
        })?;
        outcome?;
        seen.add_foreign(foreign, || first.map(|line| part.place(line)));
    }
    Ok(seen)
}

/// The latest record of an incident.
///
/// # Errors
/// When the files can't be read.
pub(super) fn find(directory: &Path, id: &str) -> io::Result<Option<Told>> {
    let mut found = None;
    for part in parts(directory, Stream::Incidents)? {
        part.each_line(|line| {
            if let Ok(told) = serde_json::from_slice::<Told>(line)
                && told.incident.id == id
            {
                found = Some(told);
            }
        })?;
    }
    Ok(found)
}
