//! What a replay prints.

use std::io::{self, Write};

use portcullis_rules::Action;
use serde_json::{Value, json};

use super::{
    compare::{Change, who},
    host::Host,
};
use crate::{
    detect::{Incident, IncidentRecord, Severity},
    log::Escaped,
};

/// The last record of each incident, alerts before what is for information, each in the order of their
/// beginnings.
pub(super) fn incidents(records: &[IncidentRecord], information: bool) -> Vec<&IncidentRecord> {
    let mut last: Vec<&IncidentRecord> = records
        .iter()
        .filter(|record| record.incident.phase == crate::detect::Phase::End)
        .filter(|record| information || record.incident.severity > Severity::Info)
        .collect();
    last.sort_by_key(|record| {
        let Incident { severity, first_seen, first_packet, .. } = record.incident;
        (severity == Severity::Info, first_seen, first_packet)
    });
    last
}

/// An incident as a line of JSON.
pub(super) fn as_json(record: &IncidentRecord) -> Value {
    let Incident {
        id,
        source,
        pattern,
        technique,
        severity,
        score,
        first_seen,
        last_seen,
        packets,
        probes,
        distinct_ports,
        distinct_hosts,
        sample_ports,
        sources,
        sample_sources,
        handshake,
        notes,
        first_packet,
        deciding_packet,
        phase: _,
    } = &record.incident;
    json!({
        "id": id,
        "pattern": pattern,
        "technique": technique,
        "severity": severity,
        "score": (f64::from(*score) * 10.0).round() / 10.0,
        "source": source,
        "first_packet": first_packet,
        "deciding_packet": deciding_packet,
        "packets": packets,
        "probes": probes,
        "distinct_ports": distinct_ports,
        "hosts": distinct_hosts,
        "sources": sources,
        "sample_ports": sample_ports,
        "sample_sources": sample_sources,
        "handshake": handshake,
        "notes": notes,
        "first_seen": crate::log::eve_time::text(*first_seen),
        "last_seen": crate::log::eve_time::text(*last_seen),
        "summary": record.summary,
    })
}

/// Everything, for people.
pub(super) fn print(host: &Host, information: bool, out: &mut dyn Write) -> io::Result<()> {
    let verdicts = &host.verdicts;
    let judged: u64 = Action::ALL.map(|action| verdicts.by_action(action)).iter().sum();
    writeln!(
        out,
        "{} packets: {judged} judged, {} carried by the kernel, {} malformed, {} not IP",
        verdicts.packets, verdicts.carried, verdicts.malformed, verdicts.not_ip
    )?;
    for (link, packets) in &verdicts.unknown {
        writeln!(out, "{packets} packets of link type {link}, which Portcullis does not read")?;
    }
    let counts = verdicts.counts();
    if !counts.is_empty() {
        writeln!(out, "\n{:>12}  VERDICT  BY", "PACKETS")?;
    }
    for count in counts {
        writeln!(out, "{:>12}  {:<7}  {}", count.packets, count.action.name(), Escaped(&count.who))?;
    }
    if let Some(comparison) = &host.comparison {
        writeln!(out)?;
        writeln!(out, "{} packets would be judged differently", comparison.changed)?;
        for Change { was, would_be, packets, number, witness } in comparison.changes() {
            let before = who(host.table.ruleset(), witness, was);
            let after = who(comparison.ruleset(), witness, would_be);
            writeln!(
                out,
                "{packets:>12}  {} by {} -> {} by {}; first packet {number}: {witness}",
                was.action,
                Escaped(&before),
                would_be.action,
                Escaped(&after),
            )?;
        }
        if comparison.others > 0 {
            writeln!(out, "{:>12}  in other ways", comparison.others)?;
        }
    }
    let incidents = incidents(&host.incidents, information);
    writeln!(out)?;
    if incidents.is_empty() {
        writeln!(out, "no incidents")?;
    }
    for record in incidents {
        let Incident { severity, first_packet, deciding_packet, score, .. } = &record.incident;
        let ports = record.incident.sample_ports.join(" ");
        let place = match (first_packet, deciding_packet) {
            (0, _) => String::new(),
            (first, deciding) => format!("; packets {first} to {deciding} tell"),
        };
        writeln!(out, "{severity:<8} {} (score {score}{place})  [{ports}]", Escaped(&record.summary))?;
    }
    Ok(())
}
