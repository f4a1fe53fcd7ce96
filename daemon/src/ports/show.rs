//! Doors as a table, and as JSON.

use std::net::IpAddr;

use portcullis_config::port_name;
use serde_json::{Value, json};

use super::{
    DoorName, Doors,
    door::{Door, Idle},
    explain::explain,
};
use crate::log::Escaped;

impl Doors {
    /// A table of the doors, and what stands out.
    pub fn table(&self) -> String {
        let mut rows = vec![["DOOR", "ADDRESS", "WHO", "OPEN TO", "KNOCKS, 7 DAYS"].map(str::to_owned)];
        rows.extend(self.doors.iter().map(|door| {
            let service = port_name(door.name.port).map(|name| format!(" {name}")).unwrap_or_default();
            let marked = if door.reach.is_unmeant() { "! " } else { "" };
            [
                format!("{}{service}", door.name),
                addresses(door),
                who(door),
                format!("{marked}{}", open_to(self, door, 2)),
                knocked(door).unwrap_or_default(),
            ]
        }));
        let mut text = aligned(&rows);
        for Idle { name, rule, place } in &self.idle {
            text += &format!("{name} is allowed by rule \"{}\" ({place}), and nobody listens\n", safe(rule));
        }
        if self.monitor {
            text += "Monitor mode: whoever knocks is let in; this is what the rules would do.\n";
        }
        if self.any_unmeant() {
            text += "! Open to everyone, though no rule names the port: write one for it if that is meant.\n";
        }
        for caveat in &self.caveats {
            text += &format!("Note: {caveat}\n");
        }
        text
    }

    /// The same as data.
    pub fn json(&self) -> Value {
        let door = |door: &Door| {
            let (prefixes, more) = door.reach.prefixes(1000);
            let prefixes: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
            json!({
                "port": door.name.port,
                "protocol": door.name.protocol.to_string(),
                "service": port_name(door.name.port),
                "addresses": door.addresses,
                "processes": door.processes.iter().map(|process| {
                    json!({ "pid": process.pid, "name": process.name, "unit": process.unit })
                }).collect::<Vec<_>>(),
                "container": door.container.map(|(address, port)| json!({ "address": address, "port": port })),
                "open_to": word(door),
                "sources": if door.reach.is_everyone() { json!(null) } else { json!(prefixes) },
                "sources_are_more": more && !door.reach.is_everyone(),
                "opened_by": door.reach.by().iter().map(|opening| &opening.name).collect::<Vec<_>>(),
                "refused_by": door.reach.refused_by,
                "meant": !door.reach.is_unmeant(),
                "knocks": door.knocks.as_ref().map(|knock| {
                    json!({ "packets": knock.packets, "sources": knock.sources })
                }),
            })
        };
        let idle = |Idle { name, rule, place }: &Idle| json!({ "port": name.port, "protocol": name.protocol.to_string(), "rule": rule, "place": place });
        json!({
            "monitor": self.monitor,
            "doors": self.doors.iter().map(door).collect::<Vec<_>>(),
            "allowed_but_nobody_listens": self.idle.iter().map(idle).collect::<Vec<_>>(),
            "caveats": self.caveats,
        })
    }

    /// What one door is, in plain words.
    pub fn explain(&self, name: DoorName) -> String {
        explain(self, name)
    }
}

fn word(door: &Door) -> &'static str {
    match &door.reach {
        reach if reach.is_local() => "this host",
        reach if reach.is_unjudged() => "everyone (not judged)",
        reach if reach.is_everyone() => "everyone",
        reach if reach.is_nobody() => "nobody",
        _ => "some",
    }
}

/// Whom the rules let in, and by what.
pub(super) fn open_to(doors: &Doors, door: &Door, most: usize) -> String {
    let reach = &door.reach;
    let by = reach.by().iter().map(|opening| safe(&opening.name)).collect::<Vec<_>>().join(", ");
    match word(door) {
        "this host" => "this host only".to_owned(),
        "everyone (not judged)" => "everyone: the hook is not in [policy]".to_owned(),
        "everyone" => format!("everyone, by {by}"),
        "nobody" => {
            let by = reach.refused_by.as_deref().map(|by| format!(", by {}", safe(by))).unwrap_or_default();
            format!("nobody{}{by}", if doors.monitor { "" } else { ": listening, but blocked" })
        }
        _ => {
            let (prefixes, more) = reach.prefixes(most);
            let prefixes: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
            format!("{}{}, by {by}", prefixes.join(", "), if more { ", …" } else { "" })
        }
    }
}

/// Who listens.
pub(super) fn who(door: &Door) -> String {
    if let Some((address, port)) = door.container {
        return format!("container {}", std::net::SocketAddr::new(address, port));
    }
    let names: Vec<String> = door
        .processes
        .iter()
        .map(|process| {
            let unit = process.unit.as_deref().map(|unit| format!(", {}", safe(unit))).unwrap_or_default();
            format!("{} ({}{unit})", safe(&process.name), process.pid)
        })
        .collect();
    if names.is_empty() { "somebody".to_owned() } else { names.join(" ") }
}

pub(super) fn addresses(door: &Door) -> String {
    let one = |address: &IpAddr| {
        if address.is_unspecified() {
            if address.is_ipv4() { "0.0.0.0" } else { "[::]" }.to_owned()
        } else {
            address.to_string()
        }
    };
    let all: Vec<String> = door.addresses.iter().map(one).collect();
    if all.is_empty() { "any".to_owned() } else { all.join(" ") }
}

/// Blocked attempts.
pub(super) fn knocked(door: &Door) -> Option<String> {
    let knock = door.knocks.as_ref()?;
    let sources = knock.sources.len();
    let most = knock.sources.first().map(|(address, _)| format!(", most by {address}")).unwrap_or_default();
    let noun = if sources == 1 { "source" } else { "sources" };
    Some(format!("{} times by {sources} {noun}{most}", knock.packets))
}

/// Names that others chose.
pub(super) fn safe(text: &str) -> String {
    Escaped(text).to_string()
}

fn aligned(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}
