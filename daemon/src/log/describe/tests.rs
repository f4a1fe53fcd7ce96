use serde_json::{Value, json};

use super::*;
use crate::log::sample::{EVERY, WEB, at, by, echo, later, malformed, monitored, tcp, udp};

fn value(event: &Event) -> Value {
    let line = describe(event, "id1".to_owned()).line();
    assert_eq!(line.last(), Some(&b'\n'));
    let record: Record = serde_json::from_slice(&line).unwrap();
    assert_eq!(record.line(), line, "it reads back as it was written");
    serde_json::from_slice(&line).unwrap()
}

fn policy_alert() -> Value {
    json!({
        "action": "blocked", "gid": 1, "signature_id": 1_231_294_067, "rev": 1, "signature": "policy input",
        "category": "", "severity": 3,
        "metadata": { "generation": ["7"], "event_id": ["id1"], "hook": ["input"] },
    })
}

/// What the four golden packets below share.
fn golden(flow_id: &Value, own: &Value) -> Value {
    let mut record = json!({
        "timestamp": "2026-11-23T08:26:45.123456+0000", "flow_id": flow_id, "in_iface": "eth0",
        "event_type": "drop", "direction": "to_server", "ether": { "src_mac": "02:00:00:00:00:09" }, "verdict": { "action": "drop" }, "alert": policy_alert(),
    });
    record.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    record
}

#[test]
fn tcp_over_ipv4() {
    let actual = value(&tcp("203.0.113.9", 40000, "192.0.2.1", 23));
    let own = json!({
        "src_ip": "203.0.113.9", "src_port": 40000, "dest_ip": "192.0.2.1", "dest_port": 23, "proto": "TCP", "ip_v": 4,
        "drop": {
            "len": 60, "tos": 8, "ttl": 57, "ipid": 4660,
            "tcpseq": 3_000_000_000_u32, "tcpack": 0, "tcpwin": 64240, "tcpres": 0, "tcpurgp": 0,
            "syn": true, "ack": false, "psh": false, "rst": false, "urg": false, "fin": false,
            "reason": "firewall default packet policy",
        },
    });
    assert_eq!(actual, golden(&actual["flow_id"], &own));
    assert!(actual["flow_id"].as_u64().unwrap() < 1 << 53);
}

#[test]
fn udp_over_ipv6() {
    let actual = value(&udp("2001:db8::7", 40000, "2001:db8:1::1", 161));
    let own = json!({
        "src_ip": "2001:db8::7", "src_port": 40000, "dest_ip": "2001:db8:1::1", "dest_port": 161, "proto": "UDP",
        "ip_v": 6,
        "drop": {
            "len": 60, "tc": 8, "hoplimit": 57, "flowlbl": 4660, "udplen": 40,
            "reason": "firewall default packet policy",
        },
    });
    assert_eq!(actual, golden(&actual["flow_id"], &own));
}

#[test]
fn icmp_of_both_families() {
    let actual = value(&echo("203.0.113.9", "192.0.2.1"));
    let own = json!({
        "src_ip": "203.0.113.9", "dest_ip": "192.0.2.1", "proto": "ICMP", "icmp_type": 8, "icmp_code": 0, "ip_v": 4,
        "drop": {
            "len": 60, "tos": 8, "ttl": 57, "ipid": 4660, "icmp_id": 17, "icmp_seq": 2,
            "reason": "firewall default packet policy",
        },
    });
    assert_eq!(actual, golden(&actual["flow_id"], &own));

    let actual = value(&echo("2001:db8::7", "2001:db8:1::1"));
    assert_eq!((&actual["proto"], &actual["icmp_type"]), (&json!("IPv6-ICMP"), &json!(128)));
}

#[test]
fn a_malformed_packet_has_no_addresses() {
    let actual = value(&malformed());
    assert_eq!(actual["drop"], json!({ "len": 7, "reason": "truncated header" }));
    assert_eq!(actual["alert"]["signature"], "malformed packet");
    assert!(actual.get("src_ip").is_none() && actual.get("flow_id").is_none());
}

#[test]
fn a_malformed_packet_is_told_of_with_its_addresses_if_they_can_be_read() {
    let ends = Some(("203.0.113.9".parse().unwrap(), "192.0.2.1".parse().unwrap()));
    let actual = value(&Event { ends, ..malformed() });
    assert_eq!((&actual["src_ip"], &actual["dest_ip"]), (&json!("203.0.113.9"), &json!("192.0.2.1")));
    assert_eq!(actual["ip_v"], 4);
    assert!(actual.get("proto").is_none() && actual.get("flow_id").is_none());
}

#[test]
fn a_rule_is_named_with_its_place() {
    let actual = value(&by(EVERY, tcp("203.0.113.9", 40000, "192.0.2.1", 23)));
    assert_eq!(actual["verdict"], json!({ "action": "reject", "reject-target": "to_client" }));
    assert_eq!(actual["alert"]["signature"], "every");
    let metadata = &actual["alert"]["metadata"];
    assert_eq!(metadata["rule_file"], json!(["rules.d/10-web.toml"]));
    assert_eq!(metadata["rule_line"], json!(["9"]));
    assert_eq!(metadata["rule_comment"], json!(["ask\u{1b}[2J the office"]), "escaped as JSON is");
    assert_eq!(actual["drop"]["reason"], "firewall rules");
}

