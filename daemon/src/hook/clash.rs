//! Does anybody else use our bits of the packet mark or the connection mark?
//!
//! Rules that test or set one of our bits are fatal: they and we would misread each other. Rules that
//! overwrite a connection's whole mark only make the kernel forget what we accepted, so that those
//! flows are judged again and again.

use std::fmt;

use serde_json::Value;

use super::{TABLE, command::run, iptables};
use crate::mark::MarkLayout;

/// Somebody else's rule that touches our bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// Whose, and where.
    place: String,
    /// The rule, as its tool prints it.
    rule: String,
    fatal: bool,
}

impl Clash {
    /// Whether it and we would misread each other's marks.
    pub const fn is_fatal(&self) -> bool {
        self.fatal
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, rule, fatal } = self;
        let what =
            if *fatal { "uses bits of hook.mask" } else { "overwrites bits of hook.mask on connections" };
        write!(f, "{place} {what}: {}", rule.escape_debug())
    }
}

/// Looks through routing rules, nft tables and iptables, as far as their tools are there.
pub fn find_clashes(layout: MarkLayout) -> Vec<Clash> {
    let ours = layout.mask();
    let mut clashes = Vec::new();
    for family in ["-4", "-6"] {
        let listed = run("ip", &[family, "-json", "rule", "show"], "").unwrap_or_default();
        clashes.extend(in_routing_rules(&listed, ours));
    }
    let listed = run("nft", &["--json", "--numeric", "list", "ruleset"], "").unwrap_or_default();
    clashes.extend(in_nft(&listed, ours));
    for tool in ["iptables-save", "ip6tables-save", "iptables-legacy-save", "ip6tables-legacy-save"] {
        let listed = run(tool, &[], "").unwrap_or_default();
        clashes.extend(in_iptables(tool, &listed, ours));
    }
    clashes.dedup();
    clashes
}

fn in_routing_rules(listed: &str, ours: u32) -> Vec<Clash> {
    let rules: Vec<Value> = serde_json::from_str(listed).unwrap_or_default();
    let clash = |rule: &Value| {
        let mark = number(rule["fwmark"].as_str()?)?;
        let place = format!("routing rule {}", rule["priority"]);
        (mark & ours != 0).then(|| Clash { place, rule: rule.to_string(), fatal: true })
    };
    rules.iter().filter_map(clash).collect()
}

fn in_iptables(tool: &str, listed: &str, ours: u32) -> Vec<Clash> {
    let mut table = "";
    let mut clashes = Vec::new();
    for line in listed.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        }
        let chain = line.split(' ').nth(1).unwrap_or_default();
        if !line.starts_with("-A") || iptables::is_ours(chain) {
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let after =
            |word: &str| words.iter().position(|found| *found == word).and_then(|at| words.get(at + 1));
        let value = |word: &str| after(word).and_then(|text| number(text.split('/').next()?)).unwrap_or(0);
        let fatal = ["--mark", "--set-xmark", "--set-mark", "--tproxy-mark"]
            .iter()
            .any(|word| value(word) & ours != 0);
        let whole =
            |word: &str| after(word).is_none_or(|mask| number(mask).is_none_or(|mask| mask & ours != 0));
        let masked = |text: &&&str| {
            text.split('/').nth(1).is_none_or(|mask| number(mask).is_none_or(|mask| mask & ours != 0))
        };
        let overwrites = words.contains(&"CONNMARK")
            && (words.contains(&"--save-mark") && whole("--ctmask")
                || after("--set-xmark").filter(masked).is_some());
        if fatal || overwrites {
            let place = format!("{} {table}", tool.trim_end_matches("-save"));
            clashes.push(Clash { place, rule: line.to_owned(), fatal });
        }
    }
    clashes
}

