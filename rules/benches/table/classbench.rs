//! Files in ClassBench's form (Taylor, Turner: ClassBench, INFOCOM 2005).

use std::{
    error::Error,
    fmt::Write as _,
    fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use crate::set::{Line, Packet, Set};

/// The sets in a folder: each file as it is, shuffled, and every tenth and hundredth of its rules.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Set>, Box<dyn Error>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    paths.sort();
    let mut sets = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_none()) {
        let text = fs::read_to_string(path)?;
        if !text.starts_with('@') {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rules: Vec<Line> = text
            .lines()
            .map(|text| line(text).ok_or_else(|| format!("{name}: {text}")))
            .collect::<Result<_, _>>()?;
        let mut set = Set::new(name, rules);
        let variants = [set.shuffled(), set.every(10), set.every(100)];
        if let Ok(text) = fs::read_to_string(path.with_extension("trace")) {
            let trace: Vec<_> = text.lines().filter_map(packet).collect();
            set.expected = Some(trace.iter().map(|(_, expected)| *expected).collect());
            set.packets = trace.into_iter().map(|(packet, _)| packet).collect();
        }
        sets.push(set);
        sets.extend(variants);
    }
    Ok(sets)
}

fn line(text: &str) -> Option<Line> {
    let mut fields = text.strip_prefix('@')?.split('\t');
    let mut prefix = || {
        let (address, length) = fields.next()?.split_once('/')?;
        Some((address.parse::<Ipv4Addr>().ok()?.to_bits(), length.parse().ok()?))
    };
    let (source, destination) = (prefix()?, prefix()?);
    let mut ports = || {
        let (first, last) = fields.next()?.split_once(':')?;
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    let (source_port, port) = (ports()?, ports()?);
    let (number, mask) = fields.next()?.split_once('/')?;
    let hex = |text: &str| u8::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let protocol = match hex(mask)? {
        0 => None,
        _ => Some(hex(number)?),
    };
    Some(Line { source, destination, source_port, port, protocol })
}

fn packet(text: &str) -> Option<(Packet, Option<usize>)> {
    let mut fields = text.split_whitespace();
    let packet = Packet {
        source: fields.next()?.parse().ok()?,
        destination: fields.next()?.parse().ok()?,
        source_port: fields.next()?.parse().ok()?,
        port: fields.next()?.parse().ok()?,
        protocol: fields.next()?.parse().ok()?,
    };
    Some((packet, fields.nth(1)?.parse().ok()))
}

/// Writes rules and packets, with the rules that decide them.
pub(crate) fn write(set: &Set, folder: &Path) -> Result<(), Box<dyn Error>> {
    let name = set.name.replace(", ", "_").replace(' ', "_");
    let mut rules = String::new();
    for Line { source, destination, source_port, port, protocol } in &set.rules {
        let prefix = |(address, length): (u32, u32)| format!("{}/{length}", Ipv4Addr::from_bits(address));
        let ports = |(first, last): (u16, u16)| format!("{first} : {last}");
        let protocol = protocol.map_or("0x00/0x00".into(), |protocol| format!("0x{protocol:02x}/0xFF"));
        let (source, destination) = (prefix(*source), prefix(*destination));
        let (source_port, port) = (ports(*source_port), ports(*port));
        writeln!(rules, "@{source}\t{destination}\t{source_port}\t{port}\t{protocol}\t0x0000/0x0000\t")?;
    }
    let table = portcullis_rules::RuleTable::compile(set.ruleset(false));
    let mut trace = String::new();
    for (packet, key) in set.packets.iter().zip(set.keys(false)) {
        let Packet { source, destination, source_port, port, protocol } = packet;
        let expected = match table.lookup(&key).cause {
            portcullis_rules::Cause::Rule(id) => i64::from(id.0),
            portcullis_rules::Cause::Policy => -1,
        };
        writeln!(trace, "{source}\t{destination}\t{source_port}\t{port}\t{protocol}\t0\t{expected}")?;
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join(&name), rules)?;
    Ok(fs::write(folder.join(name).with_extension("trace"), trace)?)
}
