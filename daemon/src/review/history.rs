//! What a report tells: everything refused in a stretch of time, counted in every respect.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use jiff::{Timestamp, Zoned};

use super::{
    LogArgs, Screen, Suggestion, When,
    hours::Hours,
    incidents::{self, Told},
    parts::Segment,
    query::Query,
    top::{By, Value},
};
use crate::log::digest::Door;

/// Ports in the heat map.
const PORTS: usize = 16;
/// Sources that are looked at one by one.
const SOURCES: usize = 150;
/// Of each source: ports, hosts and moments that are told apart.
const MOST_PORTS: usize = 4096;
const MOST_HOSTS: usize = 1024;
const MOST_MOMENTS: usize = 400;
/// Columns of the heat map: the hours of a week.
const COLUMNS: i64 = 168;
const HOUR: i64 = 3_600_000_000;
/// Rows of a table.
const ROWS: usize = 12;
const MOST_INCIDENTS: usize = 100;

/// A port and its protocol's name.
pub type Port = (u16, Arc<str>);

/// What happened from one moment to another.
#[derive(Debug)]
pub struct History {
    /// From then on.
    pub since: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// Refused packets, noise apart.
    pub packets: u64,
    /// The same in the stretch of equal length before; `None`: the records don't go back that far.
    pub before: Option<Hours>,
    /// By quarter of an hour.
    pub hours: Hours,
    /// The tables: what of, and how many.
    pub tops: Vec<(By, Vec<(Value, u64)>)>,
    /// Packets of the most tried ports, in each column of time.
    pub heat: Vec<(Port, Vec<u64>)>,
    /// Microseconds in a column.
    pub column: i64,
    /// The most eager sources.
    pub sources: Vec<(IpAddr, Profile)>,
    /// The last record of each incident, the latest first.
    pub incidents: Vec<Told>,
    /// Our own mistakes, perhaps.
    pub suggestions: Vec<Suggestion>,
    /// What keeps it from being whole.
    pub caveats: Vec<String>,
}

/// What one source did.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Refused packets.
    pub packets: u64,
    /// Ports that it tried, as far as they were told apart.
    pub ports: HashSet<u16>,
    /// Addresses that it tried.
    pub hosts: HashSet<IpAddr>,
    /// When it tried what: microseconds since 1970, and a port.
    pub moments: Vec<(i64, u16)>,
}

impl History {
    /// Reads the records in `directory`.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn read(directory: &Path, since: Timestamp, until: &Zoned) -> io::Result<Self> {
        let now = until.timestamp();
        let screen = Screen { now: until.clone(), width: None };
        let between = |since: Timestamp, until: Timestamp| LogArgs {
            since: Some(When::Moment(since)),
            until: Some(When::Moment(until)),
            ..LogArgs::default()
        };
        let args = between(since, now);
        let query = Query::new(&args, directory, &screen)?;
        let mut tops = Vec::new();
        for by in [By::Ports, By::Sources, By::Rules, By::Pairs] {
            tops.push((by, query.refused(by, 1000)?.values));
        }
        let of = |by: By| tops.iter().find(|(other, _)| *other == by).map_or(&[][..], |(_, values)| values);
        let ports: Vec<Port> = of(By::Ports)
            .iter()
            .filter_map(|(value, _)| match value {
                Value::Port(port, protocol) => Some((*port, Arc::clone(protocol))),
                _ => None,
            })
            .take(PORTS)
            .collect();
        let sources: Vec<IpAddr> = of(By::Sources)
            .iter()
            .filter_map(|(value, _)| match value {
                Value::Source(address) => Some(*address),
                _ => None,
            })
            .take(SOURCES)
            .collect();
        let start = since.as_microsecond();
        let column = ((now.as_microsecond() - start) / COLUMNS).max(HOUR);
        let places: HashMap<&Port, usize> = ports.iter().zip(0..).collect();
        let wanted: HashMap<IpAddr, usize> = sources.iter().copied().zip(0..).collect();
        let add = |details: &mut Details, segment: &Segment, rows: &[u32]| {
            details.add(segment, rows, (start, column), &places, &wanted);
        };
        let (details, _, seen) = query.refused_sum(add, Details::merge)?;
        let suggestions = Suggestion::of(of(By::Pairs), ROWS);
        let columns = usize::try_from((now.as_microsecond() - start).div_euclid(column) + 1).unwrap_or(1);
        let heat = ports.iter().cloned().zip(details.heat_rows(ports.len(), columns)).collect();
        let packets = details.hours.0.values().sum();
        let mut profiles = details.profiles;
        let sources = sources
            .iter()
            .zip(0..)
            .map(|(address, n)| (*address, profiles.remove(&n).unwrap_or_default()))
            .collect();
        let mut latest: HashMap<String, Told> = HashMap::new();
        let filter = query.filter().clone();
        incidents::each(directory, &filter, |told, _| {
            latest.insert(told.incident.id.clone(), told);
            Ok(())
        })?;
        let mut incidents: Vec<Told> = latest.into_values().collect();
        incidents.sort_by_key(|told| std::cmp::Reverse(told.timestamp));
        incidents.truncate(MOST_INCIDENTS);
        let before_since = Timestamp::from_microsecond(start - (now.as_microsecond() - start));
        let before = match before_since {
            Ok(before) => {
                let args = between(before, since);
                let query = Query::new(&args, directory, &screen)?;
                let add =
                    |hours: &mut Hours, segment: &Segment, rows: &[u32]| hours.add(&segment.digest, rows);
                Some(query.refused_sum(add, Hours::merge)?.0)
                    .filter(|hours| hours.0.values().any(|&count| count > 0))
            }
            Err(_) => None,
        };
        for (_, values) in &mut tops {
            values.truncate(ROWS);
        }
        let caveats = seen.unreadable;
        Ok(Self {
            since,
            until: now,
            packets,
            before,
            hours: details.hours,
            tops,
            heat,
            column,
            sources,
            incidents,
            suggestions,
            caveats,
        })
    }
}