fn in_nft(listed: &str, ours: u32) -> Vec<Clash> {
    let listed: Value = serde_json::from_str(listed).unwrap_or_default();
    let objects = listed["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut clashes = Vec::new();
    let rules = objects.iter().filter_map(|object| object.get("rule"));
    for rule in
        rules.filter(|rule| rule["table"] != TABLE && !rule["chain"].as_str().is_some_and(iptables::is_ours))
    {
        for expression in rule["expr"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let Some(fatal) = nft_statement(expression, ours) else { continue };
            let name = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            let place = format!("nft {} {} {}", name("family"), name("table"), name("chain"));
            clashes.push(Clash { place, rule: expression.to_string(), fatal });
        }
    }
    clashes
}

/// Whether a statement clashes, and if so, whether fatally.
fn nft_statement(expression: &Value, ours: u32) -> Option<bool> {
    if let Some(test) = expression.get("match") {
        let (left, right) = (&test["left"], evaluate(&test["right"], 0)?);
        reads_mark(left).then_some(())?;
        return (right & evaluate(left, u32::MAX)? & ours != 0).then_some(true);
    }
    let set = expression.get("mangle")?;
    reads_mark(&set["key"]).then_some(())?;
    let (from_none, from_all) = (evaluate(&set["value"], 0)?, evaluate(&set["value"], u32::MAX)?);
    if from_none & ours != 0 {
        return Some(true);
    }
    // A bit that was set and is not any more, or comes from the other mark, is overwritten.
    let copied = set.pointer("/key/ct").is_some() && contains_key(&set["value"], "meta");
    let overwritten = set.pointer("/key/ct").is_some() && (!from_all & ours != 0 || copied);
    overwritten.then_some(false)
}

fn reads_mark(expression: &Value) -> bool {
    let operand = expression.get("&").and_then(|operands| operands.get(0)).unwrap_or(expression);
    ["meta", "ct"].iter().any(|kind| operand[kind]["key"] == "mark")
}

fn contains_key(expression: &Value, key: &str) -> bool {
    match expression {
        Value::Object(map) => map.contains_key(key) || map.values().any(|value| contains_key(value, key)),
        Value::Array(values) => values.iter().any(|value| contains_key(value, key)),
        _ => false,
    }
}

/// The value of an expression, where every mark in it is `mark`; `None` for what is not arithmetic.
fn evaluate(expression: &Value, mark: u32) -> Option<u32> {
    if let Some(number) = expression.as_u64() {
        return u32::try_from(number).ok();
    }
    let (operator, operand) = expression.as_object()?.iter().next()?;
    if matches!(operator.as_str(), "meta" | "ct") {
        return (operand["key"] == "mark").then_some(mark);
    }
    let mut values = operand.as_array()?.iter().map(|value| evaluate(value, mark));
    let first = values.next()??;
    values.try_fold(first, |result, value| match operator.as_str() {
        "&" => Some(result & value?),
        "|" => Some(result | value?),
        "^" => Some(result ^ value?),
        _ => None,
    })
}

/// A number as these tools write it: `0x10` or `16`.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: u32 = 0x7f00_0000;

    fn fatal(clashes: &[Clash]) -> Vec<bool> {
        clashes.iter().map(Clash::is_fatal).collect()
    }

    #[test]
    fn routing_rules_clash_by_value() {
        let vpn = r#"[{"priority":32764,"not":null,"src":"all","fwmark":"0xca6c","table":"51820"}]"#;
        assert_eq!(in_routing_rules(vpn, OURS), []);
        let other =
            r#"[{"priority":100,"src":"all","fwmark":"0x1000000","fwmask":"0xff000000","table":"7"}]"#;
        assert_eq!(fatal(&in_routing_rules(other, OURS)), [true]);
    }

    #[test]
    fn iptables_rules_clash_by_value_or_by_overwriting_connections() {
        let table = [
            ("-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff", None),
            ("-A PREROUTING -j MARK --set-xmark 0x40000/0xff0000", None),
            ("-A OUTPUT -m mark --mark 0xca6c -j ACCEPT", None),
            ("-A INPUT -m mark --mark 0x2000000/0xff000000 -j DROP", Some(true)),
            ("-A PREROUTING -j MARK --set-xmark 0x10000000/0xf0000000", Some(true)),
            ("-A POSTROUTING -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff", Some(false)),
            ("-A POSTROUTING -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff", None),
            ("-A PORTCULLIS -m mark --mark 0x40000000/0x7f000000 -j ACCEPT", None),
            ("-A PORTCULLIS-OUT -m mark --mark 0x40000000/0x7f000000 -j ACCEPT", None),
        ];
        for (rule, expected) in table {
            let clashes = in_iptables("iptables-save", &format!("*mangle\n{rule}\nCOMMIT\n"), OURS);
            assert_eq!(clashes.first().map(Clash::is_fatal), expected, "{rule}");
        }
    }

    #[test]
    fn nft_rules_clash_by_value_or_by_overwriting_connections() {
        let mark = r#"{"meta":{"key":"mark"}}"#;
        let ct = r#"{"ct":{"key":"mark"}}"#;
        let table = [
            (format!(r#"{{"match":{{"op":"==","left":{mark},"right":51820}}}}"#), None),
            (
                format!(r#"{{"match":{{"op":"==","left":{{"&":[{mark},4278190080]}},"right":33554432}}}}"#),
                Some(true),
            ),
            (format!(r#"{{"mangle":{{"key":{mark},"value":1}}}}"#), None),
            (format!(r#"{{"mangle":{{"key":{mark},"value":{{"|":[{mark},16777216]}}}}}}"#), Some(true)),
            (format!(r#"{{"mangle":{{"key":{ct},"value":7}}}}"#), Some(false)),
            (format!(r#"{{"mangle":{{"key":{ct},"value":{{"|":[{{"&":[{ct},4294967040]}},7]}}}}}}"#), None),
            (format!(r#"{{"mangle":{{"key":{ct},"value":{mark}}}}}"#), Some(false)),
        ];
        for (expression, expected) in table {
            let expression: Value = serde_json::from_str(&expression).expect("JSON");
            assert_eq!(nft_statement(&expression, OURS), expected, "{expression}");
        }
    }
}
