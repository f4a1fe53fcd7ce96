//! Which records are asked for.

use std::{io, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use jiff::{Timestamp, Zoned};

use super::{LogArgs, row::Row};
use crate::log::{Record, Rotated};

/// An address or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFilter(IpNet);

impl FromStr for SourceFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefix = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        prefix.map(Self).map_err(|_| "neither an address nor a prefix such as 203.0.113.0/24".to_owned())
    }
}

/// What a record has to be like.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    args: &'a LogArgs,
}

impl<'a> Filter<'a> {
    /// The filter of `args`.
    pub(super) fn new(args: &'a LogArgs, now: &Zoned) -> io::Result<Self> {
        let moment = |when: &Option<super::When>| when.as_ref().map(|when| when.before(now)).transpose();
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let since = moment(&args.since).map_err(invalid)?;
        Ok(Self { since, until: moment(&args.until).map_err(invalid)?, args })
    }

    /// Whether a rotated file can hold a record that is asked for. A summary is as old as the last
    /// packet that it counts, so nothing in a file is younger than its name.
    pub(super) fn may_be_in(&self, file: &Rotated) -> bool {
        self.since.is_none_or(|since| file.until >= since)
    }

    /// Whether `row` is asked for.
    pub(super) fn matches(&self, row: &Row) -> bool {
        let source = |SourceFilter(prefix): SourceFilter| row.source().is_some_and(|a| prefix.contains(&a));
        self.since.is_none_or(|since| row.time() >= since)
            && self.until.is_none_or(|until| row.time() < until)
            && self.args.source.is_none_or(source)
            && row.packet().is_none_or(|record| self.matches_packet(record))
    }

    fn matches_packet(&self, record: &Record) -> bool {
        let LogArgs { port, rule, hook, reason, .. } = self.args;
        let own_reason = record.drop.as_ref().and_then(|drop| drop.reason.as_ref());
        port.is_none_or(|port| record.dest_port == Some(port))
            && rule.as_ref().is_none_or(|rule| *rule == record.alert.signature)
            && hook.as_ref().is_none_or(|hook| record.alert.metadata.hook.as_ref() == Some(hook))
            && reason.as_ref().is_none_or(|reason| own_reason == Some(reason))
    }
}
