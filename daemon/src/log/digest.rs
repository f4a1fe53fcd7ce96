//! What a segment's lines say, in columns: what a review counts and filters by, without the lines.
//!
//! Ten million lines are gigabytes of JSON, and some hundred megabytes of columns. A digest holds a
//! row for each line, in order, and where the lines' blocks are, so that a review reads only the
//! blocks whose lines it has to show.

mod build;
mod bytes;
mod class;
mod file;

use std::{net::IpAddr, ops::Range};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    build::{Builder, lines},
    class::Class,
    file::Folded,
};

/// A segment in columns.
#[derive(Debug, Clone, Default)]
pub struct Digest {
    /// What the rows refer to.
    pub head: Head,
    /// The rows.
    pub rows: Rows,
}

/// What the rows of a digest refer to, and what is known without looking at them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The earliest and the latest time of a record, in microseconds since 1970; `None` without any.
    pub times: Option<(i64, i64)>,
    /// Addresses, referred to by place.
    pub addresses: Vec<IpAddr>,
    /// What rows have in common, referred to by place.
    pub shapes: Vec<Shape>,
    /// Where the lines are.
    pub blocks: Vec<Block>,
}

/// The columns: of each as many as there are lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Microseconds since 1970.
    pub time: Vec<i64>,
    /// The sender's place among the addresses; [`NOBODY`] where there is none.
    pub source: Vec<u32>,
    /// The receiver's place.
    pub destination: Vec<u32>,
    /// The door: a port, or ICMP's type and code, as the shape says.
    pub door: Vec<u16>,
    /// The shape's place.
    pub shape: Vec<u32>,
    /// Packets that the line stands for.
    pub count: Vec<u64>,
}

/// The place of an address that is not there.
pub const NOBODY: u32 = u32::MAX;

/// Lines that are read together: a frame of an archive, or a stretch of a file of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Its first line.
    pub line: u64,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// How long it is there.
    pub length: u64,
}

/// What many rows have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// What became of the packet: `drop`, `reject`, `accept`.
    pub verdict: String,
    /// In monitor mode: what the rules say.
    pub would: Option<String>,
    /// The protocol's name in Suricata.
    pub protocol: Option<String>,
    /// Where it was judged.
    pub hook: Option<String>,
    /// The rule's name, or `policy input`.
    pub rule: String,
    /// Where the rule is written.
    pub place: Option<(String, u32)>,
    /// Why.
    pub reason: Option<String>,
    /// What kind of door the rows have.
    pub door: Door,
    /// Whether anybody needs to look at it.
    pub class: Class,
}

/// What a row's door is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Door {
    /// None.
    None,
    /// A destination port.
    Port,
    /// ICMP's or ICMPv6's type (high byte) and code.
    Icmp,
}

impl Shape {
    /// Whether the rules let such packets in: they are recorded because a rule asked for it.
    pub fn accepted(&self) -> bool {
        self.verdict == "accept" && self.would.is_none()
    }

    /// What the rules say of such packets, carried out or not.
    pub fn judged(&self) -> &str {
        self.would.as_deref().unwrap_or(&self.verdict)
    }
}

impl Digest {
    /// How many lines there are, those that are no records included.
    pub fn len(&self) -> usize {
        self.rows.time.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.time.is_empty()
    }

    /// The address at a place.
    pub fn address(&self, place: u32) -> Option<IpAddr> {
        usize::try_from(place).ok().and_then(|place| self.head.addresses.get(place)).copied()
    }

    /// The shape of a row.
    pub fn shape(&self, row: usize) -> &Shape {
        &self.head.shapes[self.rows.shape[row] as usize]
    }

    /// The time of a row.
    pub fn time(&self, row: usize) -> Timestamp {
        Timestamp::from_microsecond(self.rows.time[row]).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The rows of a block, by its place.
    pub fn rows_of(&self, block: usize) -> Range<usize> {
        let first = |block: &Block| usize::try_from(block.line).unwrap_or(usize::MAX);
        let end = self.head.blocks.get(block + 1).map_or(self.len(), first);
        self.head.blocks.get(block).map_or(end, first)..end
    }
}

#[cfg(test)]
mod tests;
