//! An event of the past, from the records.

use std::{io, net::IpAddr};

use portcullis_config::Config;
use portcullis_rules::{Fact, Hook, IcmpType, InterfaceName, Key, Ports, Protocol, State, TcpFlags};
use serde_json::{Value, json};

use crate::{
    cli::ExplainArgs,
    commands::{Outcome, fail},
    log::{Escaped, Record},
    review::find_event,
};

/// What was decided then.
#[derive(Debug)]
pub(super) struct Past(Record);

/// The event with this id, and its packet as far as the record tells; none when it tells too little.
pub(super) fn find(args: &ExplainArgs, config: &Config, id: &str) -> Result<(Past, Option<Key>), Outcome> {
    let directory = args.directory.as_ref().unwrap_or(&config.log.directory);
    let failed = |error: io::Error| {
        let outcome = match error.kind() {
            io::ErrorKind::PermissionDenied => Outcome::NotPermitted,
            _ => Outcome::No,
        };
        fail(outcome, format!("cannot read {}: {error}", directory.display()))
    };
    match find_event(directory, id).map_err(failed)? {
        Some(record) => {
            let key = packet(&record);
            Ok((Past(record), key))
        }
        None => {
            let id: String = id.chars().take(40).collect();
            let why =
                format!("no event \"{}\" in {}: was its file removed?", Escaped(&id), directory.display());
            Err(fail(Outcome::No, why))
        }
    }
}

impl Past {
    pub(super) fn in_words(&self) -> String {
        let Self(record) = self;
        let metadata = &record.alert.metadata;
        let reason = record.drop.as_ref().and_then(|drop| drop.reason.as_deref());
        let place = match (&metadata.rule_file, metadata.rule_line) {
            (Some(file), Some(line)) => format!(" ({}:{line})", Escaped(file)),
            _ => String::new(),
        };
        let action = metadata.would.as_ref().map_or_else(
            || Escaped(&record.verdict.action).to_string(),
            |would| format!("would {} (monitor mode)", Escaped(would)),
        );
        let mut out =
            format!("then, {}: {action} by {}{place}", record.timestamp, Escaped(&record.alert.signature));
        if let Some(reason) = reason {
            out += &format!(", for: {}", Escaped(reason));
        }
        if let Some(generation) = metadata.generation {
            out += &format!("; generation {generation}");
        }
        if record.count() > 1 {
            out += &format!("; {} packets, of which this is a summary", record.count());
        }
        match packet(record) {
            Some(_) => out += "\nnow:  ",
            None => out += "\nthe record does not tell enough of the packet to ask the present rules",
        }
        if packet(record).is_none() {
            out.push('\n');
        }
        out
    }

    pub(super) fn as_json(&self) -> Value {
        json!(self.0)
    }
}

/// The packet of a record. Its state was new unless the flow was cut; the user and what a summary
/// doesn't tell are unknown.
fn packet(record: &Record) -> Option<Key> {
    let metadata = &record.alert.metadata;
    let hook = Hook::from_name(metadata.hook.as_deref()?)?;
    let protocol = protocol(record.proto.as_deref()?)?;
    let (source, destination): (IpAddr, IpAddr) = (record.src_ip?, record.dest_ip?);
    let interface = |name: &Option<String>, exists: bool| match name.as_deref().and_then(InterfaceName::new) {
        Some(name) if exists => Fact::Known(name),
        _ if exists => Fact::Unknown,
        _ => Fact::Absent,
    };
    let flags = record.drop.as_ref().filter(|drop| drop.syn.is_some()).map_or(TcpFlags::SYN, |drop| {
        let set = [
            (drop.fin, TcpFlags::FIN),
            (drop.syn, TcpFlags::SYN),
            (drop.rst, TcpFlags::RST),
            (drop.psh, TcpFlags::PSH),
            (drop.ack, TcpFlags::ACK),
            (drop.urg, TcpFlags::URG),
        ];
        let bits = set.into_iter().filter(|(set, _)| *set == Some(true)).map(|(_, flag)| flag.0);
        TcpFlags(bits.fold(0, |bits, bit| bits | bit))
    });
    Some(Key {
        hook,
        in_interface: interface(&record.in_iface, hook != Hook::Output),
        out_interface: interface(&metadata.out_iface, hook != Hook::Input),
        source,
        destination,
        protocol,
        ports: if protocol.has_ports() {
            // A summary's source ports differ.
            Some(Ports { source: record.src_port.unwrap_or(0), destination: record.dest_port? })
        } else {
            None
        },
        icmp: if protocol.is_icmp() {
            Some(IcmpType { kind: record.icmp_type?, code: record.icmp_code.unwrap_or(0) })
        } else {
            None
        },
        tcp_flags: (protocol == Protocol::TCP).then_some(flags),
        state: State::New,
        user: if hook == Hook::Output { Fact::Unknown } else { Fact::Absent },
    })
}

/// The protocol that `describe` has written so.
fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "IPv6-ICMP" => Some(Protocol::ICMPV6),
        name => Protocol::parse(&name.to_lowercase()).or_else(|| name.parse().ok().map(Protocol)),
    }
}
