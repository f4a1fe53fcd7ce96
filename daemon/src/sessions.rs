//! The ssh sessions that are open on this host: what new rules must not cut by mistake.
//!
//! Every established connection that an sshd owns, whoever is behind it: `SSH_CONNECTION` would tell
//! of the caller's own only, and sudo strips it.

use std::{
    collections::HashSet,
    fmt,
    iter::successors,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use portcullis_config::{Config, Mode};
use portcullis_rules::{Action, Cause, Key, Matched, NoNames, Rule, parse_packet};
use procfs::{
    ProcResult, net,
    process::{FDTarget, Process, all_processes},
};
use serde_json::Value;

use crate::hook::run_tool;

/// Servers whose sessions are protected, by the name of their process: OpenSSH up to 9.7, what serves
/// one session since then, and Dropbear.
const SERVERS: [&str; 3] = ["sshd", "sshd-session", "dropbear"];

/// So many times of day at which other rules count are looked at.
const MOST_CHANGES: usize = 64;

/// An ssh session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// This host's end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// The interface that leads to the peer, where that can be told.
    pub interface: Option<String>,
}

/// A session that would be cut, when, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutSession {
    session: Session,
    /// `None`: at once.
    at: Option<Timestamp>,
    by: String,
}

impl CutSession {
    /// Whether it would live for now, and only the time of day cuts it.
    pub const fn is_later(&self) -> bool {
        self.at.is_some()
    }
}

impl fmt::Display for CutSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session: Session { local, peer, .. }, at, by } = self;
        write!(f, "ssh session from {peer} to {local}")?;
        if let Some(time) = at {
            write!(f, ", at {}", time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S"))?;
        }
        write!(f, ": {by}")
    }
}

/// The sessions of this network namespace.
///
/// # Errors
/// When /proc can't be read.
pub fn open() -> ProcResult<Vec<Session>> {
    let mut owned = HashSet::new();
    for process in all_processes()?.flatten() {
        owned.extend(sockets(&process).unwrap_or_default());
    }
    let connections = net::tcp()?.into_iter().chain(net::tcp6().unwrap_or_default());
    let established = connections.filter(|entry| {
        entry.state == net::TcpState::Established
            && owned.contains(&entry.inode)
            && !entry.remote_address.ip().to_canonical().is_loopback()
    });
    let session = |entry: net::TcpNetEntry| {
        let [local, peer] = [entry.local_address, entry.remote_address].map(canonical);
        Session { local, peer, interface: interface(peer.ip(), local.ip()) }
    };
    Ok(established.map(session).collect())
}

/// The sockets of an sshd; none of any other process, or of one that has just ended.
fn sockets(process: &Process) -> ProcResult<Vec<u64>> {
    if !SERVERS.contains(&&*process.stat()?.comm) {
        return Ok(Vec::new());
    }
    let targets = process.fd()?.flatten().map(|descriptor| descriptor.target);
    Ok(targets
        .filter_map(|target| if let FDTarget::Socket(inode) = target { Some(inode) } else { None })
        .collect())
}

/// An IPv4 peer of an IPv6 socket is an IPv4 peer.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// By which the peer's packets come in, if they come the way that ours go out.
fn interface(peer: IpAddr, local: IpAddr) -> Option<String> {
    let route = ["-json", "route", "get", &peer.to_string(), "from", &local.to_string()];
    let listed: Value = serde_json::from_str(&run_tool("ip", &route, "").ok()?).ok()?;
    Some(listed.get(0)?["dev"].as_str()?.to_owned())
}

/// Those that `config` would cut, now or within a day. Each is judged as its first packet was: that is how
/// the daemon judges the flows that it finds. Rates cut none: they count new flows.
pub fn cut_by(config: &Config, banned: &[IpNet], sessions: &[Session]) -> Vec<CutSession> {
    if config.mode != Mode::Enforce {
        return Vec::new();
    }
    let cut = |session: &Session| {
        let now = refusal(config, banned, session).map(|by| (None, by));
        let (at, by) = now.or_else(|| later(config, banned, session))?;
        Some(CutSession { session: session.clone(), at, by })
    };
    sessions.iter().filter_map(cut).collect()
}

/// When a schedule or an expiry cuts a session that may live for now, within a day.
fn later(config: &Config, banned: &[IpNet], session: &Session) -> Option<(Option<Timestamp>, String)> {
    let end = config.time + SignedDuration::from_hours(24);
    let next = |config: &Config| Some(config.at(config.next_change().filter(|change| *change <= end)?));
    let changes = successors(next(config), next).take(MOST_CHANGES);
    changes.into_iter().find_map(|then| Some((Some(then.time), refusal(&then, banned, session)?)))
}

