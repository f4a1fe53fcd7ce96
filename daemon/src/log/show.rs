//! Events as lines for somebody who watches.

use std::{fmt, io::Write};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use portcullis_config::Mode;
use portcullis_rules::{Action, Headers, Hook, InterfaceName};

use super::{
    Escaped, PerSecond,
    describe::{rule, signature},
};
use crate::{detect::IncidentRecord, event::Event};

/// Lines in a second; more than anybody reads.
const LINES_A_SECOND: u32 = 50;

/// Prints a line for each event, up to so many a second: `12:00:01 DROP   input tcp
/// 203.0.113.9:40000 -> 192.0.2.1:23 in eth0  policy input`.
pub struct Show {
    out: Box<dyn Write + Send>,
    zone: TimeZone,
    per_second: PerSecond,
    left_out: u64,
    since: Timestamp,
}

impl Show {
    /// Prints to `out`, with times in `zone`.
    pub fn new(out: Box<dyn Write + Send>, zone: TimeZone) -> Self {
        let per_second = PerSecond::new(LINES_A_SECOND);
        Self { out, zone, per_second, left_out: 0, since: Timestamp::UNIX_EPOCH }
    }

    /// Prints an event.
    pub fn event(&mut self, event: &Event) {
        if self.may_print(event.time) {
            let time = self.clock(event.time);
            let monitored = if event.generation.mode == Mode::Monitor { "  (monitor: passed)" } else { "" };
            let monitored = if event.action == Action::Accept { "" } else { monitored };
            let action = event.action.name().to_uppercase();
            self.print(format_args!("{time} {action:<6} {}  {}{monitored}", Packet(event), Decider(event)));
        }
    }

    /// Prints an incident.
    pub fn incident(&mut self, record: &IncidentRecord) {
        if self.may_print(record.timestamp) {
            let time = self.clock(record.timestamp);
            self.print(format_args!("{time} SCAN   {}", Escaped(&record.summary)));
        }
    }

    /// Says what was left out of a second that is over.
    pub fn tick(&mut self, now: Timestamp) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            let left_out = std::mem::take(&mut self.left_out);
            self.print(format_args!("… {left_out} more"));
        }
    }

    /// When [`Self::tick`] has something to say, if it has.
    pub fn deadline(&self) -> Option<Timestamp> {
        (self.left_out > 0).then(|| self.since.checked_add(SignedDuration::from_secs(1)).ok()).flatten()
    }

    fn may_print(&mut self, time: Timestamp) -> bool {
        let may = self.per_second.take(time);
        if !may {
            if self.left_out == 0 {
                self.since = time;
            }
            self.left_out += 1;
        }
        may
    }

    fn clock(&self, time: Timestamp) -> String {
        time.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// Whoever watches may go away: that is no error.
    fn print(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

impl fmt::Debug for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Show").field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

/// A packet in the words of `portcullis explain`.
struct Packet<'a>(&'a Event);

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Event { hook, in_interface, out_interface, headers, length, .. } = self.0;
        match headers {
            Some(headers) => Self::addresses(hook, &headers, f)?,
            None => {
                write!(f, "{hook} {length} bytes")?;
                if let Some((source, destination)) = self.0.addresses() {
                    write!(f, " {source} -> {destination}")?;
                }
            }
        }
        let interface = |f: &mut fmt::Formatter<'_>, word, name: Option<InterfaceName>| {
            name.map_or(Ok(()), |name| write!(f, " {word} {}", Escaped(name.as_str())))
        };
        interface(f, "in", in_interface)?;
        interface(f, "out", out_interface)?;
        match headers.and_then(|headers| Some((headers.protocol, headers.icmp()?))) {
            Some((protocol, icmp)) => match icmp.name(protocol) {
                Some(name) => write!(f, " type {name}"),
                None => write!(f, " type {icmp}"),
            },
            None => Ok(()),
        }
    }
}

impl Packet<'_> {
    fn addresses(hook: Hook, headers: &Headers, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Headers { source, destination, protocol, .. } = headers;
        write!(f, "{hook} {protocol} ")?;
        match headers.ports() {
            Some(ports) => {
                let from = std::net::SocketAddr::new(*source, ports.source);
                let to = std::net::SocketAddr::new(*destination, ports.destination);
                write!(f, "{from} -> {to}")
            }
            None => write!(f, "{source} -> {destination}"),
        }
    }
}

/// Who decided, and why if that is not plain.
struct Decider<'a>(&'a Event);

impl fmt::Display for Decider<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.0;
        match (rule(event), event.cause, event.reason) {
            (Some(rule), ..) => write!(f, "rule \"{}\"", Escaped(&rule.name)),
            (None, None, Some(reason)) => write!(f, "{reason}"),
            (None, ..) => write!(f, "{}", Escaped(&signature(event))),
        }
    }
}
