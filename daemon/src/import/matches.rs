//! What a rule of iptables asks of a packet, as values of our fields.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    Why,
    rule::{Values, Verb},
};

/// The conditions of a rule, and of the jumps that lead to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    pub(super) fields: Vec<(&'static str, Values)>,
    pub(super) flags: Option<String>,
    pub(super) comment: Option<String>,
    /// It can't be: two conditions exclude each other.
    pub(super) never: bool,
}

/// What is done with packets that meet the conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Verdict(Verb),
    Jump(String),
    Goto(String),
    Return,
    Log,
    /// No target: it only counts.
    Nothing,
    Other(String),
}

/// Modules whose options are read below; of any other, one without options would be overlooked.
const MODULES: [&str; 13] = [
    "tcp",
    "udp",
    "udplite",
    "sctp",
    "dccp",
    "multiport",
    "conntrack",
    "state",
    "comment",
    "icmp",
    "icmp6",
    "iprange",
    "owner",
];

/// Reads the words after `-A CHAIN`.
pub(super) fn read(
    words: &[String],
    jumped_from: &Conditions,
    output: bool,
) -> Result<(Conditions, Target), Why> {
    let mut conditions = Conditions { comment: None, ..jumped_from.clone() };
    let mut target = Target::Nothing;
    let mut rest = words.iter().map(String::as_str).peekable();
    let mut negated = false;
    let ports_of = |conditions: &mut Conditions, field, value: &str, negated| {
        let ports = value.split(',').map(port).collect::<Result<Vec<_>, _>>()?;
        conditions.narrow(field, ports, negated, ports_meet)
    };
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| Why::Value(word.to_owned()));
        match word {
            "!" => {
                negated = true;
                continue;
            }
            "-m" | "--match" => {
                let module = value()?;
                if !MODULES.contains(&module) {
                    return Err(Why::NoSuchMatch(format!("-m {module}")));
                }
            }
            "-p" | "--protocol" => {
                let protocol = match value()? {
                    "all" => continue,
                    "icmpv6" | "ipv6-icmp" => "icmpv6".to_owned(),
                    name => name.to_owned(),
                };
                conditions.narrow("protocol", vec![protocol], negated, same)?;
            }
            "-s" | "--source" => conditions.narrow("source", addresses(value()?)?, negated, prefixes_meet)?,
            "-d" | "--destination" => {
                conditions.narrow("destination", addresses(value()?)?, negated, prefixes_meet)?
            }
            "--src-range" => conditions.narrow("source", vec![value()?.to_owned()], negated, same)?,
            "--dst-range" => conditions.narrow("destination", vec![value()?.to_owned()], negated, same)?,
            "-i" | "--in-interface" => conditions.narrow("in", vec![pattern(value()?)], negated, same)?,
            "-o" | "--out-interface" => conditions.narrow("out", vec![pattern(value()?)], negated, same)?,
            "--dport" | "--dports" | "--destination-port" => {
                ports_of(&mut conditions, "port", value()?, negated)?
            }
            "--sport" | "--sports" | "--source-port" => {
                ports_of(&mut conditions, "source-port", value()?, negated)?
            }
            "--ctstate" | "--state" => {
                let states = value()?.split(',').map(state).collect::<Result<Vec<_>, _>>()?;
                conditions.narrow("state", states, negated, same)?;
            }
            "--icmp-type" | "--icmpv6-type" => {
                let kind = icmp_type(value()?, word == "--icmpv6-type");
                conditions.narrow("icmp-type", vec![kind], negated, same)?;
            }
            "--syn" if negated => return Err(Why::NoSuchMatch("! --syn".into())),
            "--syn" => conditions.set_flags("syn / fin,syn,rst,ack")?,
            "--tcp-flags" => {
                let (mask, set) = (value()?.to_lowercase(), rest.next().unwrap_or_default().to_lowercase());
                if negated {
                    return Err(Why::NoSuchMatch("! --tcp-flags".into()));
                }
                conditions.set_flags(&format!("{set} / {mask}"))?;
            }
            "--uid-owner" if output => conditions.narrow("user", vec![value()?.to_owned()], negated, same)?,
            "--comment" => conditions.comment = Some(value()?.to_owned()),
            "-j" | "--jump" => target = Target::read(value()?),
            "-g" | "--goto" => target = Target::Goto(value()?.to_owned()),
            "--reject-with" => drop(value()?),
            _ if target == Target::Log => break,
            other => return Err(Why::NoSuchMatch(other.to_owned())),
        }
        negated = false;
    }
    Ok((conditions, target))
}

