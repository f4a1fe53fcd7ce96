//! What is on the screen, and what keys do to it. Time comes from the daemon's clock, or from the
//! records themselves.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use jiff::{Timestamp, tz::TimeZone};
use portcullis_rules::Ruleset;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::spark::Spark;
use crate::{
    log::{Record, digest::lines},
    review::{explained, incidents::Told},
    status::Status,
};

/// Records that one can go back to.
const RECENT: usize = 500;
/// Ports and sources that are counted apart.
const MOST: usize = 5000;
const MOST_INCIDENTS: usize = 50;

/// What a key asks for beyond the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Quit,
    Ban(IpAddr),
    Unban(IpAddr),
}

/// What the keys are for at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Watch,
    /// A filter is being typed.
    Filter,
    /// An event is explained.
    Explain(Vec<String>),
    /// A source is about to be banned, or no longer: is that meant?
    Ask(Wish),
    Help,
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) directory: String,
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
    pub(super) status: Option<Status>,
    /// Accepted, dropped and rejected in a second.
    pub(super) rates: [u64; 3],
    pub(super) refused: Spark,
    pub(super) ports: HashMap<(u16, String), Spark>,
    pub(super) sources: HashMap<IpAddr, Spark>,
    pub(super) recent: VecDeque<Record>,
    /// Open ones, the latest last.
    pub(super) open: Vec<Told>,
    pub(super) mode: Mode,
    pub(super) filter: String,
    pub(super) paused: bool,
    /// Which of the shown records, from the latest.
    pub(super) selected: usize,
    heard: Option<(Timestamp, [u64; 3])>,
}

impl Board {
    pub(super) fn new(directory: String, zone: TimeZone) -> Self {
        Self {
            directory,
            zone,
            now: Timestamp::UNIX_EPOCH,
            status: None,
            rates: [0; 3],
            refused: Spark::default(),
            ports: HashMap::new(),
            sources: HashMap::new(),
            recent: VecDeque::new(),
            open: Vec::new(),
            mode: Mode::Watch,
            filter: String::new(),
            paused: false,
            selected: 0,
            heard: None,
        }
    }

    /// What the daemon said, or that it said nothing.
    pub(super) fn hear(&mut self, status: Option<Status>, now: Timestamp) {
        if let Some(status) = &status {
            let totals = [status.packets.accepted, status.packets.dropped, status.packets.rejected];
            if let Some((then, before)) = self.heard {
                let milliseconds = u64::try_from(now.duration_since(then).as_millis()).unwrap_or(1).max(1);
                let rate = |n: usize| totals[n].saturating_sub(before[n]) * 1000 / milliseconds;
                self.rates = [rate(0), rate(1), rate(2)];
            }
            self.heard = Some((now, totals));
            self.now = now;
            self.age();
        } else {
            (self.heard, self.rates) = (None, [0; 3]);
        }
        self.status = status;
    }

    /// Takes in lines of `blocked.jsonl`.
    pub(super) fn packets(&mut self, text: &[u8]) {
        for record in lines(text).filter_map(|line| serde_json::from_slice::<Record>(line).ok()) {
            self.now = self.now.max(record.timestamp);
            if record.drop.is_none() {
                continue;
            }
            let (time, count) = (record.timestamp, record.count());
            self.refused.add(time, count);
            if let (Some(port), Some(protocol)) = (record.dest_port, &record.proto) {
                add(&mut self.ports, (port, protocol.to_lowercase()), time, count);
            }
            if let Some(source) = record.src_ip {
                add(&mut self.sources, source, time, count);
            }
            if self.paused {
                // What one looks at stays where it is.
                self.selected = self.selected.saturating_add(usize::from(self.shows(&record)));
            }
            self.recent.push_back(record);
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
        self.age();
    }

    /// Takes in lines of `incidents.jsonl`.
    pub(super) fn incidents(&mut self, text: &[u8]) {
        for told in lines(text).filter_map(|line| serde_json::from_slice::<Told>(line).ok()) {
            self.open.retain(|open| open.incident.id != told.incident.id);
            if told.incident.phase != "end" {
                self.open.push(told);
            }
            if self.open.len() > MOST_INCIDENTS {
                self.open.remove(0);
            }
        }
    }

    /// The records that the filter lets through, the latest first.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Record> {
        self.recent.iter().rev().filter(|record| self.shows(record))
    }

