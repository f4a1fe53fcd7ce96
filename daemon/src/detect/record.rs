//! The records of `incidents.jsonl`, in EVE's manner.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::log::eve_time;

/// One record: an incident begins, goes on, or is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRecord {
    /// When this was concluded.
    #[serde(with = "eve_time")]
    pub timestamp: Timestamp,
    /// Always `incident`.
    pub event_type: EventType,
    /// The address that was seen first; see `incident.source`.
    pub src_ip: IpAddr,
    /// The incident.
    pub incident: Incident,
    /// The same in a sentence.
    pub summary: String,
}

/// `event_type`: the one there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventType {
    /// `incident`.
    Incident,
}

/// `incident`: what is known of it so far. Counts are totals from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The same in all records of an incident.
    pub id: String,
    /// Who: an IPv4 address, or an IPv6 /64.
    pub source: String,
    /// The shape of it.
    pub pattern: Pattern,
    /// Where the record stands in the incident's life.
    pub phase: Phase,
    /// How much of it there was.
    pub severity: Severity,
    /// The first packet.
    #[serde(with = "eve_time")]
    pub first_seen: Timestamp,
    /// The last packet.
    #[serde(with = "eve_time")]
    pub last_seen: Timestamp,
    /// Packets to closed doors, retries included.
    pub packets: u64,
    /// Distinct ports; the same number under two protocols is two.
    pub distinct_ports: u32,
    /// Distinct destinations; 256 means at least so many.
    pub distinct_hosts: u32,
    /// Some of the ports, at most 16: `22/tcp`.
    pub sample_ports: Vec<String>,
}

/// The shape of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// Many ports of one host.
    #[serde(rename = "port scan")]
    PortScan,
    /// One port of many hosts.
    #[serde(rename = "host sweep")]
    HostSweep,
    /// Many ports of many hosts.
    #[serde(rename = "block scan")]
    BlockScan,
}

/// Where a record stands in an incident's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It has just been noticed.
    Start,
    /// There is more of it: 1, 10 and 60 minutes after the start.
    Update,
    /// It is over: nothing was heard for the detector's window.
    End,
}

/// How much of it there was: doors tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Fewer than 20.
    Low,
    /// Fewer than 100.
    Medium,
    /// 100 and more.
    High,
}

impl Pattern {
    /// The words in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PortScan => "port scan",
            Self::HostSweep => "host sweep",
            Self::BlockScan => "block scan",
        }
    }
}

impl IncidentRecord {
    /// The record as a line, line feed included.
    pub fn line(&self) -> Vec<u8> {
        // Strings and numbers under string keys: there is nothing in it that JSON can't hold.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
