//! Doors that lead to containers: ports of this host whose packets somebody's rules send on.

use std::{io, net::IpAddr, process::Command};

use portcullis_rules::Protocol;
use serde_json::Value;

/// A port whose packets go elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) protocol: Protocol,
    /// The local address, if the rule names one.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    /// Where to.
    pub(super) to: (IpAddr, u16),
}

/// What iptables' and nft's rules publish. Only looked at, never changed.
///
/// # Errors
/// A sentence for the reader, when the rules can't be looked at.
pub(super) fn doors() -> Result<Vec<Published>, String> {
    let run = |program: &str, arguments: &[&str]| -> io::Result<Option<String>> {
        match Command::new(program).args(arguments).output() {
            Ok(output) if output.status.success() => Ok(String::from_utf8(output.stdout).ok()),
            Ok(_) => Err(io::ErrorKind::PermissionDenied.into()),
            // What is not installed has no rules.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mut doors = Vec::new();
    let mut failed = false;
    for program in ["iptables-save", "ip6tables-save"] {
        match run(program, &["-t", "nat"]) {
            Ok(text) => doors.extend(text.iter().flat_map(|text| text.lines()).filter_map(from_iptables)),
            Err(_) => failed = true,
        }
    }
    match run("nft", &["-j", "list", "ruleset"]) {
        Ok(text) => doors.extend(text.iter().flat_map(|text| from_nft(text))),
        Err(_) => failed = true,
    }
    let mut seen: Vec<Published> = Vec::new();
    doors.retain(|door| {
        let new = !seen.contains(door);
        seen.push(door.clone());
        new
    });
    if failed && doors.is_empty() {
        return Err("which ports are published for containers is for root to see".to_owned());
    }
    Ok(doors)
}

/// `-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80`
fn from_iptables(line: &str) -> Option<Published> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    if words.first() != Some(&"-A") || after("-j") != Some("DNAT") {
        return None;
    }
    let port: u16 = after("--dport")?.parse().ok()?;
    let to = after("--to-destination")?;
    let address = after("-d").and_then(|address| address.split('/').next()?.parse().ok());
    Some(Published { protocol: protocol(after("-p")?)?, address, port, to: destination(to, port)? })
}

fn destination(text: &str, port: u16) -> Option<(IpAddr, u16)> {
    let socket = text.parse::<std::net::SocketAddr>().ok().map(|to| (to.ip(), to.port()));
    socket.or_else(|| text.parse().ok().map(|address| (address, port)))
}

fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "tcp" | "6" => Some(Protocol::TCP),
        "udp" | "17" => Some(Protocol::UDP),
        _ => None,
    }
}

/// Rules that compare a destination port and end in `dnat to` (libnftables-json(5)).
fn from_nft(text: &str) -> Vec<Published> {
    let Ok(ruleset) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let rules = ruleset["nftables"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["rule"]["expr"].as_array());
    rules.filter_map(|expressions| from_nft_rule(expressions)).collect()
}

fn from_nft_rule(expressions: &[Value]) -> Option<Published> {
    let mut door: (Option<Protocol>, Option<u16>, Option<IpAddr>) = (None, None, None);
    for expression in expressions {
        let payload = &expression["match"]["left"]["payload"];
        let right = &expression["match"]["right"];
        match payload["field"].as_str() {
            Some("dport") => {
                door.0 = payload["protocol"].as_str().and_then(protocol).or(door.0);
                door.1 = right.as_u64().and_then(|port| port.try_into().ok());
            }
            Some("daddr") => door.2 = right.as_str().and_then(|address| address.parse().ok()),
            _ => {}
        }
        if expression["match"]["left"]["meta"]["key"] == "l4proto" {
            door.0 = right.as_str().and_then(protocol);
        }
        let dnat = &expression["dnat"];
        if let (Some(to), (Some(protocol), Some(port), address)) = (dnat["addr"].as_str(), door) {
            let to_port = dnat["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap_or(port);
            return Some(Published { protocol, address, port, to: (to.parse().ok()?, to_port) });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_rules_are_read() {
        let line = "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80";
        let expected = Published {
            protocol: Protocol::TCP,
            address: None,
            port: 8080,
            to: ("172.17.0.2".parse().unwrap(), 80),
        };
        assert_eq!(from_iptables(line), Some(expected));
        let line = "-A X -d 192.0.2.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination [fd00::2]:5353";
        let door = from_iptables(line).unwrap();
        assert_eq!((door.address, door.to), ("192.0.2.1".parse().ok(), ("fd00::2".parse().unwrap(), 5353)));
        for line in ["-A DOCKER -j RETURN", "-A X -p tcp --dport 80 -j ACCEPT", ":DOCKER - [0:0]", ""] {
            assert_eq!(from_iptables(line), None, "{line}");
        }
    }

    #[test]
    fn nfts_rules_are_read() {
        let text = r#"{"nftables": [{"metainfo": {}}, {"rule": {"family": "ip", "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8443}},
            {"counter": {"packets": 0, "bytes": 0}},
            {"dnat": {"addr": "10.0.3.2", "port": 443}}]}}, {"rule": {"expr": [{"accept": null}]}}]}"#;
        let doors = from_nft(text);
        assert_eq!(doors.len(), 1);
        assert_eq!((doors[0].port, doors[0].to), (8443, ("10.0.3.2".parse().unwrap(), 443)));
        assert_eq!(from_nft("nonsense"), []);
    }
}
