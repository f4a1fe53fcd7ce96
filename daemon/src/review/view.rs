//! How records are shown.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{self, Write},
    net::SocketAddr,
};

use jiff::Timestamp;

use portcullis_config::port_name;

use super::{LogArgs, Screen, row::Row, top::Top};
use crate::{
    detect::IncidentRecord,
    log::{Drop, Escaped, Record, escape_json},
};

const HEADINGS: [&str; 8] = ["TIME", "COUNT", "VERDICT", "PROTO", "SOURCE", "DESTINATION", "RULE", "REASON"];

/// Shows rows as they come, or their last ones, or what they add up to, at the end.
pub(super) struct View<'a> {
    args: &'a LogArgs,
    screen: &'a Screen,
    out: &'a mut dyn Write,
    tail: VecDeque<String>,
    top: Option<Top>,
    headed: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(args: &'a LogArgs, screen: &'a Screen, out: &'a mut dyn Write) -> Self {
        Self { args, screen, out, tail: VecDeque::new(), top: args.top.map(Top::new), headed: false }
    }

    /// Takes a row in, and the line that it was read from.
    pub(super) fn show(&mut self, row: &Row, line: &[u8]) -> io::Result<()> {
        if let Some(top) = &mut self.top {
            top.count(row);
            return Ok(());
        }
        let text = self.text(row, line);
        let Some(most) = self.args.number else { return self.print(&text) };
        self.tail.push_back(text);
        if self.tail.len() > most {
            self.tail.pop_front();
        }
        Ok(())
    }

    /// Shows what was held back.
    pub(super) fn end(mut self) -> io::Result<()> {
        if let Some(top) = self.top {
            return top.print(self.args.number, self.out);
        }
        for text in std::mem::take(&mut self.tail) {
            self.print(&text)?;
        }
        Ok(())
    }

    fn text(&self, row: &Row, line: &[u8]) -> String {
        if self.args.json {
            let line = String::from_utf8_lossy(line);
            return if self.screen.width.is_some() { escape_json(&line) } else { line.into_owned() };
        }
        match row {
            Row::Packet(record) => self.cut(packet(record, &self.time(record.timestamp))),
            Row::Incident(record) => self.cut(incident(record, &self.time(record.timestamp))),
        }
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        if !self.headed && !self.args.json && !self.args.incidents {
            let line = self.cut(columns(HEADINGS));
            writeln!(self.out, "{line}")?;
        }
        self.headed = true;
        writeln!(self.out, "{text}")
    }

    fn time(&self, time: Timestamp) -> String {
        time.to_zoned(self.screen.now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// A line of a table ends where the terminal does.
    fn cut(&self, mut line: String) -> String {
        let Some(width) = self.screen.width else { return line };
        if line.chars().count() > width {
            let end = line.char_indices().nth(width.saturating_sub(1)).map_or(0, |(end, _)| end);
            line.truncate(end);
            line.push('…');
        }
        line
    }
}

fn columns(cells: [&str; 8]) -> String {
    let [time, count, verdict, protocol, source, destination, rule, reason] = cells;
    let mut line = format!("{time:<19} {count:>6} {verdict:<12} {protocol:<9} ");
    // Writing to a string does not fail.
    let _ = write!(line, "{source:<15} {destination:<24} {:<20} {}", Escaped(rule), Escaped(reason));
    line.truncate(line.trim_end().len());
    line
}

fn packet(record: &Record, time: &str) -> String {
    let Record { src_ip, dest_ip, dest_port, proto, icmp_type, alert, verdict, drop, .. } = record;
    let protocol = proto.as_deref().unwrap_or("-");
    let destination = match (dest_ip, dest_port) {
        (Some(ip), Some(port)) => {
            let service = port_name(*port).map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{}{service}", SocketAddr::new(*ip, *port))
        }
        (Some(ip), None) => {
            let kind = icmp_type.map(|kind| format!(" type {kind}")).unwrap_or_default();
            format!("{ip}{kind}")
        }
        (None, _) => "-".to_owned(),
    };
    let verdict = match &alert.metadata.would {
        Some(would) => format!("would {would}"),
        None => verdict.action.clone(),
    };
    columns([
        time,
        &record.count().to_string(),
        &Escaped(&verdict).to_string(),
        &Escaped(protocol).to_string(),
        &src_ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string()),
        &destination,
        &alert.signature,
        drop.as_ref().and_then(|Drop { reason, .. }| reason.as_deref()).unwrap_or_default(),
    ])
}

fn incident(record: &IncidentRecord, time: &str) -> String {
    let ports = record.incident.sample_ports.join(" ");
    format!("{time} {}  [{}]", Escaped(&record.summary), Escaped(&ports))
}
