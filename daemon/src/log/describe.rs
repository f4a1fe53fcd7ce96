//! From an event to its record.

use portcullis_config::Mode;
use portcullis_rules::{Action, Cause, Headers, IcmpType, Protocol, Rule, State, TcpFlags, Transport};

use super::{
    Alert, Drop, Ether, EventType, Metadata, Record, Scope, Summary, Verdict,
    stable_number::{flow_id, signature_id},
};
use crate::event::Event;

/// In letters.
const LONGEST_COMMENT: usize = 200;

/// The record of one event.
pub fn describe(event: &Event, event_id: String) -> Record {
    let mut record = addressless(event);
    record.drop = (event.action != Action::Accept).then(|| refused(event));
    record.alert.metadata.event_id = Some(event_id);
    let Some((source, destination)) = event.addresses() else { return record };
    let record = Record {
        src_ip: Some(source),
        dest_ip: Some(destination),
        ip_v: Some(if source.is_ipv4() { 4 } else { 6 }),
        ..record
    };
    let Some(headers) = &event.headers else { return record };
    let (ports, icmp) = (headers.ports(), headers.icmp());
    Record {
        flow_id: Some(flow_id(headers)),
        src_port: ports.map(|ports| ports.source),
        dest_port: ports.map(|ports| ports.destination),
        proto: Some(protocol_name(headers.protocol)),
        icmp_type: icmp.map(|IcmpType { kind, .. }| kind),
        icmp_code: icmp.map(|IcmpType { code, .. }| code),
        direction: is_first(event).then(|| "to_server".to_owned()),
        ..record
    }
}

/// The record of a minute's count. What its packets do not share is left out.
pub fn describe_summary(summary: &Summary, event_id: String) -> Record {
    let Summary { sample, last, count, scope } = summary;
    let mut record = match scope {
        Scope::Same => {
            let mut record = describe(sample, event_id);
            let reason = record.drop.take().and_then(|drop| drop.reason);
            record.drop = reason.map(|reason| Drop { reason: Some(reason), ..Drop::default() });
            (record.flow_id, record.src_port, record.ether) = (None, None, None);
            record
        }
        Scope::Various => {
            let mut record = addressless(sample);
            (record.in_iface, record.ether) = (None, None);
            record.alert.signature = "various".to_owned();
            record.alert.signature_id = signature_id("various");
            let Metadata { generation, would, .. } = record.alert.metadata;
            record.alert.metadata =
                Metadata { event_id: Some(event_id), generation, would, ..Metadata::default() };
            record.drop = (sample.action != Action::Accept).then(Drop::default);
            record
        }
    };
    record.timestamp = *last;
    record.alert.metadata.count = Some(*count);
    record.alert.metadata.summary = Some(scope.name().to_owned());
    record
}

/// What a record tells of any event, also of one without headers.
fn addressless(event: &Event) -> Record {
    let monitor = event.generation.mode == Mode::Monitor;
    let refused = event.action != Action::Accept;
    let done = if monitor { Action::Accept } else { event.action };
    let rule = rule(event);
    let signature = signature(event);
    Record {
        timestamp: event.time,
        flow_id: None,
        in_iface: event.in_interface.map(|name| name.to_string()),
        event_type: if refused { EventType::Drop } else { EventType::Alert },
        src_ip: None,
        src_port: None,
        dest_ip: None,
        dest_port: None,
        proto: None,
        icmp_type: None,
        icmp_code: None,
        ip_v: None,
        ether: event.sender.map(|address| Ether { src_mac: hardware(address) }),
        direction: None,
        drop: None,
        verdict: Verdict {
            action: done.name().to_owned(),
            reject_target: (done == Action::Reject).then(|| "to_client".to_owned()),
        },
        alert: Alert {
            action: if done == Action::Accept { "allowed" } else { "blocked" }.to_owned(),
            gid: 1,
            signature_id: signature_id(&signature),
            rev: 1,
            signature,
            category: String::new(),
            severity: 3,
            metadata: Metadata {
                rule_file: rule.map(|rule| rule.place.file.to_string()),
                rule_line: rule.map(|rule| rule.place.line),
                rule_comment: rule.and_then(comment),
                generation: Some(event.generation.number),
                hook: Some(event.hook.name().to_owned()),
                out_iface: event.out_interface.map(|name| name.to_string()),
                original_destination: event.asked_for.map(|asked_for| asked_for.to_string()),
                would: (monitor && refused).then(|| event.action.name().to_owned()),
                ..Metadata::default()
            },
        },
    }
}

