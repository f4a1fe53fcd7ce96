//! From lines to columns.

use std::{collections::HashMap, net::IpAddr};

use super::{Block, Class, Digest, Door, NOBODY, Shape};
use crate::log::Record;

/// Takes lines in, in order.
#[derive(Debug, Default)]
pub struct Builder {
    digest: Digest,
    addresses: HashMap<IpAddr, u32>,
    shapes: HashMap<Shape, u32>,
}

impl Builder {
    /// Says where the lines that follow are.
    pub(super) fn block(&mut self, offset: u64, length: u64) {
        let line = self.digest.len() as u64;
        self.digest.head.blocks.push(Block { line, offset, length });
    }

    /// Takes in whole lines, and where they are.
    pub fn lines(&mut self, block: &[u8], offset: u64, length: u64) {
        self.block(offset, length);
        lines(block).for_each(|line| self.line(line));
    }

    /// Takes a line in, without its line feed.
    pub(super) fn line(&mut self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(record) => self.record(&record),
            Err(_) => self.foreign(),
        }
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        self.digest
    }

    fn record(&mut self, record: &Record) {
        let time = record.timestamp.as_microsecond();
        let times = self.digest.head.times.get_or_insert((time, time));
        *times = (times.0.min(time), times.1.max(time));
        let door = match (record.dest_port, record.icmp_type) {
            (Some(port), _) => port,
            (None, Some(kind)) => u16::from_be_bytes([kind, record.icmp_code.unwrap_or(0)]),
            (None, None) => 0,
        };
        let source = self.address(record.src_ip);
        let destination = self.address(record.dest_ip);
        let shape = self.shape(shape(record));
        self.push(time, source, destination, door, shape, record.count());
    }

    /// A line that is no record has a row too, so that rows and lines go together.
    fn foreign(&mut self) {
        let shape = self.shape(Shape {
            verdict: String::new(),
            would: None,
            protocol: None,
            hook: None,
            rule: String::new(),
            place: None,
            reason: None,
            door: Door::None,
            class: Class::Foreign,
        });
        self.push(0, NOBODY, NOBODY, 0, shape, 0);
    }

    fn push(&mut self, time: i64, source: u32, destination: u32, door: u16, shape: u32, count: u64) {
        let rows = &mut self.digest.rows;
        rows.time.push(time);
        rows.source.push(source);
        rows.destination.push(destination);
        rows.door.push(door);
        rows.shape.push(shape);
        rows.count.push(count);
    }

    fn address(&mut self, address: Option<IpAddr>) -> u32 {
        let Some(address) = address else { return NOBODY };
        place(&mut self.addresses, &mut self.digest.head.addresses, address)
    }

    fn shape(&mut self, shape: Shape) -> u32 {
        place(&mut self.shapes, &mut self.digest.head.shapes, shape)
    }
}

/// The lines of a block, without their line feeds.
pub fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = block.strip_suffix(b"\n").unwrap_or(block);
    // Nothing at all is no line; a line feed alone is one.
    let none = block.is_empty();
    whole.split(|&byte| byte == b'\n').filter(move |_| !none)
}

/// The place of `value`, which gets one if it has none. A segment never has four billion lines.
fn place<T: Clone + Eq + std::hash::Hash>(
    places: &mut HashMap<T, u32>,
    values: &mut Vec<T>,
    value: T,
) -> u32 {
    if let Some(place) = places.get(&value) {
        return *place;
    }
    let place = u32::try_from(values.len()).unwrap_or(NOBODY);
    values.push(value.clone());
    places.insert(value, place);
    place
}

fn shape(record: &Record) -> Shape {
    let metadata = &record.alert.metadata;
    let door = match (record.dest_port, record.icmp_type) {
        (Some(_), _) => Door::Port,
        (None, Some(_)) => Door::Icmp,
        (None, None) => Door::None,
    };
    Shape {
        verdict: record.verdict.action.clone(),
        would: metadata.would.clone(),
        protocol: record.proto.clone(),
        hook: metadata.hook.clone(),
        rule: record.alert.signature.clone(),
        place: metadata.rule_file.clone().zip(metadata.rule_line),
        reason: record.drop.as_ref().and_then(|drop| drop.reason.clone()),
        door,
        class: Class::of(record),
    }
}
