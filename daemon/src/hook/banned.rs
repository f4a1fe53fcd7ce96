//! Banned sources as two sets of our nft table. A set stays what it is while rules are replaced, and
//! its members leave it by themselves when their time is over.

use std::{fmt::Write as _, time::Duration};

use ipnet::IpNet;
use portcullis_rules::Hook as At;

use super::{
    Hook, TABLE,
    command::{HookError, run},
};

/// The set of banned IPv4 addresses.
pub(super) const V4: &str = "banned-v4";
/// The set of banned IPv6 networks, by the first address of their /64.
pub(super) const V6: &str = "banned-v6";
/// Counts what is dropped.
pub(super) const COUNTER: &str = "banned";
/// Members in one command: nft reads each line whole.
const AT_ONCE: usize = 256;

/// The hooks where packets of banned sources are dropped: those that somebody else's packets come by.
pub(super) const HOOKS: [At; 2] = [At::Input, At::Forward];

impl Hook {
    /// Bans these sources, each for so long from now; sets the time of those that are banned already.
    ///
    /// # Errors
    /// When nft refuses; nothing has changed then.
    pub fn ban(bans: &[(IpNet, Duration)]) -> Result<(), HookError> {
        // An element that is there keeps its time, and one that isn't can't be deleted: first it is made
        // sure to be there. All of it is one step for packets.
        let mut script = add(bans.iter().copied());
        script.push_str(&delete(bans.iter().map(|(source, _)| *source)));
        script.push_str(&add(bans.iter().copied()));
        run("nft", &["--file", "-"], &script).map(drop)
    }

    /// Makes these the only bans, each for so long from now.
    ///
    /// # Errors
    /// When nft refuses; nothing has changed then.
    pub fn ban_only(bans: impl Iterator<Item = (IpNet, Duration)>) -> Result<(), HookError> {
        run("nft", &["--file", "-"], &fill(bans)).map(drop)
    }

    /// Ends bans, as far as they have not ended by themselves.
    ///
    /// # Errors
    /// When nft refuses; nothing has changed then.
    pub fn unban(sources: &[IpNet]) -> Result<(), HookError> {
        let mut script = add(sources.iter().map(|source| (*source, Duration::from_secs(1))));
        script.push_str(&delete(sources.iter().copied()));
        run("nft", &["--file", "-"], &script).map(drop)
    }
}

/// Makes the sets hold exactly `bans`.
pub(super) fn fill(bans: impl Iterator<Item = (IpNet, Duration)>) -> String {
    format!("flush set inet {TABLE} {V4}\nflush set inet {TABLE} {V6}\n{}", add(bans))
}

fn add(bans: impl Iterator<Item = (IpNet, Duration)>) -> String {
    // nft's finest unit is a millisecond, and no time at all would be for ever.
    let member = |(source, left): (IpNet, Duration)| {
        (source, format!("{} timeout {}ms", source.network(), left.as_millis().max(1)))
    };
    commands("add", bans.map(member))
}

fn delete(sources: impl Iterator<Item = IpNet>) -> String {
    commands("delete", sources.map(|source| (source, source.network().to_string())))
}

fn commands(verb: &str, members: impl Iterator<Item = (IpNet, String)>) -> String {
    let (v4, v6): (Vec<_>, Vec<_>) = members.partition(|(source, _)| matches!(source, IpNet::V4(_)));
    let mut script = String::new();
    for (set, members) in [(V4, v4), (V6, v6)] {
        for some in members.chunks(AT_ONCE) {
            let some: Vec<&str> = some.iter().map(|(_, text)| text.as_str()).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(script, "{verb} element inet {TABLE} {set} {{ {} }}", some.join(", "));
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_their_time() {
        let bans = [("203.0.113.9/32", 90_000), ("2001:db8::/64", 0)];
        let bans = bans.map(|(source, left)| (source.parse().unwrap(), Duration::from_millis(left)));
        let expected = "\
            flush set inet portcullis banned-v4\n\
            flush set inet portcullis banned-v6\n\
            add element inet portcullis banned-v4 { 203.0.113.9 timeout 90000ms }\n\
            add element inet portcullis banned-v6 { 2001:db8:: timeout 1ms }\n";
        assert_eq!(fill(bans.into_iter()), expected);
        assert_eq!(commands("add", std::iter::empty()), "");
    }
}
