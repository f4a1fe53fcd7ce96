//! Which sources, ports or rules there was most of.

use std::{
    cmp::Reverse,
    collections::HashMap,
    io::{self, Write},
};

use portcullis_config::port_name;

use super::row::Row;
use crate::log::Escaped;

/// Values told apart; packets with others are counted together.
const MOST: usize = 200_000;
/// Rows shown when nobody says how many.
const ROWS: usize = 10;

/// By what packets are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Destination port and protocol.
    Ports,
    /// Source address.
    Sources,
    /// Rule, or policy.
    Rules,
}

/// Counts of packets, those in summaries included.
#[derive(Debug)]
pub(super) struct Top {
    by: By,
    counts: HashMap<String, u64>,
    others: u64,
}

impl Top {
    pub(super) fn new(by: By) -> Self {
        Self { by, counts: HashMap::new(), others: 0 }
    }

    pub(super) fn count(&mut self, row: &Row) {
        let Some(record) = row.packet() else { return };
        let value = match self.by {
            By::Rules => Some(record.alert.signature.clone()),
            By::Sources => record.src_ip.map(|address| address.to_string()),
            By::Ports => record.dest_port.zip(record.proto.as_deref()).map(|(port, protocol)| {
                let name = port_name(port).map(|name| format!("  {name}")).unwrap_or_default();
                format!("{port}/{}{name}", protocol.to_lowercase())
            }),
        };
        let full = self.counts.len() >= MOST;
        match value {
            Some(value) if !full || self.counts.contains_key(&value) => {
                *self.counts.entry(value).or_default() += record.count();
            }
            Some(_) | None => self.others += record.count(),
        }
    }

    pub(super) fn print(self, rows: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        let mut counts: Vec<(String, u64)> = self.counts.into_iter().collect();
        counts.sort_by(|(a, m), (b, n)| (Reverse(m), a).cmp(&(Reverse(n), b)));
        for (value, count) in counts.iter().take(rows.unwrap_or(ROWS)) {
            writeln!(out, "{count:>10}  {}", Escaped(value))?;
        }
        let others = self.others;
        let what = match self.by {
            By::Ports => "without a port, or counted together",
            By::Sources => "without an address, or counted together",
            By::Rules => "counted together",
        };
        if others > 0 { writeln!(out, "{others:>10}  ({what})") } else { Ok(()) }
    }
}