/// What is counted at the second look, when it is known what to look at.
#[derive(Debug, Default)]
struct Details {
    hours: Hours,
    /// By port's place and column.
    heat: HashMap<(usize, usize), u64>,
    /// By source's place.
    profiles: HashMap<usize, Profile>,
}

impl Details {
    fn add(
        &mut self,
        segment: &Segment,
        rows: &[u32],
        (start, column): (i64, i64),
        ports: &HashMap<&Port, usize>,
        sources: &HashMap<IpAddr, usize>,
    ) {
        let digest = &segment.digest;
        self.hours.add(digest, rows);
        let wanted: Vec<Option<usize>> =
            digest.head.addresses.iter().map(|address| sources.get(address).copied()).collect();
        let protocols: Vec<Option<Arc<str>>> = digest
            .head
            .shapes
            .iter()
            .map(|shape| {
                shape
                    .protocol
                    .as_ref()
                    .filter(|_| shape.door == Door::Port)
                    .map(|name| name.to_lowercase().into())
            })
            .collect();
        let mut door: Port = (0, Arc::from(""));
        for &row in rows {
            let row = row as usize;
            let (port, count, time) = (digest.rows.door[row], digest.rows.count[row], digest.rows.time[row]);
            let protocol = &protocols[digest.rows.shape[row] as usize];
            if let Some(protocol) = protocol {
                door.0 = port;
                door.1.clone_from(protocol);
                if let Some(&place) = ports.get(&door) {
                    let column = usize::try_from((time - start) / column).unwrap_or(0);
                    *self.heat.entry((place, column)).or_default() += count;
                }
            }
            let source = wanted.get(digest.rows.source[row] as usize).copied().flatten();
            if let Some(source) = source {
                let profile = self.profiles.entry(source).or_default();
                let port = protocol.as_ref().map(|_| port);
                profile.add(count, port, digest.address(digest.rows.destination[row]), time);
            }
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.hours = self.hours.merge(other.hours);
        other.heat.into_iter().for_each(|(place, count)| *self.heat.entry(place).or_default() += count);
        for (source, profile) in other.profiles {
            self.profiles.entry(source).or_default().merge(profile);
        }
        self
    }

    fn heat_rows(&self, ports: usize, columns: usize) -> Vec<Vec<u64>> {
        let cell = |port, column| self.heat.get(&(port, column)).copied().unwrap_or(0);
        (0..ports).map(|port| (0..columns).map(|column| cell(port, column)).collect()).collect()
    }
}

impl Profile {
    fn add(&mut self, count: u64, port: Option<u16>, host: Option<IpAddr>, time: i64) {
        self.packets += count;
        if let Some(port) = port {
            if self.ports.len() < MOST_PORTS {
                self.ports.insert(port);
            }
            if self.moments.len() < MOST_MOMENTS {
                self.moments.push((time, port));
            }
        }
        if let Some(host) = host.filter(|_| self.hosts.len() < MOST_HOSTS) {
            self.hosts.insert(host);
        }
    }

    fn merge(&mut self, other: Self) {
        self.packets += other.packets;
        self.ports.extend(other.ports.into_iter().take(MOST_PORTS.saturating_sub(self.ports.len())));
        self.hosts.extend(other.hosts.into_iter().take(MOST_HOSTS.saturating_sub(self.hosts.len())));
        self.moments.extend(other.moments);
        if self.moments.len() > MOST_MOMENTS {
            // Thinned evenly, so that the beginning does not stand for all.
            self.moments.sort_unstable();
            let step = self.moments.len().div_ceil(MOST_MOMENTS);
            self.moments = self.moments.iter().copied().step_by(step).collect();
        }
    }
}
