//! ufw's user.rules and user6.rules: each rule stands there once in ufw's own words, as
//! `### tuple ### ACTION PROTOCOL DPORT DESTINATION SPORT SOURCE [DAPP SAPP] DIRECTION [comment=HEX]`
//! (`UFWRule.format_rule` in ufw's `common.py`).

use super::{
    Imported, Item, Left, Why,
    rule::{Family, Translated, Values, Verb},
    toml,
};

const TUPLE: &str = "### tuple ### ";
/// `ufw limit` refuses the sixth connection of an address within 30 seconds (ufw(8)): so many in the long run,
/// and at once.
const LIMIT: &str = "10/min per source, burst 5";

pub(super) fn is_ufw(text: &str) -> bool {
    text.contains(TUPLE) || text.lines().any(|line| line.starts_with("DEFAULT_INPUT_POLICY="))
}

pub(super) fn import(text: &str) -> Imported {
    let mut imported = Imported::default();
    // ufw's own defaults (/etc/default/ufw); a forward policy of DROP is what the kernel has anyway.
    let default = |name: &str| {
        let prefix = format!("DEFAULT_{name}_POLICY=");
        let value = text.lines().find_map(|line| line.trim().strip_prefix(&prefix))?;
        Some(match value.trim_matches('"') {
            "ACCEPT" => Verb::Accept,
            "REJECT" => Verb::Reject,
            _ => Verb::Drop,
        })
    };
    imported.chains[0].policy = default("INPUT").or(Some(Verb::Drop));
    imported.chains[1].policy = default("OUTPUT").or(Some(Verb::Accept));
    let mut items: Vec<(usize, Item)> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line)) {
        let Some(tuple) = line.strip_prefix(TUPLE) else { continue };
        let left = |why| Left { line: number, text: tuple.to_owned(), why };
        match Tuple::read(tuple).and_then(|tuple| tuple.translated(number)) {
            Err(why) => items.push((0, Item::Left(left(why)))),
            Ok((at, rule, note)) => {
                if let Some(why) = note {
                    imported.left.push(left(why));
                }
                items.push((at, Item::Rule(rule)));
            }
        }
    }
    for (at, item) in items {
        let chain = &mut imported.chains[at].items;
        let twin = |other: &&mut Item| match (&item, other) {
            (Item::Rule(one), Item::Rule(other)) => one.same_as(other) && one.family != other.family,
            _ => false,
        };
        // What is in both files is for both families; ufw writes both in the same order.
        match chain.iter_mut().find(twin) {
            Some(Item::Rule(rule)) => rule.family = None,
            _ => chain.push(item),
        }
    }
    if !imported.chains[2].items.is_empty() {
        imported.chains[2].policy = default("FORWARD").or(Some(Verb::Drop));
    }
    imported.left.push(Left { line: 0, text: String::new(), why: Why::UfwDefaults });
    imported
}

/// A rule in ufw's words.
struct Tuple<'a> {
    forward: bool,
    action: &'a str,
    protocol: &'a str,
    port: &'a str,
    destination: &'a str,
    source_port: &'a str,
    source: &'a str,
    direction: &'a str,
    comment: Option<String>,
}

impl<'a> Tuple<'a> {
    fn read(text: &'a str) -> Result<Self, Why> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let mut comment = None;
        if let Some(hex) = words.last().and_then(|last| last.strip_prefix("comment=")) {
            comment = unhexed(hex);
            words.pop();
        }
        let (action, protocol, port, destination, source_port, source, direction) = match words.as_slice() {
            [a, b, c, d, e, f, direction] => (a, b, c, d, e, f, direction),
            // With the names of application profiles, whose ports stand in the rule as well.
            [a, b, c, d, e, f, _, _, direction] => (a, b, c, d, e, f, direction),
            _ => return Err(Why::Syntax),
        };
        let forward = action.starts_with("route:");
        let action = action.trim_start_matches("route:").split('_').next().unwrap_or_default();
        Ok(Self { forward, action, protocol, port, destination, source_port, source, direction, comment })
    }

    /// The hook's number, the rule, and what is different about it.
    fn translated(&self, line: usize) -> Result<(usize, Translated, Option<Why>), Why> {
        let (verb, note) = match self.action {
            "allow" => (Verb::Accept, None),
            "deny" => (Verb::Drop, None),
            "reject" => (Verb::Reject, None),
            "limit" => (Verb::Accept, Some(Why::LimitAsRate)),
            other => return Err(Why::NoSuchTarget(other.to_owned())),
        };
        let mut fields = Vec::new();
        let mut at = 0;
        for part in self.direction.split('!') {
            let (way, interface) = part.split_once('_').map_or((part, None), |(way, name)| (way, Some(name)));
            let field = match (self.forward, way) {
                (false, "in") => "interface",
                (false, "out") => {
                    at = 1;
                    "interface"
                }
                (true, "in") => "in-interface",
                (true, "out") => "out-interface",
                _ => return Err(Why::Value(self.direction.to_owned())),
            };
            if let Some(name) = interface {
                fields.push((field, one(vec![name.replace('+', "*")])));
            }
        }
        if self.forward {
            at = 2;
        }
        let with_ports = self.port != "any" || self.source_port != "any";
        match self.protocol {
            "any" if with_ports => fields.push(("protocol", one(vec!["tcp".into(), "udp".into()]))),
            "any" => {}
            name => fields.push(("protocol", one(vec![name.to_owned()]))),
        }
        for (field, address) in [("source", self.source), ("destination", self.destination)] {
            if !matches!(address, "0.0.0.0/0" | "::/0" | "any") {
                fields.push((field, one(vec![address.to_owned()])));
            }
        }
        for (field, ports) in [("port", self.port), ("source-port", self.source_port)] {
            if ports != "any" {
                fields.push((field, one(ports.split(',').map(|port| port.replace(':', "-")).collect())));
            }
        }
        let v6 = self.source.contains(':') || self.destination.contains(':');
        let rule = Translated {
            line,
            comment: self.comment.clone(),
            fields,
            flags: None,
            verb,
            rate: (self.action == "limit").then_some(LIMIT),
            family: Some(if v6 { Family::V6 } else { Family::V4 }),
        };
        match toml::complaint(&rule, ["input", "output", "forward"][at]) {
            None => Ok((at, rule, note)),
            Some(what) => Err(Why::Value(what)),
        }
    }
}

const fn one(any_of: Vec<String>) -> Values {
    Values { any_of: Some(any_of), none_of: Vec::new() }
}

/// Comments are written in hexadecimal.
fn unhexed(hex: &str) -> Option<String> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok()))
        .collect::<Option<_>>()?;
    let bytes = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    String::from_utf8(bytes).ok()
}
