//! Which sources, ports, rules or pairs there was most of.

mod counts;

use std::{
    collections::HashMap,
    fmt,
    io::{self, Write},
    net::IpAddr,
    sync::Arc,
};

use portcullis_config::port_name;

use self::counts::{Counts, Entry, Key};
use crate::log::{
    Escaped,
    digest::{Digest, Door},
};

/// Rows shown when nobody says how many.
pub(super) const ROWS: usize = 10;

/// By what packets are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Destination port and protocol.
    Ports,
    /// Source address.
    Sources,
    /// Rule, or policy.
    Rules,
    /// Source address, with the port that it tried.
    Pairs,
}

/// What packets are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Who.
    Source(IpAddr),
    /// A port, and its protocol in small letters.
    Port(u16, Arc<str>),
    /// A rule's name, or `policy input`.
    Rule(Arc<str>),
    /// Who tried which port.
    Pair(IpAddr, u16, Arc<str>),
}

/// Counts of packets, those in summaries included.
#[derive(Debug, Default)]
pub(super) struct Top {
    counts: Counts,
    names: Names,
    /// Packets that have no such value.
    without: u64,
}

/// Protocols or rules, referred to by place.
#[derive(Debug, Default)]
struct Names {
    places: HashMap<Arc<str>, u16>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// Its place; `None` for more names than anybody has rules.
    fn place(&mut self, name: &str) -> Option<u16> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        let place = u16::try_from(self.names.len()).ok()?;
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.places.insert(name, place);
        Some(place)
    }

    fn name(&self, place: u16) -> Arc<str> {
        self.names.get(usize::from(place)).cloned().unwrap_or_default()
    }
}

/// The most frequent values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Most {
    /// The values, and how many packets each has.
    pub(super) values: Vec<(Value, u64)>,
    /// Packets that have no value, or were counted together.
    others: u64,
    /// By how much a count may be too low.
    too_low: u64,
    /// What has no more packets may not be among the values.
    missed: u64,
    by: By,
}

impl Top {
    /// Adds the `rows` of a digest.
    pub(super) fn add(&mut self, by: By, digest: &Digest, rows: &[u32]) {
        // Within a digest, places stand for what they refer to.
        match by {
            By::Sources => {
                let mut counts = vec![0; digest.head.addresses.len()];
                for &row in rows {
                    let row = row as usize;
                    let count = digest.rows.count[row];
                    match counts.get_mut(digest.rows.source[row] as usize) {
                        Some(sum) => *sum += count,
                        None => self.without += count,
                    }
                }
                let sources = digest.head.addresses.iter().map(|&address| Key::of_source(address));
                self.add_all(sources.zip(counts).collect());
            }
            By::Rules => {
                let mut counts = vec![0; digest.head.shapes.len()];
                for &row in rows {
                    counts[digest.rows.shape[row as usize] as usize] += digest.rows.count[row as usize];
                }
                let mut rules = Vec::with_capacity(counts.len());
                for (shape, count) in digest.head.shapes.iter().zip(counts) {
                    match self.names.place(&shape.rule) {
                        Some(name) => rules.push((Key { name, ..Key::default() }, count)),
                        None => self.without += count,
                    }
                }
                self.add_all(rules);
            }
            By::Ports | By::Pairs => self.add_doors(by, digest, rows),
        }
    }

    fn add_doors(&mut self, by: By, digest: &Digest, rows: &[u32]) {
        let protocols: Vec<Option<u16>> = digest
            .head
            .shapes
            .iter()
            .map(|shape| match (&shape.protocol, shape.door) {
                (Some(protocol), Door::Port) => self.names.place(&protocol.to_lowercase()),
                _ => None,
            })
            .collect();
        // Sources stand for their places in order, so that a door is one number, and quickly sorted.
        let mut sources = vec![(Key::default(), 0)];
        let mut ranks = Vec::new();
        if by == By::Pairs {
            let places = (0_u32..).zip(&digest.head.addresses);
            sources = places.map(|(place, &address)| (Key::of_source(address), place)).collect();
            sources.sort_unstable();
            ranks = vec![0_u32; sources.len()];
            for (rank, (_, place)) in (0..).zip(&sources) {
                ranks[*place as usize] = rank;
            }
        }
        let mut doors: Vec<(u64, u64)> = Vec::with_capacity(rows.len());
        for &row in rows {
            let row = row as usize;
            let count = digest.rows.count[row];
            let rank = match by {
                By::Pairs => ranks.get(digest.rows.source[row] as usize).copied(),
                _ => Some(0),
            };
            match (rank, protocols[digest.rows.shape[row] as usize]) {
                (Some(rank), Some(name)) => {
                    let port = u64::from(digest.rows.door[row]);
                    doors.push((u64::from(rank) << 32 | port << 16 | u64::from(name), count));
                }
                _ => self.without += count,
            }
        }
        doors.sort_unstable_by_key(|(door, _)| *door);
        #[expect(clippy::cast_possible_truncation, reason = "put together from these parts")]
        let key = |door: u64| {
            let (source, _) = sources[(door >> 32) as usize];
            Key { port: (door >> 16) as u16, name: door as u16, ..source }
        };
        self.add_in_order(doors.into_iter().map(|(door, count)| (key(door), count)));
    }

