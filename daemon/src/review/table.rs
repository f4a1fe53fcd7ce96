//! Rows of a digest as lines for a reader.

use std::{
    collections::HashMap,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use jiff::{Timestamp, tz::TimeZone};
use portcullis_config::port_name;

use super::Screen;
use crate::log::{
    Escaped,
    digest::{Class, Digest, Door, Shape},
};

const HEADINGS: [&str; 8] = ["TIME", "COUNT", "VERDICT", "PROTO", "SOURCE", "DESTINATION", "RULE", "REASON"];

/// When a source was last let in, in microseconds since 1970.
pub(super) type Accepted = HashMap<IpAddr, i64>;

/// The headings of the table.
pub(super) fn headings(screen: &Screen) -> String {
    cut(columns(HEADINGS), screen.width)
}

/// The lines of `rows`.
pub(super) fn lines(digest: &Digest, rows: &[u32], screen: &Screen, accepted: &Accepted) -> String {
    let zone = screen.now.time_zone();
    let mut text = String::with_capacity(rows.len() * 128);
    for &row in rows {
        text += &cut(line(digest, row as usize, zone, accepted), screen.width);
        text.push('\n');
    }
    text
}

fn line(digest: &Digest, row: usize, zone: &TimeZone, accepted: &Accepted) -> String {
    let shape = digest.shape(row);
    let (source, destination) = (digest.rows.source[row], digest.rows.destination[row]);
    let source = digest.address(source);
    let verdict = match &shape.would {
        Some(would) => format!("would {would}"),
        None => shape.verdict.clone(),
    };
    let later = source
        .and_then(|source| accepted.get(&source))
        .is_some_and(|&accepted| accepted > digest.rows.time[row] && !shape.accepted());
    let mut reason = shape.reason.clone().unwrap_or_default();
    if shape.class.is_noise() {
        // Writing to a string does not fail.
        let _ = write!(reason, " ({})", shape.class.name());
    }
    if later {
        reason += " (accepted later)";
    }
    columns([
        &local(digest.time(row), zone),
        &digest.rows.count[row].to_string(),
        &Escaped(&verdict).to_string(),
        &Escaped(shape.protocol.as_deref().unwrap_or("-")).to_string(),
        &source.map_or_else(|| "-".to_owned(), |address| address.to_string()),
        &door(digest.address(destination), digest.rows.door[row], shape),
        &shape.rule,
        reason.trim_start(),
    ])
}

/// `192.0.2.1:80 (http)`, `192.0.2.1 type 8`.
fn door(address: Option<IpAddr>, door: u16, shape: &Shape) -> String {
    match (address, shape.door) {
        (Some(address), Door::Port) => {
            let service = port_name(door).map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{}{service}", SocketAddr::new(address, door))
        }
        (Some(address), Door::Icmp) => format!("{address} type {}", door >> 8),
        (Some(address), Door::None) => address.to_string(),
        (None, _) => "-".to_owned(),
    }
}

/// A time as people in `zone` write it.
pub(super) fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn columns(cells: [&str; 8]) -> String {
    let [time, count, verdict, protocol, source, destination, rule, reason] = cells;
    let mut line = format!("{time:<19} {count:>6} {verdict:<12} {protocol:<9} ");
    let _ = write!(line, "{source:<15} {destination:<24} {:<20} {}", Escaped(rule), Escaped(reason));
    line.truncate(line.trim_end().len());
    line
}

/// A line ends where the terminal does.
pub(super) fn cut(mut line: String, width: Option<usize>) -> String {
    let Some(width) = width else { return line };
    if line.chars().count() > width {
        let end = line.char_indices().nth(width.saturating_sub(1)).map_or(0, |(end, _)| end);
        line.truncate(end);
        line.push('…');
    }
    line
}

/// What is kept apart, in a sentence; `None` if nothing is.
pub(super) fn apart(apart: [u64; 3]) -> Option<String> {
    let words: Vec<String> = Class::NOISE
        .iter()
        .zip(apart)
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| format!("{count} {}", class.name()))
        .collect();
    let packets = apart.iter().sum::<u64>();
    (packets > 0).then(|| format!("apart from that, noise: {} (--noise shows it)", words.join(", ")))
}