#[test]
fn monitor_mode_says_what_would_have_been() {
    let actual = value(&monitored(by(EVERY, tcp("203.0.113.9", 40000, "192.0.2.1", 23))));
    assert_eq!(actual["verdict"], json!({ "action": "accept" }));
    assert_eq!(actual["alert"]["action"], "allowed");
    assert_eq!(actual["alert"]["metadata"]["would"], json!(["reject"]));
    assert_eq!(actual["event_type"], "drop");
}

#[test]
fn an_accepted_packet_is_no_drop() {
    let actual = value(&by(WEB, tcp("203.0.113.9", 40000, "192.0.2.1", 80)));
    assert_eq!((&actual["event_type"], &actual["alert"]["action"]), (&json!("alert"), &json!("allowed")));
    assert!(actual.get("drop").is_none());
}

#[test]
fn a_summary_tells_what_its_packets_share() {
    let sample = tcp("203.0.113.9", 40000, "192.0.2.1", 23);
    let summary = |scope| Summary { sample: sample.clone(), last: at(5000), count: 4711, scope };
    let same = describe_summary(&summary(Scope::Same), "id1".to_owned());
    assert_eq!((same.count(), same.timestamp), (4711, later(5000, sample.clone()).time));
    assert_eq!((same.src_ip.is_some(), same.dest_port, same.src_port), (true, Some(23), None));
    let various = describe_summary(&summary(Scope::Various), "id1".to_owned());
    assert_eq!((various.count(), various.src_ip, various.dest_port), (4711, None, None));
    assert_eq!(various.alert.signature, "various");
    let read: Record = serde_json::from_slice(&various.line()).unwrap();
    assert_eq!(read, various);
}

#[test]
fn fields_of_others_are_ignored() {
    let mut value = value(&tcp("203.0.113.9", 40000, "192.0.2.1", 23));
    value["vlan"] = json!([7]);
    value["alert"]["metadata"]["tag"] = json!(["x", "y"]);
    value["drop"]["new"] = json!(1);
    assert!(serde_json::from_value::<Record>(value.clone()).is_ok());
    value["event_type"] = json!("dns");
    assert!(serde_json::from_value::<Record>(value).is_err());
}

#[test]
fn a_protocol_without_a_name_is_three_digits() {
    assert_eq!(protocol_name(Protocol(6)), "TCP");
    assert_eq!(protocol_name(Protocol(3)), "003");
    assert_eq!(protocol_name(Protocol(253)), "253");
}

/// The parts of Suricata's `etc/schema.json` that our records use: names, and the types of their
/// values. It allows nothing else inside `drop`, `verdict` and `alert`, but for `alert.metadata`.
#[test]
fn records_keep_to_the_published_schema() {
    const TOP: &str = "timestamp:s flow_id:i in_iface:s event_type:s src_ip:s src_port:i dest_ip:s dest_port:i proto:s \
                       icmp_type:i icmp_code:i ip_v:i ether:o direction:s drop:o verdict:o alert:o";
    const DROP: &str = "len:i tos:i ttl:i ipid:i tc:i hoplimit:i flowlbl:i tcpseq:i tcpack:i tcpwin:i syn:b ack:b psh:b \
                        rst:b urg:b fin:b tcpres:i tcpurgp:i udplen:i icmp_id:i icmp_seq:i reason:s";
    const ALERT: &str = "action:s category:s gid:i rev:i severity:i signature:s signature_id:i metadata:o";
    fn check(value: &Value, schema: &str) {
        for (name, value) in value.as_object().unwrap() {
            let kind = schema
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name.as_str())?.strip_prefix(':'));
            let fits = match kind {
                Some("s") => value.is_string(),
                Some("i") => value.is_u64(),
                Some("b") => value.is_boolean(),
                Some("o") => value.is_object(),
                _ => false,
            };
            assert!(fits, "{name}: {value}");
        }
    }
    let knock = tcp("203.0.113.9", 40000, "192.0.2.1", 23);
    let summary = |scope| {
        let summary = Summary { sample: knock.clone(), last: at(0), count: 9, scope };
        serde_json::from_slice(&describe_summary(&summary, "id".to_owned()).line()).unwrap()
    };
    for record in [
        value(&knock),
        value(&udp("2001:db8::7", 40000, "2001:db8:1::1", 161)),
        value(&echo("203.0.113.9", "192.0.2.1")),
        value(&malformed()),
        value(&by(WEB, knock.clone())),
        value(&monitored(by(EVERY, knock.clone()))),
        summary(Scope::Same),
        summary(Scope::Various),
    ] {
        check(&record, TOP);
        if let Some(ether) = record.get("ether") {
            check(ether, "src_mac:s");
        }
        check(&record["verdict"], "action:s reject-target:s");
        check(&record["alert"], ALERT);
        if let Some(drop) = record.get("drop") {
            check(drop, DROP);
        }
        assert!(record["timestamp"].as_str().unwrap().ends_with("+0000"));
        let metadata = record["alert"]["metadata"].as_object().unwrap();
        let strings = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        assert!(metadata.values().all(strings), "{metadata:?}");
    }
}
