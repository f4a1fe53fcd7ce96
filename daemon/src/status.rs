//! How the daemon is, in plain words and as data.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{counters::Totals, queue::QueueStatus, trouble::Degraded};

/// The answer to `portcullis status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// `enforce` or `monitor`.
    pub mode: String,
    /// How many tables it has published.
    pub generation: u64,
    /// Where the live rules come from.
    pub configuration: String,
    /// When the rules in force go back, if they wait to be confirmed.
    #[serde(default)]
    pub trial: Option<Timestamp>,
    /// Whether the rules in force are those of the last reload.
    #[serde(default)]
    pub last_reload_succeeded: bool,
    /// All that is wrong, the worst first; empty when nothing is.
    #[serde(default)]
    pub degraded: Vec<Degraded>,
    /// How many rules there are.
    pub rules: usize,
    /// The hooks that are ours.
    pub hooks: Vec<String>,
    /// The files of addresses that are watched.
    #[serde(default)]
    pub lists: Vec<List>,
    /// How packets get to the queue: `nft`, `iptables`, or `none` when the administrator sees to it.
    pub hook_install: String,
    /// How often somebody else changed the kernel rules, and they were put back.
    #[serde(default)]
    pub hook_restored: u64,
    /// Packets that nobody judged since the hook was installed: nobody was at their queue, or it was full and
    /// `queue.on-overload` lets them pass. `None` where the rules are not to be asked.
    #[serde(default)]
    pub unjudged: Option<u64>,
    /// What workers counted.
    pub packets: Totals,
    /// What the recorder counted.
    pub records: Records,
    /// The queues, as the kernel counts them.
    pub queues: Vec<QueueStatus>,
}

/// A file of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Its path.
    pub file: String,
    /// When the contents that are in force were written, as far as that is known.
    pub written: Option<Timestamp>,
    /// Why the file as it is now is not in force.
    pub problem: Option<String>,
}

impl List {
    /// What there is to say when its contents are not those of the file.
    pub fn outdated(&self) -> Option<String> {
        let Self { file, written, problem } = self;
        let problem = problem.as_ref()?;
        let of = written.map(|written| format!(", what is in force is of {}", written.strftime("%F %T UTC")));
        Some(format!("{file}: {problem}{}", of.unwrap_or_default()))
    }
}

/// What became of the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Written one by one.
    pub written: u64,
    /// Counted in a summary.
    pub summarised: u64,
    /// Kept out by a rule's `log = "none"`.
    pub suppressed: u64,
    /// Incidents begun.
    pub incidents: u64,
    /// The same by pattern.
    #[serde(default)]
    pub patterns: Vec<(String, u64)>,
    /// Entries that the journal or syslog had no room for.
    #[serde(default)]
    pub untold: u64,
    /// Failed writes.
    pub errors: u64,
}

impl Status {
    /// One sentence, such as systemd shows.
    pub fn sentence(&self) -> String {
        let Self { mode, generation, rules, hooks, .. } = self;
        let verb = if mode == "monitor" { "watching (monitor mode: everything passes)" } else { "filtering" };
        let degraded = match self.degraded.as_slice() {
            [] => String::new(),
            [only] => format!("; DEGRADED: {only}"),
            [worst, rest @ ..] => format!("; DEGRADED: {worst}, and {} more", rest.len()),
        };
        let trial = self.trial.map(|until| format!("; ON TRIAL: {}", on_trial(until))).unwrap_or_default();
        format!("{verb} {} with {rules} rules, generation {generation}{trial}{degraded}", hooks.join(", "))
    }
}

fn on_trial(until: Timestamp) -> String {
    let until = until.to_zoned(jiff::tz::TimeZone::system());
    format!("they go back at {} unless portcullis confirm is said", until.strftime("%H:%M:%S"))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals {
            accepted,
            dropped,
            rejected,
            reasons,
            events_lost,
            contacts_left_out,
            errors,
            restart_orphans,
            verdicts: _,
            latency,
        } = &self.packets;
        writeln!(f, "portcullis {}, process {}: {}", self.version, self.pid, self.sentence())?;
        writeln!(f, "  rules from      {}", self.configuration)?;
        writeln!(f, "  hook            {} by {}", self.hooks.join(", "), self.hook_install)?;
        writeln!(f, "  packets judged  {accepted} accepted, {dropped} dropped, {rejected} rejected")?;
        for (reason, count) in reasons.iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "                  {count} for: {reason}")?;
        }
        if let (Some(half), Some(most)) = (latency.within(500), latency.within(999)) {
            writeln!(f, "  verdict after   {half:?} for half of them, {most:?} for 99.9 % (at most)")?;
        }
        if *restart_orphans > 0 {
            writeln!(f, "                  {restart_orphans} dropped as restart orphans")?;
        }
        if let Some(unjudged @ 1..) = self.unjudged {
            writeln!(f, "  not judged      {unjudged}: nobody was at their queue, or it was full and open")?;
        }
        let Records { written, summarised, suppressed, incidents, errors: write_errors, .. } = self.records;
        let unwanted = if suppressed > 0 { format!(", {suppressed} not wanted") } else { String::new() };
        writeln!(
            f,
            "  records         {written} written, {summarised} in summaries{unwanted}; incidents: {incidents}"
        )?;
        if *events_lost + *contacts_left_out > 0 {
            writeln!(
                f,
                "  only counted    {events_lost} refused packets, {contacts_left_out} accepted contacts: too many to look at each"
            )?;
        }
        if *errors + write_errors > 0 {
            writeln!(f, "  trouble         {errors} queue errors, {write_errors} write errors")?;
        }
        for queue in &self.queues {
            let QueueStatus { number, waiting, dropped_full, dropped_unsent, packets, .. } = queue;
            writeln!(
                f,
                "  queue {number}      {packets} packets, {waiting} waiting, {} lost",
                dropped_full + dropped_unsent
            )?;
        }
        Ok(())
    }
}