    fn add_all(&mut self, mut counts: Vec<(Key, u64)>) {
        counts.sort_unstable();
        self.add_in_order(counts.into_iter());
    }

    fn add_in_order(&mut self, counts: impl Iterator<Item = (Key, u64)>) {
        let mut run: Vec<Entry> = Vec::with_capacity(counts.size_hint().0);
        for (key, count) in counts.filter(|(_, count)| *count > 0) {
            match run.last_mut().filter(|last| last.key == key) {
                Some(last) => last.count += count,
                None => run.push(Entry { key, count, missed: 0 }),
            }
        }
        self.counts.add(run);
    }

    /// Both together.
    pub(super) fn merge(mut self, mut other: Self) -> Self {
        self.without += other.without;
        let places: Vec<Option<u16>> = other.names.names.iter().map(|name| self.names.place(name)).collect();
        // Sources have no names.
        if !places.is_empty() {
            other.counts.rename(|name| places.get(usize::from(name)).copied().flatten());
        }
        self.counts.merge(other.counts);
        self
    }

    /// The most frequent values; of equally frequent ones the smaller.
    pub(super) fn most(self, by: By, rows: usize) -> Most {
        let Self { counts, names, without } = self;
        let (others, missed) = (counts.others + without, counts.missed);
        let mut entries = counts.entries();
        let place = |key: &Key| (key.address(), key.port, names.names.get(usize::from(key.name)));
        let order =
            |a: &Entry, b: &Entry| b.count.cmp(&a.count).then_with(|| place(&a.key).cmp(&place(&b.key)));
        let all = rows >= entries.len();
        if !all {
            entries.select_nth_unstable_by(rows, order);
            entries.truncate(rows);
        }
        entries.sort_unstable_by(order);
        let value = |key: Key| match by {
            By::Sources => Value::Source(key.address()),
            By::Ports => Value::Port(key.port, names.name(key.name)),
            By::Rules => Value::Rule(names.name(key.name)),
            By::Pairs => Value::Pair(key.address(), key.port, names.name(key.name)),
        };
        let too_low = entries.iter().map(|entry| entry.missed).max().unwrap_or(0);
        // Where the last that is shown has more, none is missing that belongs there.
        let missed = entries.last().map_or(0, |last| if all || last.count <= missed { missed } else { 0 });
        let values = entries.into_iter().map(|entry| (value(entry.key), entry.count)).collect();
        Most { values, others, too_low, missed, by }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let door = |f: &mut fmt::Formatter<'_>, port: u16, protocol: &str| {
            write!(f, "{port}/{}", Escaped(protocol))?;
            port_name(port).map_or(Ok(()), |name| write!(f, "  {name}"))
        };
        match self {
            Self::Source(address) => write!(f, "{address}"),
            Self::Rule(rule) => write!(f, "{}", Escaped(rule)),
            Self::Port(port, protocol) => door(f, *port, protocol),
            Self::Pair(address, port, protocol) => {
                write!(f, "{address} -> ")?;
                door(f, *port, protocol)
            }
        }
    }
}

impl Most {
    /// Prints them.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { values, others, too_low, missed, by } = self;
        for (value, count) in values {
            writeln!(out, "{count:>10}  {value}")?;
        }
        let what = match by {
            By::Ports | By::Pairs => "without a port, or counted together",
            By::Sources => "without an address, or counted together",
            By::Rules => "counted together",
        };
        if *others > 0 {
            writeln!(out, "{others:>10}  ({what})")?;
        }
        if *too_low > 0 {
            writeln!(
                out,
                "There are too many to tell all apart: a count above may be up to {too_low} too low."
            )?;
        }
        if *missed > 0 {
            writeln!(
                out,
                "There are too many to tell all apart: some that have up to {missed} may be missing above."
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_other_places_elsewhere() {
        let count = |names: &[(&str, u64)]| {
            let mut top = Top::default();
            let place = |(name, count): &(&str, u64)| {
                (Key { port: 53, name: top.names.place(name).unwrap(), ..Key::default() }, *count)
            };
            let counts = names.iter().map(place).collect();
            top.add_all(counts);
            top
        };
        let both = count(&[("tcp", 1), ("udp", 2)]).merge(count(&[("udp", 5), ("sctp", 1)]));
        let expected =
            [("udp", 7), ("sctp", 1), ("tcp", 1)].map(|(name, n)| (Value::Port(53, name.into()), n));
        assert_eq!(both.most(By::Ports, 9).values, expected);
    }
}
