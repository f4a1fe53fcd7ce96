//! What a configuration means, once it is known to be valid.

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use portcullis_rules::{Action, AddressSet, Key, Place, RuleId, Ruleset};

use crate::Validity;

/// A whole, valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `mode`; monitor as long as it is not known whether a mode of `when-enabled` is enabled.
    pub mode: Mode,
    /// Whether `mode` is `when-enabled`: see [`Self::settle`].
    pub when_enabled: bool,
    /// The time that the ruleset is for: when it was loaded, unless it was [asked for](Self::at) another.
    pub time: Timestamp,
    /// `[policy]` and `[[rule]]`, each rule with its standing at that time.
    pub ruleset: Arc<Ruleset>,
    /// The sets of addresses that rules name and take nothing from, by name.
    pub sets: Vec<(Arc<str>, Arc<AddressSet>)>,
    /// When the rules count that don't always, in order.
    pub validities: Vec<(RuleId, Validity)>,
    /// `[queue]`.
    pub queue: Queue,
    /// `[hook]`.
    pub hook: HookSettings,
    /// `[log]`.
    pub log: Log,
    /// `[detect]`.
    pub detect: Detect,
    /// `[[test]]`, in order.
    pub tests: Vec<PolicyTest>,
}

impl Config {
    /// Decides what a mode of `when-enabled` means: enforce if `portcullis enable` was said, monitor until
    /// then. Any other mode stays what it is.
    pub const fn settle(&mut self, enabled: bool) {
        if self.when_enabled && enabled {
            self.mode = Mode::Enforce;
        } else if self.when_enabled {
            self.watch();
        }
    }

    /// Makes it one that lets everything pass, whatever it says.
    pub const fn watch(&mut self) {
        self.mode = Mode::Monitor;
        self.queue.on_exit = Unjudged::Accept;
        self.queue.on_overload = Unjudged::Accept;
    }
}

/// Whether verdicts are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They are.
    #[default]
    Enforce,
    /// Packets are judged and recorded, and all of them pass.
    Monitor,
}

/// What becomes of packets that nobody judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unjudged {
    /// Fail-closed.
    Drop,
    /// Fail-open.
    Accept,
}

/// Which packets are judged in userspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inspect {
    /// The first packets of a flow; the kernel carries what was accepted.
    #[default]
    New,
    /// All.
    All,
}

/// How packets are taken from the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// Many at a time.
    #[default]
    Batched,
    /// One at a time, by the `nfq` crate.
    Nfq,
}

/// `[queue]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// NFQUEUE numbers, one worker thread each; `None`: from 7300, one for each CPU, at most 4.
    pub numbers: Option<RangeInclusive<u16>>,
    /// `inspect`.
    pub inspect: Inspect,
    /// `on-overload`: when the queue is full.
    pub on_overload: Unjudged,
    /// `on-exit`: while nobody holds the queue. Default: drop, and accept in monitor mode.
    pub on_exit: Unjudged,
    /// `backend`.
    pub backend: Backend,
    /// `gso`: whether packets may arrive unsegmented.
    pub gso: bool,
}

/// How the hook is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Install {
    /// nft's own queue statement where the kernel has it, else the iptables target.
    #[default]
    Auto,
    /// nft's own queue statement.
    Nft,
    /// The iptables NFQUEUE target between our nft chains.
    Iptables,
    /// The administrator does it.
    None,
}

/// `[hook]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookSettings {
    /// `install`.
    pub install: Install,
    /// `mask`: our bits of packet and connection marks; contiguous, 6 to 16 of them.
    pub mask: u32,
    /// `allow-mark-clash`: start although somebody else's rules use bits of the mask.
    pub allow_mark_clash: bool,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `directory`.
    pub directory: PathBuf,
    /// `max-size`: of one file, in bytes, before it is rotated.
    pub max_size: u64,
    /// `max-total`: of all files, in bytes.
    pub max_total: u64,
    /// `max-age`: of what is kept, at least a day; without it, nothing goes for its age.
    pub max_age: Option<Duration>,
    /// `journald`: what is told to systemd's journal beside the files.
    pub journald: Journald,
    /// `syslog`: whether blocked packets are also written as kernel-style lines.
    pub syslog: bool,
}

/// What is told to systemd's journal; each includes what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Journald {
    /// The daemon's own life only.
    None,
    /// Incidents.
    #[default]
    Incidents,
    /// Blocked packets, too, within the same budget as the files.
    Packets,
}

/// `[detect]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detect {
    /// `threshold`: the score of an incident, about as many closed doors as one source has to try.
    pub threshold: u32,
    /// `window`.
    pub window: Duration,
    /// `ban`.
    pub ban: Ban,
    /// `allow`: addresses that are never banned.
    pub allow: Arc<AddressSet>,
}

/// `[detect.ban]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// `enable`: whether an incident makes its source banned.
    pub enable: bool,
    /// `first`: how long a source is banned the first time; each later time it is twice as long.
    pub first: Duration,
    /// `longest`: but never longer than this; not below `first`.
    pub longest: Duration,
    /// `severity`: the least that an incident has to have.
    pub severity: Severity,
}

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the detector says what makes an incident one of them")]
pub enum Severity {
    Low,
    Medium,
    High,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            directory: "/var/log/portcullis".into(),
            max_size: 64 << 20,
            max_total: 1 << 30,
            max_age: None,
            journald: Journald::default(),
            syslog: false,
        }
    }
}

impl Default for Detect {
    fn default() -> Self {
        Self { threshold: 6, window: Duration::from_secs(600), ban: Ban::default(), allow: Arc::default() }
    }
}

impl Default for Ban {
    fn default() -> Self {
        Self {
            enable: false,
            first: Duration::from_secs(600),
            longest: Duration::from_secs(7 * 86_400),
            severity: Severity::High,
        }
    }
}

/// A `[[test]]` of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTest {
    /// The packet, as written.
    pub packet: String,
    /// The packet, as understood.
    pub key: Key,
    /// What the rules must say of it.
    pub expect: Action,
    /// The time that it is about; without one, the answer must be the same at all times.
    pub at: Option<Timestamp>,
    /// Where it is written.
    pub place: Place,
}
