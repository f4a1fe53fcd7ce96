//! What all packet-filter tools say of a host.

use super::Namespace;

/// Rules and routing rules, without their counters and the time of day.
#[derive(PartialEq, Eq)]
pub(crate) struct Snapshot(String);

impl Snapshot {
    pub(crate) fn of(host: &Namespace) -> Self {
        // iptables-save is asked first: it may make tables just by looking.
        Self(host.sh("iptables-save | sed '/^#/d; s/ \\[[0-9:]*]$//'
             ip6tables-save | sed '/^#/d; s/ \\[[0-9:]*]$//'
             nft --stateless list ruleset
             ip rule
             ip -6 rule"))
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
