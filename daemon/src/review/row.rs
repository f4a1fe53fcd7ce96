//! A line of either file, understood.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::{
    detect::IncidentRecord,
    log::{Record, Stream},
};

/// A line of either file.
#[derive(Debug)]
pub(super) enum Row {
    Packet(Box<Record>),
    Incident(Box<IncidentRecord>),
}

impl Row {
    /// What `line` says; `None` when it is no record of `stream`.
    pub(super) fn parse(line: &[u8], stream: Stream) -> Option<Self> {
        match stream {
            Stream::Blocked => Some(Self::Packet(serde_json::from_slice(line).ok()?)),
            Stream::Incidents => Some(Self::Incident(serde_json::from_slice(line).ok()?)),
        }
    }

    pub(super) const fn time(&self) -> Timestamp {
        match self {
            Self::Packet(record) => record.timestamp,
            Self::Incident(record) => record.timestamp,
        }
    }

    pub(super) const fn source(&self) -> Option<IpAddr> {
        match self {
            Self::Packet(record) => record.src_ip,
            Self::Incident(record) => Some(record.src_ip),
        }
    }

    /// The record of a packet, or of a count of them.
    pub(super) fn packet(&self) -> Option<&Record> {
        match self {
            Self::Packet(record) => Some(record),
            Self::Incident(_) => None,
        }
    }
}
