//! What can be wrong while the firewall goes on, and since when.

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long something is told of after it was last counted.
const RECENT: SignedDuration = SignedDuration::from_secs(60);

/// Something that is wrong: the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The kernel's rules are not there, or not as they should be.
    HookMissing,
    /// Packets wait in a queue and none is judged.
    QueueStuck,
    /// Somebody else removed or changed the kernel's rules; they were put back.
    HookChanged,
    /// A queue was full: packets followed `queue.on-overload`.
    QueueFull,
    /// A queue's socket had no room for more packets.
    QueueUnsent,
    /// Packets passed that no queue had room for, or nobody took from it.
    PassedUnjudged,
    /// The rules in force are not those of the files.
    NotTheFiles,
    /// Rules that were not confirmed are still in force: the way back failed.
    WayBackFailed,
    /// The last reload was refused.
    ReloadRefused,
    /// A list's file can't be used: what it held before is in force.
    ListOutdated,
    /// Records can't be written.
    RecordsUnwritten,
    /// Packets were judged, but came too fast to be told of one by one.
    ReportsLost,
}

/// A trouble, as `portcullis status` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// Which.
    pub reason: Trouble,
    /// When it began.
    pub since: Timestamp,
    /// More about it, in plain words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// All that is wrong at the moment. Time is an argument.
#[derive(Debug, Default)]
pub struct Troubles {
    now: BTreeMap<Trouble, (Timestamp, String)>,
    counted: BTreeMap<Trouble, Counted>,
}

/// A count that should not rise.
#[derive(Debug, Clone, Copy)]
struct Counted {
    total: u64,
    rose: Timestamp,
}

impl Troubles {
    /// This is wrong, or with `None` it isn't any more. Whether that is news.
    pub fn set(&mut self, trouble: Trouble, detail: Option<String>, now: Timestamp) -> bool {
        match detail {
            Some(detail) => {
                let before = self.now.get(&trouble).map(|(since, _)| *since);
                self.now.insert(trouble, (before.unwrap_or(now), detail));
                before.is_none()
            }
            None => self.now.remove(&trouble).is_some(),
        }
    }

    /// So many times it had happened before any of it was ours to tell.
    pub fn count_from(&mut self, trouble: Trouble, total: u64, now: Timestamp) {
        self.counted.insert(trouble, Counted { total, rose: now });
    }

    /// So many times it has happened until now: it is wrong as long as that rises, and a minute more.
    /// Whether that is news. What counts may begin anew at 0.
    pub fn count(&mut self, trouble: Trouble, total: u64, now: Timestamp) -> bool {
        let counted = self.counted.entry(trouble).or_insert(Counted { total: 0, rose: now });
        counted.total = counted.total.min(total);
        if total > counted.total {
            *counted = Counted { total, rose: now };
            return self.set(trouble, Some(format!("{total} so far")), now);
        }
        // Nor for as long as a clock takes to get back to where it was set from.
        if now.duration_since(counted.rose).abs() < RECENT {
            return false;
        }
        self.set(trouble, None, now)
    }

    /// Everything that is wrong, the worst first.
    pub fn list(&self) -> Vec<Degraded> {
        let degraded = |(&reason, (since, detail)): (_, &(Timestamp, String))| Degraded {
            reason,
            since: *since,
            detail: detail.clone(),
        };
        self.now.iter().map(degraded).collect()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HookMissing => "the kernel rules are not in place",
            Self::QueueStuck => "packets wait in a queue and none is judged",
            Self::HookChanged => "somebody else changed the kernel rules, they were put back",
            Self::QueueFull => "a queue was full",
            Self::QueueUnsent => "a queue's socket was full",
            Self::PassedUnjudged => "packets passed that nobody judged",
            Self::NotTheFiles => "the rules in force are not those of the files",
            Self::WayBackFailed => "the way back failed, and is tried again",
            Self::ReloadRefused => "the last reload was refused, the rules before it are in force",
            Self::ListOutdated => "a list can't be read anew, what it held before is in force",
            Self::RecordsUnwritten => "records can't be written",
            Self::ReportsLost => "packets came too fast to be recorded one by one",
        })
    }
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason, self.detail.as_str()) {
            // It says all by itself.
            (Trouble::NotTheFiles, detail) if !detail.is_empty() => f.write_str(detail),
            (reason, "") => reason.fmt(f),
            (reason, detail) => write!(f, "{reason} ({detail})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn reasons(troubles: &Troubles) -> Vec<Trouble> {
        troubles.list().iter().map(|degraded| degraded.reason).collect()
    }

    #[test]
    fn it_is_news_once_and_keeps_its_beginning() {
        let mut troubles = Troubles::default();
        assert!(troubles.set(Trouble::HookMissing, Some("gone".into()), at(0)));
        assert!(!troubles.set(Trouble::HookMissing, Some("still".into()), at(5)));
        assert!(troubles.set(Trouble::QueueStuck, Some(String::new()), at(6)));
        assert_eq!(reasons(&troubles), [Trouble::HookMissing, Trouble::QueueStuck]);
        let first = &troubles.list()[0];
        assert_eq!((first.since, first.detail.as_str()), (at(0), "still"));
        assert!(troubles.set(Trouble::HookMissing, None, at(7)));
        assert!(!troubles.set(Trouble::HookMissing, None, at(8)));
    }

    #[test]
    fn what_is_counted_is_over_a_minute_after_it_last_rose() {
        let mut troubles = Troubles::default();
        assert!(!troubles.count(Trouble::QueueFull, 0, at(0)), "nothing yet");
        assert!(troubles.count(Trouble::QueueFull, 3, at(10)));
        assert!(!troubles.count(Trouble::QueueFull, 5, at(50)), "the same episode");
        assert!(!troubles.count(Trouble::QueueFull, 5, at(109)));
        assert_eq!(troubles.list()[0].since, at(10));
        assert!(troubles.count(Trouble::QueueFull, 5, at(110)), "over");
        assert!(troubles.list().is_empty());
        assert!(troubles.count(Trouble::QueueFull, 6, at(500)), "another one");
        assert!(troubles.count(Trouble::QueueFull, 6, at(-4000)), "over, when the clock was set back");
    }

    #[test]
    fn what_was_counted_before_is_nothing_new_and_a_count_may_begin_anew() {
        let mut troubles = Troubles::default();
        troubles.count_from(Trouble::PassedUnjudged, 7, at(0));
        assert!(!troubles.count(Trouble::PassedUnjudged, 7, at(1)));
        assert!(!troubles.count(Trouble::PassedUnjudged, 0, at(2)));
        assert!(troubles.count(Trouble::PassedUnjudged, 3, at(3)));
        assert_eq!(reasons(&troubles), [Trouble::PassedUnjudged]);
    }
}
