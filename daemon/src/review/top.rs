//! Which sources, ports, rules or pairs there was most of.

use std::{
    cmp::Reverse,
    fmt,
    io::{self, Write},
    net::IpAddr,
    sync::Arc,
};

use foldhash::{HashMap, HashMapExt as _};
use portcullis_config::port_name;

use crate::log::{
    Escaped,
    digest::{Digest, Door},
};

/// Values told apart; when there are more, the rarer half is counted together from then on. What there
/// is much of stays, whenever it began.
const MOST: usize = 200_000;
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
    counts: HashMap<Value, u64>,
    others: u64,
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
                        None => self.others += count,
                    }
                }
                let values = digest.head.addresses.iter().map(|&address| Value::Source(address));
                values.zip(counts).for_each(|(value, count)| self.count(value, count));
            }
            By::Rules => {
                let mut counts = vec![0; digest.head.shapes.len()];
                for &row in rows {
                    counts[digest.rows.shape[row as usize] as usize] += digest.rows.count[row as usize];
                }
                let values = digest.head.shapes.iter().map(|shape| Value::Rule(shape.rule.as_str().into()));
                values.zip(counts).for_each(|(value, count)| self.count(value, count));
            }
            By::Ports | By::Pairs => self.add_doors(by, digest, rows),
        }
    }

    fn add_doors(&mut self, by: By, digest: &Digest, rows: &[u32]) {
        let protocols: Vec<Option<Arc<str>>> = digest
            .head
            .shapes
            .iter()
            .map(|shape| match (&shape.protocol, shape.door) {
                (Some(protocol), Door::Port) => Some(protocol.to_lowercase().into()),
                _ => None,
            })
            .collect();
        let mut counts: HashMap<(u32, u16, u32), u64> = HashMap::new();
        for &row in rows {
            let row = row as usize;
            let (source, shape) = (digest.rows.source[row], digest.rows.shape[row]);
            let source = if by == By::Pairs { source } else { 0 };
            *counts.entry((source, digest.rows.door[row], shape)).or_default() += digest.rows.count[row];
        }
        for ((source, port, shape), count) in counts {
            let protocol = protocols[shape as usize].clone();
            let value = match (by, protocol, digest.address(source)) {
                (By::Pairs, Some(protocol), Some(source)) => Some(Value::Pair(source, port, protocol)),
                (By::Ports, Some(protocol), _) => Some(Value::Port(port, protocol)),
                _ => None,
            };
            match value {
                Some(value) => self.count(value, count),
                None => self.others += count,
            }
        }
    }

    fn count(&mut self, value: Value, count: u64) {
        if count == 0 {
            return;
        }
        if let Some(sum) = self.counts.get_mut(&value) {
            *sum += count;
            return;
        }
        if self.counts.len() >= MOST {
            self.forget_the_rare();
        }
        self.counts.insert(value, count);
    }

    fn forget_the_rare(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, &mut median, _) = counts.select_nth_unstable(MOST / 2);
        let others = &mut self.others;
        let mut to_forget = MOST / 2;
        self.counts.retain(|_, count| {
            let keep = *count > median || to_forget == 0;
            if !keep {
                *others += *count;
                to_forget -= 1;
            }
            keep
        });
    }

    /// Both together.
    pub(super) fn merge(mut self, other: Self) -> Self {
        if other.counts.len() > self.counts.len() {
            return other.merge(self);
        }
        self.others += other.others;
        other.counts.into_iter().for_each(|(value, count)| self.count(value, count));
        self
    }

    /// The most frequent values, and how many packets have none or were counted together.
    pub(super) fn sorted(self, rows: usize) -> (Vec<(Value, u64)>, u64) {
        let mut counts: Vec<_> = self.counts.into_iter().collect();
        let order = |(a, m): &(Value, u64), (b, n): &(Value, u64)| (Reverse(m), a).cmp(&(Reverse(n), b));
        if rows < counts.len() {
            counts.select_nth_unstable_by(rows, order);
            counts.truncate(rows);
        }
        counts.sort_unstable_by(order);
        (counts, self.others)
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

/// Prints the most frequent values.
pub(super) fn print(top: Top, by: By, rows: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let (counts, others) = top.sorted(rows.unwrap_or(ROWS));
    for (value, count) in counts {
        writeln!(out, "{count:>10}  {value}")?;
    }
    let what = match by {
        By::Ports | By::Pairs => "without a port, or counted together",
        By::Sources => "without an address, or counted together",
        By::Rules => "counted together",
    };
    if others > 0 { writeln!(out, "{others:>10}  ({what})") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_there_is_much_of_is_found_among_more_than_fits() {
        let mut top = Top::default();
        let source = |n: u32| Value::Source(Ipv4Addr::from(n).into());
        for n in 0..1_000_000 {
            top.count(source(n), 1);
            if n % 100 == 0 {
                top.count(source(999_999), 1);
            }
        }
        assert!(top.counts.len() <= MOST);
        let (counts, others) = top.sorted(1);
        assert_eq!(counts[0].0, source(999_999));
        assert!(counts[0].1 > 9_000);
        assert!(others > 700_000);
    }
}