    fn shows(&self, record: &Record) -> bool {
        let port = || record.dest_port.is_some_and(|port| port.to_string() == self.filter);
        let source = || record.src_ip.is_some_and(|source| source.to_string().starts_with(&self.filter));
        self.filter.is_empty() || port() || source() || record.alert.signature.contains(&self.filter)
    }

    /// Does what a key means.
    pub(super) fn key(&mut self, key: KeyEvent, ruleset: Option<&Ruleset>) -> Wish {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Wish::Quit;
        }
        match (&self.mode, key.code) {
            (Mode::Filter, KeyCode::Enter) => self.mode = Mode::Watch,
            (Mode::Filter, KeyCode::Esc) => {
                self.filter.clear();
                self.mode = Mode::Watch;
            }
            (Mode::Filter, KeyCode::Backspace) => {
                self.filter.pop();
            }
            (Mode::Filter, KeyCode::Char(c)) if self.filter.len() < 40 && !c.is_control() => {
                self.filter.push(c)
            }
            (Mode::Filter, _) => {}
            (Mode::Ask(wish), KeyCode::Char('y')) => {
                let wish = *wish;
                self.mode = Mode::Watch;
                return wish;
            }
            (Mode::Explain(_) | Mode::Help | Mode::Ask(_), _) => self.mode = Mode::Watch,
            (Mode::Watch, KeyCode::Char('q') | KeyCode::Esc) => return Wish::Quit,
            (Mode::Watch, KeyCode::Char('p' | ' ')) => self.paused = !self.paused,
            (Mode::Watch, KeyCode::Char('/')) => {
                self.mode = Mode::Filter;
                self.selected = 0;
            }
            (Mode::Watch, KeyCode::Char('?' | 'h')) => self.mode = Mode::Help,
            (Mode::Watch, KeyCode::Down | KeyCode::Char('j')) => {
                let last = self.shown().count().saturating_sub(1);
                self.selected = (self.selected + 1).min(last);
            }
            (Mode::Watch, KeyCode::Up | KeyCode::Char('k')) => {
                self.selected = self.selected.saturating_sub(1)
            }
            (Mode::Watch, KeyCode::Enter) => self.explain(ruleset),
            (Mode::Watch, KeyCode::Char('b')) => self.ask(Wish::Ban),
            (Mode::Watch, KeyCode::Char('u')) => self.ask(Wish::Unban),
            (Mode::Watch, _) => {}
        }
        Wish::Nothing
    }

    fn explain(&mut self, ruleset: Option<&Ruleset>) {
        let Some(record) = self.shown().nth(self.selected) else { return };
        let mut lines = vec![super::draw::packet(record)];
        match ruleset {
            Some(ruleset) => lines.extend(explained(record, ruleset)),
            None => lines.push(
                "The configuration can't be read: it would tell which rule nearly let it in.".to_owned(),
            ),
        }
        if let Some(id) = &record.alert.metadata.event_id {
            lines.push(format!("event:  {}", crate::log::Escaped(id)));
        }
        self.mode = Mode::Explain(lines);
    }

    fn ask(&mut self, wish: impl FnOnce(IpAddr) -> Wish) {
        let source = self.shown().nth(self.selected).and_then(|record| record.src_ip);
        if let Some(source) = source {
            self.mode = Mode::Ask(wish(source));
        }
    }

    /// Tells something that has to be read.
    pub(super) fn tell(&mut self, text: String) {
        self.mode = Mode::Explain(vec![text]);
    }

    /// Lets what is too old fall off.
    fn age(&mut self) {
        let now = self.now;
        self.refused.at(now);
        self.ports.values_mut().chain(self.sources.values_mut()).for_each(|spark| spark.at(now));
        self.ports.retain(|_, spark| spark.total() > 0);
        self.sources.retain(|_, spark| spark.total() > 0);
    }
}

fn add<K: std::hash::Hash + Eq>(sparks: &mut HashMap<K, Spark>, key: K, time: Timestamp, count: u64) {
    if sparks.len() < MOST || sparks.contains_key(&key) {
        sparks.entry(key).or_default().add(time, count);
    }
}
