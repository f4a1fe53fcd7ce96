//! Records for other programs: the JSON lines as they are, or comma-separated values.

use std::io;

use portcullis_config::port_name;

use super::parts::Segment;
use crate::log::{Record, digest::Class, escape_json};

const COLUMNS: [&str; 20] = [
    "time",
    "event_id",
    "count",
    "verdict",
    "would",
    "class",
    "hook",
    "in",
    "out",
    "protocol",
    "source",
    "source_port",
    "destination",
    "port",
    "service",
    "rule",
    "rule_file",
    "rule_line",
    "reason",
    "generation",
];

/// What a record is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Json,
    /// As it is, with what could deceive a terminal escaped.
    JsonForTerminal,
    /// RFC 4180, with a line of headings.
    Csv,
}

impl Form {
    /// What comes before the first record.
    pub(super) fn headings(self) -> String {
        match self {
            Self::Csv => COLUMNS.join(",") + "\r\n",
            Self::Json | Self::JsonForTerminal => String::new(),
        }
    }

    /// The records of `rows`.
    ///
    /// # Errors
    /// When their lines can't be read.
    pub(super) fn lines(self, segment: &Segment, rows: &[u32]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        segment.lines(rows, |row, line| {
            out.extend(self.line(line, segment.digest.shape(row).class)?);
            Ok(())
        })?;
        Ok(out)
    }

    /// One record.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn line(self, line: &[u8], class: Class) -> io::Result<Vec<u8>> {
        Ok(match self {
            Self::Json => [line, b"\n"].concat(),
            Self::JsonForTerminal => (escape_json(&String::from_utf8_lossy(line)) + "\n").into_bytes(),
            Self::Csv => csv(&serde_json::from_slice(line)?, class.name()).into_bytes(),
        })
    }
}

fn csv(record: &Record, class: &str) -> String {
    let metadata = &record.alert.metadata;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    fn number<N: ToString>(value: Option<N>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let cells = [
        record.timestamp.to_string(),
        text(&metadata.event_id),
        record.count().to_string(),
        record.verdict.action.clone(),
        text(&metadata.would),
        class.to_owned(),
        text(&metadata.hook),
        text(&record.in_iface),
        text(&metadata.out_iface),
        text(&record.proto),
        number(record.src_ip),
        number(record.src_port),
        number(record.dest_ip),
        number(record.dest_port),
        record.dest_port.and_then(port_name).unwrap_or_default().to_owned(),
        record.alert.signature.clone(),
        text(&metadata.rule_file),
        number(metadata.rule_line),
        record.drop.as_ref().and_then(|drop| drop.reason.clone()).unwrap_or_default(),
        number(metadata.generation),
    ];
    cells.map(|cell| quoted(&cell)).join(",") + "\r\n"
}

/// A cell that no spreadsheet takes for two, for a line's end, or for a formula.
fn quoted(cell: &str) -> String {
    let cell: String = cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell };
    if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}
