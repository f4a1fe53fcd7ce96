//! Which doors were tried, and by whom.

use std::{cmp::Reverse, collections::HashMap, io, net::IpAddr, path::Path};

use jiff::{Timestamp, tz::TimeZone};
use portcullis_rules::Protocol;

use super::{
    LogArgs, Screen, When,
    query::Query,
    top::{By, Value},
};

/// Refused packets by door.
#[derive(Debug, Default)]
pub struct Knocks(HashMap<(u16, String), Knock>);

/// What was tried at one door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knock {
    /// Packets.
    pub packets: u64,
    /// Who, and how often; the most eager first.
    pub sources: Vec<(IpAddr, u64)>,
}

/// The knocks since then that the records in `directory` tell of, noise apart.
///
/// # Errors
/// When they can't be read.
pub fn knocks(directory: &Path, since: Timestamp) -> io::Result<Knocks> {
    let args =
        LogArgs { since: Some(When::Moment(since)), hook: Some("input".to_owned()), ..LogArgs::default() };
    let screen = Screen { now: Timestamp::now().to_zoned(TimeZone::UTC), width: None };
    let pairs = Query::new(&args, directory, &screen)?.refused(By::Pairs, usize::MAX)?.values;
    let mut knocks: HashMap<(u16, String), Knock> = HashMap::new();
    for (value, count) in pairs {
        if let Value::Pair(source, port, protocol) = value {
            let knock = knocks.entry((port, protocol.to_string())).or_default();
            knock.packets += count;
            knock.sources.push((source, count));
        }
    }
    for knock in knocks.values_mut() {
        knock.sources.sort_by_key(|&(source, count)| (Reverse(count), source));
    }
    Ok(Knocks(knocks))
}

impl Knocks {
    /// What was tried at a door, if anything was.
    pub fn at(&self, port: u16, protocol: Protocol) -> Option<Knock> {
        self.0.get(&(port, protocol.to_string())).cloned()
    }
}
