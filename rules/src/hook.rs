//! Where in the kernel a packet is judged.

use std::fmt;

/// One of netfilter's hooks that Portcullis filters at (`enum nf_inet_hooks`, `linux/netfilter.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// To a socket of this host.
    Input,
    /// From a socket of this host.
    Output,
    /// Through this host: containers, virtual machines, routed networks.
    Forward,
}

impl Hook {
    /// All hooks, in the order in which they are printed.
    pub const ALL: [Self; 3] = [Self::Input, Self::Output, Self::Forward];

    /// The name used in rule files, records and kernel tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Forward => "forward",
        }
    }

    /// The hook that `name` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The hook that saw the other direction of the same flow.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Input => Self::Output,
            Self::Output => Self::Input,
            Self::Forward => Self::Forward,
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HookSet(u8);

impl HookSet {
    /// No hook.
    pub const EMPTY: Self = Self(0);

    /// This set and `hook`.
    #[must_use]
    pub const fn with(self, hook: Hook) -> Self {
        Self(self.0 | 1 << hook as u8)
    }

    /// Whether `hook` is in the set.
    pub const fn contains(self, hook: Hook) -> bool {
        self.0 & (1 << hook as u8) != 0
    }

    /// Whether no hook is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The hooks in the set, in [`Hook::ALL`]'s order.
    pub fn iter(self) -> impl Iterator<Item = Hook> {
        Hook::ALL.into_iter().filter(move |&hook| self.contains(hook))
    }

    /// How many hooks are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }
}

impl FromIterator<Hook> for HookSet {
    fn from_iter<I: IntoIterator<Item = Hook>>(hooks: I) -> Self {
        hooks.into_iter().fold(Self::EMPTY, Self::with)
    }
}
