//! What a replay prints.

use std::io::{self, Write};

use portcullis_rules::Action;
use serde_json::{Value, json};

use super::{
    compare::{Change, who},
    host::Host,
};
use crate::{
    detect::{Incident, IncidentRecord, Phase, Severity},
    log::Escaped,
};

/// Where incidents are told of as they end, so that none has to be kept.
pub(super) struct Incidents<W> {
    out: W,
    /// One a line, as JSON.
    json: bool,
    /// What is for information, too.
    information: bool,
    /// How many have been told of.
    told: u64,
}

impl<W: Write> Incidents<W> {
    pub(super) const fn new(out: W, json: bool, information: bool) -> Self {
        Self { out, json, information, told: 0 }
    }

    /// Tells of an incident that is over, and nothing of one that goes on.
    pub(super) fn tell(&mut self, record: &IncidentRecord) -> io::Result<()> {
        let Incident { phase, severity, .. } = record.incident;
        if phase != Phase::End || severity == Severity::Info && !self.information {
            return Ok(());
        }
        self.told += 1;
        if self.json {
            writeln!(self.out, "{}", as_json(record))?;
        } else {
            print_incident(record, &mut self.out)?;
        }
        // A capture may be one that is still being made.
        self.out.flush()
    }

    /// Tells what all of it came to, for people.
    pub(super) fn sum_up(mut self, host: &Host) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        match self.told {
            0 => writeln!(self.out, "no incidents")?,
            1 => writeln!(self.out, "\n1 incident")?,
            many => writeln!(self.out, "\n{many} incidents")?,
        }
        print(host, &mut self.out)?;
        self.out.flush()
    }
}

/// An incident as a line of JSON.
fn as_json(record: &IncidentRecord) -> Value {
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

/// Packets, verdicts, and what another ruleset would change.
fn print(host: &Host, out: &mut impl Write) -> io::Result<()> {
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
    Ok(())
}

fn print_incident(record: &IncidentRecord, out: &mut impl Write) -> io::Result<()> {
    let Incident { severity, first_packet, deciding_packet, score, sample_ports, .. } = &record.incident;
    let ports = sample_ports.join(" ");
    let place = match (first_packet, deciding_packet) {
        (0, _) => String::new(),
        (first, deciding) => format!("; packets {first} to {deciding} tell"),
    };
    writeln!(out, "{severity:<8} {} (score {score}{place})  [{ports}]", Escaped(&record.summary))
}
