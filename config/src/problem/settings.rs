//! Settings that make no sense together.

use std::fmt;

/// What is wrong with `[policy]`, `[queue]`, `[hook]`, `[log]` or `[detect]`.
#[derive(Debug)]
pub(crate) enum SettingsProblem {
    /// No hook has a policy.
    NoHook,
    /// A key says drop, in monitor mode.
    DropInMonitor {
        key: &'static str,
    },
    TooManyQueues {
        count: usize,
    },
    Mask {
        mask: u32,
    },
    RelativeDirectory,
    /// `max-total` is less than `max-size`.
    TotalBelowSize,
    /// `max-age` is less than a day.
    AgeBelowDay,
    /// `longest` is less than `first`.
    LongestBelowFirst,
}

impl SettingsProblem {
    pub(super) fn help(&self) -> String {
        match self {
            Self::NoHook => {
                "write [policy] and below it, for example, input = \"drop\" and output = \"accept\"".into()
            }
            Self::DropInMonitor { key } => format!(
                "take `{key}` out: it is \"accept\" in monitor mode and \"drop\" in enforce mode unless written"
            ),
            Self::TooManyQueues { .. } => "one for each CPU is enough; at most 64 are allowed".into(),
            Self::Mask { .. } => {
                "give 6 to 16 bits that stand side by side, such as 0x7f000000; other programs use the others"
                    .into()
            }
            Self::RelativeDirectory => "begin it with a slash: the daemon has no directory of its own".into(),
            Self::TotalBelowSize => "give `max-total` room for several files of `max-size`".into(),
            Self::AgeBelowDay => "give it a day or more: files of records are rotated once a day".into(),
            Self::LongestBelowFirst => "each ban is twice as long as the one before, up to `longest`".into(),
        }
    }
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHook => f.write_str("no hook has a policy, so there is nothing to filter"),
            Self::DropInMonitor { key } => {
                write!(f, "in monitor mode every packet passes, so `{key}` cannot be \"drop\"")
            }
            Self::TooManyQueues { count } => write!(f, "{count} queues are too many"),
            Self::Mask { mask } => write!(f, "{mask:#010x} cannot be our mask"),
            Self::RelativeDirectory => f.write_str("this directory is not an absolute path"),
            Self::TotalBelowSize => f.write_str("all files together may not be smaller than one of them"),
            Self::AgeBelowDay => f.write_str("records cannot go sooner than after a day"),
            Self::LongestBelowFirst => f.write_str("the longest ban may not be shorter than the first"),
        }
    }
}
