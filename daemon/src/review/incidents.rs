//! What the detector concluded, from its own file.

use std::{io, net::IpAddr, path::Path};

use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

use super::{filter::Filter, parts::parts, table::local};
use crate::log::{Escaped, Stream, eve_time};

/// A record of an incident, as much of it as a reader needs; other fields are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct Told {
    /// When it was told.
    #[serde(with = "eve_time")]
    pub timestamp: Timestamp,
    /// The address that was seen first.
    #[serde(default)]
    pub src_ip: Option<IpAddr>,
    /// The incident so far.
    pub incident: Incident,
    /// The same in a sentence.
    #[serde(default)]
    pub summary: String,
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

/// Every record of the incidents' file that is asked for, with its line, in order; returns how many
/// lines are no records.
///
/// # Errors
/// When the files can't be read.
pub(super) fn each(
    directory: &Path,
    filter: &Filter,
    mut take: impl FnMut(Told, &[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut foreign = 0;
    for part in parts(directory, Stream::Incidents)?.iter().filter(|part| filter.may_be_in(part)) {
        let mut outcome = Ok(());
        part.each_line(|line| match serde_json::from_slice::<Told>(line) {
            Ok(told) => {
                let source = told.src_ip;
                if filter.includes(told.timestamp.as_microsecond())
                    && filter.includes_source(source)
                    && outcome.is_ok()
                {
                    outcome = take(told, line);
                }
            }
            Err(_) => foreign += 1,
        })?;
        outcome?;
    }
    Ok(foreign)
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
