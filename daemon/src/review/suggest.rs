//! Blocks that look like our own mistake, and the rule that would mend them.

use std::net::IpAddr;

use portcullis_config::port_name;

use super::top::Value;

/// Fewer packets of an internal source may be anything.
const REPEATED: u64 = 5;

/// A rule that would let an internal source in. It is shown, and never added by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Who was refused.
    pub source: IpAddr,
    /// At which port.
    pub port: u16,
    /// Of which protocol.
    pub protocol: String,
    /// How often.
    pub packets: u64,
}

impl Suggestion {
    /// For sources of our own networks that were refused again and again.
    pub(super) fn of(pairs: &[(Value, u64)], most: usize) -> Vec<Self> {
        let suggestion = |(value, packets): &(Value, u64)| match value {
            Value::Pair(source, port, protocol)
                if *packets >= REPEATED && is_internal(*source) && matches!(&**protocol, "tcp" | "udp") =>
            {
                Some(Self { source: *source, port: *port, protocol: protocol.to_string(), packets: *packets })
            }
            _ => None,
        };
        pairs.iter().filter_map(suggestion).take(most).collect()
    }

    /// The rule, as it would stand in a file.
    pub fn toml(&self) -> String {
        let Self { source, port, protocol, .. } = self;
        let service = port_name(*port).map(|name| format!(" # {name}")).unwrap_or_default();
        format!(
            "[[rule]]\nname     = \"{port}/{protocol} from {source}\"\nhook     = \"input\"\n\
             protocol = \"{protocol}\"\nsource   = \"{source}\"\nport     = {port}{service}\naction   = \"accept\"\n"
        )
    }
}

/// Private, link-local and shared addresses (RFC 1918, 3927, 6598, 4193, 4291).
fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (a, b & 0xc0) == (100, 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use portcullis_config::load_text;

    use super::*;

    #[test]
    fn only_repeated_blocks_of_internal_sources_are_worth_a_rule() {
        let pair =
            |source: &str, port, count| (Value::Pair(source.parse().unwrap(), port, "tcp".into()), count);
        let pairs = [
            pair("203.0.113.9", 22, 1000),
            pair("10.0.0.7", 5432, 400),
            pair("10.0.0.8", 5432, 4),
            pair("fd00::7", 443, 5),
            pair("100.127.255.255", 80, 5),
            pair("100.128.0.0", 80, 5),
        ];
        let suggestions = Suggestion::of(&pairs, 10);
        let sources: Vec<String> = suggestions.iter().map(|s| s.source.to_string()).collect();
        assert_eq!(sources, ["10.0.0.7", "fd00::7", "100.127.255.255"]);
        let text = format!("[policy]\ninput = \"drop\"\n{}", suggestions[0].toml());
        let ruleset = load_text("suggested", &text).unwrap().config.ruleset;
        assert_eq!(&*ruleset.rules[0].name, "5432/tcp from 10.0.0.7");
    }
}
