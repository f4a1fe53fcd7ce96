//! Which events are written one by one, and which are counted.
//!
//! The first packets of a source, door, rule and reason in a minute are written; what follows is
//! counted, and told in one summary when the minute ends. So what a flood can write in a minute is
//! bounded: [`PACKETS_A_MINUTE`] records and [`TABLE`] summaries, about 5 MB. What a rule asks for with
//! `log = "every"` is bounded by the second only.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use jiff::Timestamp;
use portcullis_rules::{Action, Hook, LogDetail, Protocol, Reason, Transport};

use super::{PerSecond, describe::rule};
use crate::event::Event;

/// Written one by one of the same source, door, rule and reason in a minute.
const FIRST: u32 = 5;
/// Written one by one in a second, whatever the rules ask for.
const PACKETS_A_SECOND: u32 = 500;
/// Written one by one in a minute, unless a rule asks for every packet.
const PACKETS_A_MINUTE: u32 = 3000;
/// Kept apart in a minute; what comes after is counted together, one number for each action.
const TABLE: usize = 4096;
const MINUTE: i64 = 60;

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Write its record.
    Write,
    /// It is counted in a summary to come.
    Counted,
    /// Nothing is written about it.
    Silent,
}

/// A count of packets that have no record of their own.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The first of them.
    pub sample: Event,
    /// When the last of them was judged.
    pub last: Timestamp,
    /// How many.
    pub count: u64,
    /// What they have in common with the first.
    pub scope: Scope,
}

/// What the packets of a summary share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Source, door, rule and reason.
    Same,
    /// Only the action: there were too many to keep apart.
    Various,
}

impl Scope {
    /// The word in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Various => "various",
        }
    }
}

/// What is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    hook: Hook,
    rule: Option<Arc<str>>,
    reason: Option<Reason>,
    source: Option<IpAddr>,
    /// Protocol and destination port; of ICMP, the type.
    door: Option<(Protocol, u16)>,
}

#[derive(Debug, Default)]
struct Entry {
    written: u32,
    counted: Option<Box<Summary>>,
}

/// The state of the current minute. Time is the events' own.
#[derive(Debug)]
pub struct Budget {
    /// The current minute, counted from 1970.
    minute: i64,
    entries: HashMap<Subject, Entry>,
    various: [Option<Box<Summary>>; Action::ALL.len()],
    per_second: PerSecond,
    /// What may still be written in this minute.
    left: u32,
    waiting: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            minute: i64::MIN,
            entries: HashMap::new(),
            various: Default::default(),
            per_second: PerSecond::new(PACKETS_A_SECOND),
            left: PACKETS_A_MINUTE,
            waiting: false,
        }
    }
}

impl Budget {
    /// What to do with `event`. Take what is [due](Self::due) at its time first.
    pub fn admit(&mut self, event: &Event) -> Admission {
        let rule = rule(event);
        let detail = rule.map_or(LogDetail::Summary, |rule| rule.log);
        let first = match (detail, event.action) {
            (LogDetail::None, _) | (LogDetail::Summary, Action::Accept) => return Admission::Silent,
            (LogDetail::Summary, _) => FIRST,
            (LogDetail::Every, _) => u32::MAX,
        };
        let full = self.entries.len() >= TABLE;
        let subject = Subject::of(event, rule.map(|rule| Arc::clone(&rule.name)));
        let entry = match self.entries.get_mut(&subject) {
            Some(entry) => Some(entry),
            None if full => None,
            None => Some(self.entries.entry(subject).or_default()),
        };
        let written = entry.as_ref().map(|entry| entry.written);
        // With a full table nobody knows what is a first packet: only what is written anyway is.
        let every = first == u32::MAX;
        let wanted = every || self.left > 0 && written.is_some_and(|written| written < first);
        if wanted && self.per_second.take(event.time) {
            if !every {
                self.left -= 1;
            }
            if let Some(entry) = entry {
                entry.written += 1;
            }
            return Admission::Write;
        }
        match entry {
            Some(entry) => count(&mut entry.counted, event, Scope::Same),
            None => count(&mut self.various[event.action as usize], event, Scope::Various),
        }
        self.waiting = true;
        Admission::Counted
    }

    /// The summaries of a minute that is over at `now`, in the order of time. A clock that has gone
    /// back ends a minute, too.
    pub fn due(&mut self, now: Timestamp) -> Vec<Summary> {
        let minute = now.as_second().div_euclid(MINUTE);
        if minute == self.minute || minute == self.minute.saturating_sub(1) {
            return Vec::new();
        }
        self.minute = minute;
        self.left = PACKETS_A_MINUTE;
        self.flush()
    }

    /// All summaries, although the minute is not over.
    pub fn flush(&mut self) -> Vec<Summary> {
        self.waiting = false;
        let entries = self.entries.drain().filter_map(|(_, entry)| entry.counted);
        let various = self.various.iter_mut().filter_map(Option::take);
        let mut summaries: Vec<_> = entries.chain(various).map(|summary| *summary).collect();
        summaries.sort_by_key(|summary| summary.last);
        summaries
    }

    /// When summaries will be due, if there are any.
    pub fn deadline(&self) -> Option<Timestamp> {
        let end = self.minute.checked_add(1)?.checked_mul(MINUTE)?;
        self.waiting.then(|| Timestamp::from_second(end).ok()).flatten()
    }
}

impl Subject {
    fn of(event: &Event, rule: Option<Arc<str>>) -> Self {
        let door = event.headers.as_ref().map(|headers| {
            let door = match headers.transport {
                Transport::Tcp { ports, .. } | Transport::Ports { ports, .. } => ports.destination,
                Transport::Icmp { icmp, .. } => u16::from_be_bytes([icmp.kind, icmp.code]),
                Transport::Other => 0,
            };
            (headers.protocol, door)
        });
        let source = event.addresses().map(|(source, _)| source);
        Self { hook: event.hook, rule, reason: event.reason, source, door }
    }
}

fn count(slot: &mut Option<Box<Summary>>, event: &Event, scope: Scope) {
    match slot {
        Some(summary) => {
            summary.count += 1;
            summary.last = summary.last.max(event.time);
        }
        None => {
            *slot = Some(Box::new(Summary { sample: event.clone(), last: event.time, count: 1, scope }));
        }
    }
}

#[cfg(test)]
mod tests;
