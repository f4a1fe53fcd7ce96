//! The packet behind a record, as rules see it.

use std::net::IpAddr;

use portcullis_rules::{Fact, Hook, IcmpType, InterfaceName, Key, Ports, Protocol, State, TcpFlags};

use crate::log::Record;

/// The packet of a record. Its state was new unless the flow was cut; the user and what a summary
/// doesn't tell are unknown.
pub fn key_of(record: &Record) -> Option<Key> {
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
