//! Keys that take one of a few words.

use std::fmt;

/// A few words, and what they name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// With its article.
    pub(crate) noun: &'static str,
    pub(crate) words: &'static [&'static str],
}

impl Choice {
    pub(crate) const MODE: Self = Self { noun: "a mode", words: &["enforce", "monitor", "when-enabled"] };
    pub(crate) const ACTION: Self = Self { noun: "an action", words: &["accept", "drop", "reject"] };
    pub(crate) const UNJUDGED: Self = Self { noun: "a choice here", words: &["drop", "accept"] };
    pub(crate) const INSPECT: Self = Self { noun: "a choice here", words: &["new", "all"] };
    pub(crate) const BACKEND: Self = Self { noun: "a backend", words: &["batched", "nfq"] };
    pub(crate) const INSTALL: Self =
        Self { noun: "a way to install the hook", words: &["auto", "nft", "iptables", "none"] };
    pub(crate) const HOOK: Self = Self { noun: "a hook", words: &["input", "output", "forward"] };
    pub(crate) const STATE: Self =
        Self { noun: "a state", words: &["new", "established", "related", "invalid", "untracked"] };
    pub(crate) const JOURNALD: Self =
        Self { noun: "a choice here", words: &["none", "incidents", "packets"] };
    pub(crate) const SEVERITY: Self = Self { noun: "a severity", words: &["low", "medium", "high"] };
    pub(crate) const LOG: Self = Self { noun: "a choice here", words: &["none", "summary", "every"] };
}

/// `"a", "b" or "c"`.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, word) in self.words.iter().enumerate() {
            let before = match n {
                0 => "",
                _ if n + 1 == self.words.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}\"{word}\"")?;
        }
        Ok(())
    }
}
