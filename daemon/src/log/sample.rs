//! Events for tests.

use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;
use portcullis_config::Mode;
use portcullis_rules::{
    Action, Cause, Headers, Hook, HookSet, IcmpType, InterfaceName, LogDetail, Malformed, Place, Policy,
    Ports, Protocol, Reason, Rule, RuleId, RuleTable, Ruleset, State, TcpFlags, Transport,
};

use crate::{event::Event, generation::Generation};

/// Rules of the sample generation, by place.
pub(crate) const QUIET: RuleId = RuleId(0);
pub(crate) const EVERY: RuleId = RuleId(1);
pub(crate) const WEB: RuleId = RuleId(2);

static ENFORCING: LazyLock<Arc<Generation>> = LazyLock::new(|| generation(7, Mode::Enforce));
static MONITORING: LazyLock<Arc<Generation>> = LazyLock::new(|| generation(8, Mode::Monitor));

pub(crate) fn generation(number: u64, mode: Mode) -> Arc<Generation> {
    let rule = |name: &str, line, log, action| Rule {
        hooks: HookSet::EMPTY.with(Hook::Input),
        log,
        comment: (name == "every").then(|| "ask\u{1b}[2J the office".into()),
        place: Place { file: "rules.d/10-web.toml".into(), line },
        ..Rule::new(name, action)
    };
    let rules = vec![
        rule("quiet", 3, LogDetail::None, Action::Drop),
        rule("every", 9, LogDetail::Every, Action::Reject),
        rule("web", 15, LogDetail::Every, Action::Accept),
    ];
    let policy = Policy { input: Some(Action::Drop), ..Policy::default() };
    let table = RuleTable::compile(Arc::new(Ruleset { rules, policy }));
    Arc::new(Generation::new(number, mode, false, table, 2))
}

/// The time of [`tcp`]'s events, and so many milliseconds.
pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_795_422_405_123_456 + milliseconds * 1000).unwrap()
}

pub(crate) fn event(headers: Option<Headers>) -> Event {
    Event {
        time: at(0),
        hook: Hook::Input,
        in_interface: InterfaceName::new("eth0"),
        out_interface: None,
        headers,
        ends: None,
        length: headers.map_or(7, |headers| headers.length),
        user: None,
        sender: Some([2, 0, 0, 0, 0, 9]),
        asked_for: None,
        state: State::New,
        reply: false,
        returning: false,
        action: Action::Drop,
        cause: Some(Cause::Policy),
        reason: Some(Reason::Policy),
        generation: Arc::clone(&ENFORCING),
    }
}

pub(crate) fn headers(source: &str, destination: &str, protocol: Protocol, transport: Transport) -> Headers {
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let (source, destination) = (address(source), address(destination));
    Headers {
        source,
        destination,
        protocol,
        ttl: 57,
        tos: 8,
        id: 4660,
        length: 60,
        options: 0,
        dont_fragment: true,
        fragment: false,
        payload: 0,
        transport,
    }
}

/// A SYN.
pub(crate) fn tcp(source: &str, from: u16, destination: &str, to: u16) -> Event {
    tcp_with(source, from, destination, to, TcpFlags::SYN)
}

pub(crate) fn tcp_with(source: &str, from: u16, destination: &str, to: u16, flags: TcpFlags) -> Event {
    let transport = Transport::Tcp {
        ports: Ports { source: from, destination: to },
        flags,
        sequence: 3_000_000_000,
        acknowledgement: 0,
        window: 64240,
        reserved: 0,
        urgent: 0,
        options: 20,
    };
    event(Some(headers(source, destination, Protocol::TCP, transport)))
}

pub(crate) fn udp(source: &str, from: u16, destination: &str, to: u16) -> Event {
    let transport = Transport::Ports { ports: Ports { source: from, destination: to }, length: 40 };
    event(Some(headers(source, destination, Protocol::UDP, transport)))
}

pub(crate) fn echo(source: &str, destination: &str) -> Event {
    let v4 = !source.contains(':');
    let (protocol, kind) = if v4 { (Protocol::ICMP, 8) } else { (Protocol::ICMPV6, 128) };
    let transport = Transport::Icmp { icmp: IcmpType { kind, code: 0 }, echo: Some((17, 2)) };
    event(Some(headers(source, destination, protocol, transport)))
}

pub(crate) fn malformed() -> Event {
    let reason = Some(Reason::Malformed(Malformed::TruncatedHeader));
    Event { cause: None, reason, ..event(None) }
}

/// The same event, decided by one of the sample rules.
pub(crate) fn by(rule: RuleId, event: Event) -> Event {
    let action = event.generation.ruleset().rule(rule).action;
    let reason = (action != Action::Accept).then_some(Reason::Rule);
    Event { cause: Some(Cause::Rule(rule)), action, reason, ..event }
}

/// The same event in monitor mode.
pub(crate) fn monitored(event: Event) -> Event {
    Event { generation: Arc::clone(&MONITORING), ..event }
}

/// The same event, so many milliseconds after [`at`]`(0)`.
pub(crate) fn later(milliseconds: i64, event: Event) -> Event {
    Event { time: at(milliseconds), ..event }
}