impl Target {
    fn read(word: &str) -> Self {
        match word {
            "ACCEPT" => Self::Verdict(Verb::Accept),
            "DROP" => Self::Verdict(Verb::Drop),
            "REJECT" => Self::Verdict(Verb::Reject),
            "RETURN" => Self::Return,
            "LOG" | "NFLOG" | "ULOG" => Self::Log,
            "MARK" | "CONNMARK" | "NFQUEUE" | "QUEUE" | "TARPIT" | "SET" | "TCPMSS" | "CT" | "AUDIT"
            | "CONNSECMARK" | "SECMARK" | "TRACE" | "HMARK" | "CLASSIFY" | "DSCP" | "TOS" | "TTL" | "HL" => {
                Self::Other(word.to_owned())
            }
            chain => Self::Jump(chain.to_owned()),
        }
    }
}

impl Conditions {
    pub(super) fn values(&self, field: &str) -> Option<&Values> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, values)| values)
    }

    fn set_flags(&mut self, flags: &str) -> Result<(), Why> {
        match &self.flags {
            Some(before) if before != flags => Err(Why::NoSuchMatch("two conditions on TCP flags".into())),
            _ => {
                self.flags = Some(flags.to_owned());
                Ok(())
            }
        }
    }

    /// Adds a condition to what is asked already; `meet` is what two values have in common.
    fn narrow(
        &mut self,
        field: &'static str,
        wanted: Vec<String>,
        negated: bool,
        meet: impl Fn(&str, &str) -> Option<String>,
    ) -> Result<(), Why> {
        if !self.fields.iter().any(|(name, _)| *name == field) {
            self.fields.push((field, Values::default()));
        }
        let Some((_, values)) = self.fields.iter_mut().find(|(name, _)| *name == field) else {
            return Ok(());
        };
        if negated {
            values.none_of.extend(wanted);
            return Ok(());
        }
        values.any_of = Some(match values.any_of.take() {
            None => wanted,
            Some(before) => {
                let pairs = before.iter().flat_map(|old| wanted.iter().map(move |new| (old, new)));
                let mut common: Vec<String> = pairs.filter_map(|(old, new)| meet(old, new)).collect();
                common.dedup();
                self.never |= common.is_empty();
                common
            }
        });
        Ok(())
    }
}

fn same(a: &str, b: &str) -> Option<String> {
    (a == b).then(|| a.to_owned())
}

fn prefixes_meet(a: &str, b: &str) -> Option<String> {
    let (Ok(first), Ok(second)) = (a.parse::<IpNet>(), b.parse::<IpNet>()) else { return same(a, b) };
    match (first.contains(&second), second.contains(&first)) {
        (true, _) => Some(b.to_owned()),
        (_, true) => Some(a.to_owned()),
        _ => None,
    }
}

fn ports_meet(a: &str, b: &str) -> Option<String> {
    let ends = |text: &str| -> Option<(u16, u16)> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    let (Some(first), Some(second)) = (ends(a), ends(b)) else { return same(a, b) };
    let (low, high) = (first.0.max(second.0), first.1.min(second.1));
    (low <= high).then(|| if low == high { low.to_string() } else { format!("{low}-{high}") })
}

/// `1024:65535`, `:1023`, `22`, or a name.
fn port(text: &str) -> Result<String, Why> {
    match text.split_once(':') {
        Some(("", last)) => Ok(format!("0-{last}")),
        Some((first, "")) => Ok(format!("{first}-65535")),
        Some((first, last)) => Ok(format!("{first}-{last}")),
        None if text.is_empty() => Err(Why::Value(text.to_owned())),
        None => Ok(text.to_owned()),
    }
}

/// A prefix, also one with a mask of its own, as long as that is a prefix.
fn addresses(text: &str) -> Result<Vec<String>, Why> {
    let one = |text: &str| -> Option<String> {
        let (address, mask) =
            text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        let address: IpAddr = address.parse().ok()?;
        let length = match mask {
            None => return Some(address.to_string()),
            Some(mask) => mask.parse().ok().or_else(|| ipnet::ip_mask_to_prefix(mask.parse().ok()?).ok())?,
        };
        let prefix = IpNet::new(address, length).ok()?.trunc();
        Some(if prefix.prefix_len() == prefix.max_prefix_len() {
            prefix.addr().to_string()
        } else {
            prefix.to_string()
        })
    };
    text.split(',').map(|part| one(part).ok_or_else(|| Why::Value(part.to_owned()))).collect()
}

/// `eth+` is every interface that begins so.
fn pattern(text: &str) -> String {
    text.strip_suffix('+').map_or_else(|| text.to_owned(), |begin| format!("{begin}*"))
}

fn state(text: &str) -> Result<String, Why> {
    match text {
        "NEW" | "ESTABLISHED" | "RELATED" | "INVALID" | "UNTRACKED" => Ok(text.to_lowercase()),
        other => Err(Why::NoSuchMatch(format!("--ctstate {other}"))),
    }
}

/// iptables-save prints numbers, of type or of type and code.
fn icmp_type(text: &str, v6: bool) -> String {
    match (text, v6) {
        ("8", false) | ("128", true) => "echo-request".into(),
        ("0", false) | ("129", true) => "echo-reply".into(),
        (other, _) => other.to_owned(),
    }
}