fn refusal(config: &Config, banned: &[IpNet], session: &Session) -> Option<String> {
    let key = session.first_packet()?;
    let ruleset = &config.ruleset;
    ruleset.policy.at(key.hook)?;
    // Kernel rules, ahead of bans and of all other rules.
    if ruleset.rules.iter().any(|rule| rule.failsafe && rule.matches(&key) == Matched::Yes) {
        return None;
    }
    if banned.iter().any(|source| source.contains(&key.source)) {
        return Some("its source is banned (portcullis bans)".to_owned());
    }
    let named = |rule: &Rule| format!("rule \"{}\" ({})", rule.name, rule.place);
    let decision = ruleset.first_match(&key);
    if let Some(id) = decision.depends_on {
        return Some(format!("it hangs on the interface, by {}", named(ruleset.rule(id))));
    }
    match (decision.action, decision.cause) {
        (Action::Accept, _) => None,
        (action, Cause::Rule(id)) => Some(format!("{action} by {}", named(ruleset.rule(id)))),
        (action, Cause::Policy) => Some(format!("{action} by the policy of {}", key.hook)),
    }
}

impl Session {
    fn first_packet(&self) -> Option<Key> {
        let Self { local, peer, interface } = self;
        let at = interface.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
        parse_packet(&format!("input tcp {peer} -> {local}{at}"), &NoNames).ok()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_config::load_text;

    use super::*;

    const RULES: &str = r#"
        [policy]
        input = "drop"
        [[rule]]
        name = "ssh"
        hook = "input"
        protocol = "tcp"
        source = ["203.0.113.0/24", "2001:db8:40::/48"]
        port = 22
        action = "accept"
        [[rule]]
        name = "inside"
        hook = "input"
        interface = "eth1"
        action = "accept"
    "#;

    fn cuts(peer: &str, local: &str, interface: Option<&str>) -> Option<String> {
        let config = load_text("rules", RULES).expect("valid").config;
        let address = |text: &str| text.parse().expect("an address");
        let session =
            Session { local: address(local), peer: address(peer), interface: interface.map(str::to_owned) };
        cut_by(&config, &[], &[session]).first().map(ToString::to_string)
    }

    #[test]
    fn a_session_is_judged_as_its_first_packet() {
        assert_eq!(cuts("203.0.113.9:40000", "192.0.2.1:22", Some("eth0")), None);
        assert_eq!(cuts("[2001:db8:40::9]:40000", "[2001:db8::1]:22", None), None);
        assert_eq!(cuts("198.51.100.7:40000", "192.0.2.1:22", Some("eth1")), None);
        let cut = cuts("198.51.100.7:40000", "192.0.2.1:22", Some("eth0")).expect("cut");
        assert!(cut.contains("from 198.51.100.7:40000") && cut.contains("drop by the policy"), "{cut}");
        let unsure = cuts("198.51.100.7:40000", "192.0.2.1:22", None).expect("it may be");
        assert!(unsure.contains("hangs on the interface, by rule \"inside\""), "{unsure}");
    }

    /// From 203.0.113.9, to port 22.
    fn office() -> Session {
        Session {
            local: "192.0.2.1:22".parse().expect("an address"),
            peer: "203.0.113.9:40000".parse().expect("an address"),
            interface: None,
        }
    }

    #[test]
    fn monitor_mode_cuts_nobody() {
        let config = load_text("rules", &format!("mode = \"monitor\"\n{RULES}")).expect("valid").config;
        let stranger = Session { peer: "198.51.100.7:4000".parse().expect("an address"), ..office() };
        assert_eq!(cut_by(&config, &[], &[stranger]), []);
    }

    #[test]
    fn a_ban_cuts_whom_no_failsafe_rule_lets_in() {
        let banned = ["203.0.113.9/32".parse().expect("a prefix")];
        let cut = |text: &str| {
            let config = load_text("rules", text).expect("valid").config;
            cut_by(&config, &banned, &[office()]).first().map(ToString::to_string)
        };
        assert!(cut(RULES).expect("it is banned").ends_with("its source is banned (portcullis bans)"));
        let failsafe = RULES.replacen("port = 22", "port = 22\nfailsafe = true", 1);
        assert_eq!(cut(&failsafe), None);
        // The kernel asks nobody about it, whatever stands before.
        let drop = failsafe.replacen("[[rule]]", "[[rule]]\nname = \"all\"\naction = \"drop\"\n[[rule]]", 1);
        assert_eq!(cut(&drop), None);
    }

    #[test]
    fn a_rate_cuts_nobody_and_a_schedule_when_it_ends() {
        let limited = |key: &str| RULES.replacen("port = 22", &format!("port = 22\n{key}"), 1);
        let config = |key: &str| load_text("rules", &limited(key)).expect("valid").config;
        assert_eq!(cut_by(&config("rate = \"1/h per source, burst 1\""), &[], &[office()]), []);
        let time = "2027-01-04T12:00:00Z".parse().expect("a Monday");
        let scheduled = config("schedule = \"mon-fri 08:00-18:00 UTC\"").at(time);
        let cut = cut_by(&scheduled, &[], &[office()]);
        assert!(cut[0].is_later() && cut[0].at == Some(time + SignedDuration::from_hours(6)), "{cut:?}");
        let night = scheduled.at(time + SignedDuration::from_hours(8));
        assert!(!cut_by(&night, &[], &[office()])[0].is_later());
        let expires = config("expires = 2027-02-01T00:00:00Z").at(time);
        assert_eq!(cut_by(&expires, &[], &[office()]), [], "not within a day");
    }
}
