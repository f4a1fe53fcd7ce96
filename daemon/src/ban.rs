//! Sources that are dropped for a time.
//!
//! The list is the control thread's. What it holds stands in two sets of our nft table, ahead of the
//! queue: a flood from a banned source never reaches userspace. Kernel and file are made from the list
//! at every start and reload; the ends are points in time, so that neither a restart nor a time
//! without the daemon makes a ban longer or shorter.

mod requests;
mod spared;
mod store;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, io, net::IpAddr, path::Path, time::Duration};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::store::Store;
pub use self::{
    requests::{Asker, BanRequest, Requests, requests},
    spared::{Spared, spared},
};

/// The most sources that are banned at a time.
pub const MOST: usize = 16_384;

/// A source that is dropped for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// An IPv4 address, or an IPv6 /64: what one customer or host has, and any address of it would do.
    pub source: IpNet,
    /// When it was banned; the last time, if it was before.
    pub since: Timestamp,
    /// When that ends.
    pub until: Timestamp,
    /// Why, in plain words.
    pub why: String,
    /// Who banned it.
    pub by: By,
}

impl Ban {
    /// How long it still holds at `now`: never longer than it was given, however far the clock was set back.
    pub fn left(&self, now: Timestamp) -> Duration {
        let left = self.until.duration_since(now).min(self.until.duration_since(self.since));
        Duration::try_from(left).unwrap_or_default()
    }
}

/// Who bans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Somebody, by command.
    Administrator,
    /// The detector.
    Detector,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Administrator => "administrator",
            Self::Detector => "detector",
        })
    }
}

/// The answer to `portcullis bans`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanList {
    /// Whether packets are dropped: not in monitor mode, nor where the kernel rules are somebody else's.
    pub enforced: bool,
    /// Packets dropped so far by all bans together, as far as the kernel tells.
    pub dropped: Option<u64>,
    /// Who is banned, by address.
    pub bans: Vec<Ban>,
}

/// What is banned together with `address`.
pub fn source_of(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Net::from(address).into(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).trunc().into(),
    }
}

/// All bans.
#[derive(Debug)]
pub struct Bans {
    store: Store,
    entries: BTreeMap<IpNet, Ban>,
}

/// [`MOST`] sources are banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Bans {
    /// The bans that were kept in the directory `state`, without those that are over.
    pub fn load(state: &Path, now: Timestamp) -> Self {
        let store = Store::new(state);
        let kept = store.load().into_iter().filter(|ban| ban.until > now).take(MOST);
        let entries = kept.map(|ban| (ban.source, ban)).collect();
        Self { store, entries }
    }

    /// Adds a ban, or replaces the one of its source.
    ///
    /// # Errors
    /// When there are too many.
    pub fn add(&mut self, ban: Ban) -> Result<(), Full> {
        self.forget_what_is_over(ban.since);
        if self.entries.len() >= MOST && !self.entries.contains_key(&ban.source) {
            return Err(Full);
        }
        self.entries.insert(ban.source, ban);
        Ok(())
    }

    /// Ends a ban.
    pub fn remove(&mut self, source: IpNet) -> Option<Ban> {
        self.entries.remove(&source)
    }

    /// The ban of a source, if there is one at `now`.
    pub fn of(&self, source: IpNet, now: Timestamp) -> Option<&Ban> {
        self.entries.get(&source).filter(|ban| ban.until > now)
    }

    /// The bans that hold at `now`, by source.
    pub fn current(&self, now: Timestamp) -> impl Iterator<Item = &Ban> {
        self.entries.values().filter(move |ban| ban.until > now)
    }

    /// Who is banned at `now`, and for how long from then on.
    pub fn remaining(&self, now: Timestamp) -> impl Iterator<Item = (IpNet, Duration)> {
        self.current(now).map(move |ban| (ban.source, ban.left(now)))
    }

    /// Whether none is known, not even one that is over.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the bans down for the next start.
    ///
    /// # Errors
    /// What the file system said; what was written before is still there.
    pub fn save(&mut self, now: Timestamp) -> io::Result<()> {
        self.forget_what_is_over(now);
        self.store.save(self.entries.values())
    }

    fn forget_what_is_over(&mut self, now: Timestamp) {
        self.entries.retain(|_, ban| ban.until > now);
    }
}

/// The end of a ban of this length, as far as there are times.
pub fn end(now: Timestamp, length: Duration) -> Timestamp {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    now.checked_add(length).unwrap_or(Timestamp::MAX)
}
