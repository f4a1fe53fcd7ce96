//! What the kernel's rules count.

use serde_json::Value;

use super::{Hook, TABLE, banned, command::run, nft};

impl Hook {
    /// The packets that the kernel has dropped because their source was banned, since the hook was
    /// installed; `None` where it isn't.
    pub fn dropped_by_ban() -> Option<u64> {
        packets(banned::COUNTER)
    }

    /// The packets that came by without a verdict since the hook was installed; `None` where it isn't.
    pub fn unjudged() -> Option<u64> {
        packets(nft::UNJUDGED)
    }
}

fn packets(counter: &str) -> Option<u64> {
    let listed = run("nft", &["--json", "list", "counter", "inet", TABLE, counter], "").ok()?;
    let listed: Value = serde_json::from_str(&listed).ok()?;
    listed["nftables"].as_array()?.iter().find_map(|object| object.pointer("/counter/packets")?.as_u64())
}