/// The rule that decided, if one did.
pub(crate) fn rule(event: &Event) -> Option<&Rule> {
    match event.cause {
        Some(Cause::Rule(id)) => Some(event.generation.ruleset().rule(id)),
        Some(Cause::Policy) | None => None,
    }
}

/// A rule's comment, cut to what fits into a record.
fn comment(rule: &Rule) -> Option<String> {
    let comment = rule.comment.as_ref()?;
    Some(comment.chars().take(LONGEST_COMMENT).collect())
}

/// The name of who decided.
pub(crate) fn signature(event: &Event) -> String {
    match (rule(event), event.cause) {
        (Some(rule), _) => rule.name.to_string(),
        (None, Some(_)) => format!("policy {}", event.hook),
        (None, None) => "malformed packet".to_owned(),
    }
}

/// Whether the packet is the first of its flow: the kernel knows of none, or it announced it.
const fn is_first(event: &Event) -> bool {
    !event.returning && matches!(event.state, State::New | State::Related)
}

/// The packet's headers in Suricata's words. Its `len` has IPv6's header in it, like netfilter's
/// own log.
fn refused(event: &Event) -> Drop {
    let reason = event.reason.map(|reason| reason.name().to_owned());
    let drop = Drop { len: Some(event.length), reason, ..Drop::default() };
    let Some(headers) = &event.headers else { return drop };
    let &Headers { ttl, tos, id, .. } = headers;
    let drop = if headers.source.is_ipv4() {
        Drop { tos: Some(tos), ttl: Some(ttl), ipid: Some(id), ..drop }
    } else {
        Drop { tc: Some(tos), hoplimit: Some(ttl), flowlbl: Some(id), ..drop }
    };
    match headers.transport {
        Transport::Tcp { flags, reserved, sequence, acknowledgement, window, urgent, .. } => Drop {
            tcpseq: Some(sequence),
            tcpack: Some(acknowledgement),
            tcpwin: Some(window),
            syn: Some(flags.contains(TcpFlags::SYN)),
            ack: Some(flags.contains(TcpFlags::ACK)),
            psh: Some(flags.contains(TcpFlags::PSH)),
            rst: Some(flags.contains(TcpFlags::RST)),
            urg: Some(flags.contains(TcpFlags::URG)),
            fin: Some(flags.contains(TcpFlags::FIN)),
            tcpres: Some(reserved),
            tcpurgp: Some(urgent),
            ..drop
        },
        Transport::Ports { length, .. } if headers.protocol == Protocol::UDP => {
            Drop { udplen: Some(length), ..drop }
        }
        Transport::Icmp { echo: Some((id, sequence)), .. } => {
            Drop { icmp_id: Some(id), icmp_seq: Some(sequence), ..drop }
        }
        Transport::Ports { .. } | Transport::Icmp { echo: None, .. } | Transport::Other => drop,
    }
}

/// A hardware address as Suricata writes it.
fn hardware(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

/// Suricata's names (`util-proto-name.c`); other numbers in three digits, as it writes them.
fn protocol_name(protocol: Protocol) -> String {
    let name = match protocol.0 {
        1 => "ICMP",
        2 => "IGMP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "IPv6-ICMP",
        132 => "SCTP",
        136 => "UDPLite",
        other => return format!("{other:03}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
