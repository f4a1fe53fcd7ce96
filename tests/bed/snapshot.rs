//! What all packet-filter tools say of a host.

use super::Namespace;

/// Rules and routing rules, without their counters and the time of day.
#[derive(PartialEq, Eq)]
pub(crate) struct Snapshot(String);

impl Snapshot {
    pub(crate) fn of(host: &Namespace) -> Self {
        // These tools make tables just by being used, and leave them: a table without rules is none.
        Self(host.sh("saved() { $1-save | sed '/^#/d; /^\\*/d; /^COMMIT/d; /^:.* ACCEPT /d; s/ \\[[0-9:]*]$//'; }
             saved iptables
             saved ip6tables
             nft --stateless list ruleset | tr '\\n' '~' | sed 's/table [a-z0-9]* [a-z]* {~}~//g' | tr '~' '\\n'
             ip rule
             ip -6 rule"))
    }

    /// Whether this word is in it.
    pub(crate) fn mentions(&self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// Whether anything of ours is in it.
    pub(crate) fn mentions_us(&self) -> bool {
        self.0.contains("portcullis") || self.0.contains("NFQUEUE")
    }
}

/// As it is, so that a failed comparison can be read.
impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\n")?;
        f.write_str(&self.0)
    }
}
