//! The records of `incidents.jsonl`. What they look like there: [`eve`].

mod eve;

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::pattern::{Pattern, Severity};
use crate::log::eve_time;

/// One record: an incident begins, goes on, or is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "eve::Alert", from = "eve::Alert")]
pub struct IncidentRecord {
    /// When this was concluded.
    pub timestamp: Timestamp,
    /// The address that was seen first; see `incident.source`.
    pub src_ip: IpAddr,
    /// The first address that was tried.
    pub dest_ip: Option<IpAddr>,
    /// The incident.
    pub incident: Incident,
    /// The same in a sentence.
    pub summary: String,
}

/// What is known of it so far. Counts are totals from its beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The same in all records of an incident.
    pub id: String,
    /// Who: an IPv4 address, an IPv6 /64, a network; or `many`, or `forged`.
    pub source: String,
    /// The shape of it.
    pub pattern: Pattern,
    /// How most doors were tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    /// Where the record stands in the incident's life.
    pub phase: Phase,
    /// How grave it is.
    pub severity: Severity,
    /// How suspicious it was at most; the threshold is the configuration's `detect.threshold`.
    #[serde(default)]
    pub score: f32,
    /// The first packet.
    #[serde(with = "eve_time")]
    pub first_seen: Timestamp,
    /// The last packet.
    #[serde(with = "eve_time")]
    pub last_seen: Timestamp,
    /// Packets, retries included.
    pub packets: u64,
    /// Distinct doors that were tried: ports, protocols and kinds of ICMP of each host.
    #[serde(default)]
    pub probes: u64,
    /// Distinct ports; the same number under two protocols is two.
    pub distinct_ports: u32,
    /// Distinct destinations; 256 means at least so many.
    pub distinct_hosts: u32,
    /// Some of the ports, at most 16: `22/tcp`.
    pub sample_ports: Vec<String>,
    /// About how many sources take part, where it is more than one.
    #[serde(default, skip_serializing_if = "is_one")]
    pub sources: u32,
    /// Some of them, at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample_sources: Vec<String>,
    /// Whether the source has completed a handshake, so that its address is not forged.
    #[serde(default)]
    pub handshake: bool,
    /// What else was seen: `tiny fragments`, `attribution uncertain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// In a capture, the number of the first packet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first_packet: u64,
    /// In a capture, the number of the packet that decided.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deciding_packet: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
const fn is_one(number: &u32) -> bool {
    *number <= 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Where a record stands in an incident's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It has just been noticed.
    Start,
    /// It is graver, or there is more of it 1, 10 and 60 minutes after the start.
    Update,
    /// It is over: nothing was heard for the detector's window.
    End,
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
