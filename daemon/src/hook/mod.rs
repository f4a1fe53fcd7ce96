//! The hook: what stands in the kernel, and nothing but that.
//!
//! Three steps at each hook that is ours, all in one nft table:
//!
//! - `before-*`: loopback, banned sources, accepted flows, built-in passes, failsafe rules and cut
//!   flows are settled here; for all others, state and direction are written into our bits of the
//!   packet's mark.
//! - `judge-*`: packets with a question go to the queue. The daemon's answer is *repeat*, so
//!   the packet comes by again, with the answer in its mark, and goes on. Where the kernel lacks nft's `queue`
//!   statement, the same is a chain of iptables' security table.
//! - `after-*`: an accepted packet has its generation saved in the connection's mark and our bits of its
//!   own mark cleared; what is to be rejected or cut is, by the kernel; what nobody judged is dropped,
//!   or passes where the configuration wants that.
//!
//! A flow that was cut is refused in all three hooks, whichever are ours.

mod banned;
mod builtin;
mod clash;
mod command;
mod counted;
mod failsafe;
mod install;
mod iptables;
mod matches;
mod nft;
mod notices;
mod tap;

pub use builtin::{BUILTIN, BuiltinPass};
pub use clash::{Clash, find_clashes};
pub use command::HookError;
pub(crate) use command::{find as find_tool, run as run_tool};
pub use install::{Existing, Hook, Removed, Standing};
pub(crate) use matches::{Direction, Family, NftMatch, nft_matches, set_name};
pub(crate) use nft::comment;
pub use notices::{Changes, Notices};

use std::fmt;

use portcullis_config::{Config, Inspect, Install, Mode, Unjudged};
use portcullis_rules::{HookSet, Rule};

use crate::mark::{GenerationMark, MarkLayout};

/// The name of our nft table and, in capitals, of our iptables chain.
pub const TABLE: &str = "portcullis";

/// How packets get to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// By nft's own `queue` statement (`CONFIG_NFT_QUEUE`).
    Nft,
    /// By the iptables NFQUEUE target, between our nft chains.
    Iptables {
        /// The priority of its security table.
        security: i32,
    },
}

/// Who carries the rules, in words.
impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nft => "nft",
            Self::Iptables { .. } => "nft and iptables",
        })
    }
}

/// Everything that the kernel rules depend on.
#[derive(Debug, Clone)]
pub struct Plan {
    hooks: HookSet,
    layout: MarkLayout,
    queues: (u16, u16),
    inspect: Inspect,
    /// What becomes of a packet when nobody listens at the queue.
    on_exit: Unjudged,
    /// What becomes of a packet that reaches `after-*` without an answer.
    unanswered: Unjudged,
    failsafe: Vec<Rule>,
    /// Whether packets of banned sources are dropped.
    bans: bool,
    remembers: bool,
    /// Whether rules tell the recorder what no queue shows.
    tap: bool,
}

impl Plan {
    /// The rules that `config` asks for, with the queues numbered `first` to `last`.
    pub fn new(config: &Config, (first, last): (u16, u16)) -> Self {
        let monitor = config.mode == Mode::Monitor;
        let open = |unjudged| monitor || unjudged == Unjudged::Accept;
        let unjudged = |open| if open { Unjudged::Accept } else { Unjudged::Drop };
        let mut plan = Self {
            hooks: config.ruleset.policy.hooks(),
            layout: MarkLayout::new(config.hook.mask),
            queues: (first, last),
            inspect: config.queue.inspect,
            on_exit: unjudged(open(config.queue.on_exit)),
            unanswered: unjudged(open(config.queue.on_exit) || open(config.queue.on_overload)),
            failsafe: config.ruleset.rules.iter().filter(|rule| rule.failsafe).cloned().collect(),
            bans: !monitor,
            remembers: true,
            tap: true,
        };
        if config.hook.install == Install::None {
            // Rules that somebody else keeps can't follow our generations.
            plan.remember_nothing();
        }
        plan
    }

    /// Makes these rules for a daemon that can't keep marks on connections: every packet is judged.
    pub const fn remember_nothing(&mut self) {
        self.inspect = Inspect::All;
        self.remembers = false;
    }

    /// Whether packets pass that come by without a verdict.
    pub fn opens(&self) -> bool {
        self.unanswered == Unjudged::Accept
    }

    /// The same without the rules that only tell, for a kernel without `CONFIG_NFT_LOG`.
    pub fn without_tap(&self) -> Self {
        Self { tap: false, ..self.clone() }
    }

    /// The rules as lines for a shell, for an administrator who installs them by hand.
    pub fn shell_script(&self, dialect: Dialect, generation: GenerationMark) -> String {
        let mut script = format!("nft -f - <<'EOF'\n{}EOF\n", nft::script(self, dialect, generation));
        if dialect != Dialect::Nft {
            let chain = iptables::script(self, "");
            for tool in ["iptables", "ip6tables"] {
                script.push_str(&format!("{tool}-restore --wait --noflush <<'EOF'\n{chain}EOF\n"));
                for hook in self.hooks.iter() {
                    let jump = |verb| {
                        format!("{tool} --wait --table {} {}", iptables::IN_TABLE, iptables::jump(verb, hook))
                    };
                    script.push_str(&format!("{} 2>/dev/null || {}\n", jump("-C"), jump("-I")));
                }
            }
        }
        script
    }

    /// Netfilter's log group that tells what no queue shows: the number of the first queue, since nobody
    /// else uses that either.
    pub const fn log_group(&self) -> u16 {
        self.queues.0
    }

    /// Whether accepted flows are marked, so that the kernel knows them.
    pub const fn remembers(&self) -> bool {
        self.remembers
    }

    /// The first and the last queue.
    pub const fn queues(&self) -> (u16, u16) {
        self.queues
    }

    /// The layout of the marks.
    pub const fn layout(&self) -> MarkLayout {
        self.layout
    }
}
