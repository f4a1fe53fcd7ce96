//! What a configuration means, once it is known to be valid.

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc, time::Duration};

use portcullis_rules::{Action, Key, Place, Ruleset};

/// A whole, valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `mode`.
    pub mode: Mode,
    /// `[policy]` and `[[rule]]`.
    pub ruleset: Arc<Ruleset>,
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
}

/// `[detect]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detect {
    /// `threshold`: distinct closed doors that one source has to try within the window.
    pub threshold: u32,
    /// `window`.
    pub window: Duration,
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
    /// Where it is written.
    pub place: Place,
}
