//! How many new flows a rule lets through, and the count of them.
//!
//! The count is a generic cell rate algorithm (ITU-T I.371, appendix A.2): of each source only one
//! time is kept, at which all that it was let through would be paid for. A table of fixed size holds
//! the times, so that a flood from invented sources costs no memory:
//!
//! - A source's place is a set of eight cells, found by a hash with a secret seed.
//! - A source whose time has passed owes nothing; forgetting it changes nothing, so that its cell is
//!   free for the next.
//! - Where all eight owe something, the next source takes over the cell that owes least, *and what it
//!   owes*. So a set never lets more through than eight sources may, however many share it, and a
//!   source that sends little still has its chance.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateScope {
    /// Each source by itself: an IPv4 address, or the /64 of an IPv6 address, which is one site's to
    /// choose from (RFC 4291, 2.5.4).
    Source,
    /// All that the rule decides.
    Rule,
}

/// How many new flows a rule lets through: so many in each period, and at most `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many, at least one.
    pub count: u32,
    /// In which time: a second, a minute or an hour.
    pub period: RatePeriod,
    /// How many may come at once, at least one.
    pub burst: u32,
    /// Counted for whom.
    pub scope: RateScope,
}

/// The time that a rate is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are what they say")]
pub enum RatePeriod {
    Second,
    Minute,
    Hour,
}

impl Rate {
    /// The largest count: above it a step of the clock below is too coarse.
    pub const MOST: u32 = 100_000;
    /// The longest time that a burst may take to be paid for.
    pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);

    /// The time after which another flow may come.
    pub fn interval(&self) -> Duration {
        self.period.length() / self.count.max(1)
    }

    /// The time after which a whole burst may come again.
    pub fn refill(&self) -> Duration {
        self.interval().saturating_mul(self.burst)
    }
}

/// As rule files write it.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, period, burst, scope } = self;
        let scope = match scope {
            RateScope::Source => " per source",
            RateScope::Rule => "",
        };
        write!(f, "{count}/{}{scope}, burst {burst}", period.name())
    }
}

impl RatePeriod {
    /// All periods.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// The name in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }

    const fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

/// Cells that a source may be in: a line of the cache.
const WAYS: usize = 8;
/// Cells of a rule that counts by source: half a mebibyte.
const CELLS: usize = 1 << 16;
/// A cell's upper bits tell sources apart; the lower ones are a time in eighths of a microsecond,
/// which wraps around once a year.
const TIME_BITS: u32 = 48;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// Counts the flows of one rule. Any number of threads may ask it at once; it neither waits nor
/// allocates.
///
/// Two threads that meet the same unknown source in the same instant may give it a cell each; then it
/// gets twice its rate until one of them is forgotten.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    /// The time between flows, in eighths of a microsecond.
    interval: u64,
    /// How far ahead of the clock a source may be and still come: a burst but one.
    tolerance: u64,
    seed: RandomState,
    cells: Box<[AtomicU64]>,
}

impl Limiter {
    /// A count that has seen nothing. `seed` hides from outsiders which sources share a set.
    pub fn new(rate: Rate, seed: RandomState) -> Self {
        let interval = eighths(rate.interval()).max(1);
        let cells = match rate.scope {
            RateScope::Source => CELLS,
            RateScope::Rule => 1,
        };
        Self {
            rate,
            interval,
            // Half of the circle is the past.
            tolerance: interval.saturating_mul(u64::from(rate.burst.max(1) - 1)).min(TIME / 4),
            seed,
            cells: (0..cells).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// What it counts by.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether a new flow of `source` may come at `now`, the time since any fixed start; counts it if
    /// so.
    pub fn admit(&self, source: IpAddr, now: Duration) -> bool {
        // Times of zero are what unused cells hold, so that the clock must not begin there.
        let now = eighths(now).wrapping_add(TIME / 2) & TIME;
        let (set, tag) = match self.rate.scope {
            RateScope::Rule => (&*self.cells, 0),
            RateScope::Source => {
                let hash = self.seed.hash_one(site(source));
                let sets = self.cells.len() / WAYS;
                let start = usize::try_from(hash >> 32).unwrap_or(0) % sets * WAYS;
                (&self.cells[start..start + WAYS], (hash & 0xffff) << TIME_BITS)
            }
        };
        loop {
            let (cell, seen) = self.choose(set, tag, now);
            let debt = self.debt(seen, now);
            if debt > self.tolerance {
                return false;
            }
            let paid = now.wrapping_add(debt + self.interval) & TIME;
            // Where another thread was faster, look again.
            if cell.compare_exchange_weak(seen, tag | paid, Relaxed, Relaxed).is_ok() {
                return true;
            }
        }
    }

    /// The cell of the source with this tag, else the one that owes least, and what it holds.
    fn choose<'a>(&self, set: &'a [AtomicU64], tag: u64, now: u64) -> (&'a AtomicU64, u64) {
        let mut least = (&set[0], set[0].load(Relaxed));
        for cell in set {
            let seen = cell.load(Relaxed);
            if seen & !TIME == tag && self.debt(seen, now) > 0 {
                return (cell, seen);
            }
            if self.debt(seen, now) < self.debt(least.1, now) {
                least = (cell, seen);
            }
        }
        least
    }

    /// How far the cell's time is ahead of `now`. Nobody can be further ahead than a whole burst: such
    /// a time is long past, and the clock has wrapped around since.
    const fn debt(&self, seen: u64, now: u64) -> u64 {
        let ahead = (seen & TIME).wrapping_sub(now) & TIME;
        if ahead <= self.tolerance + self.interval { ahead } else { 0 }
    }
}

/// What counts as one source.
const fn site(source: IpAddr) -> (bool, u64) {
    match source {
        IpAddr::V4(address) => (false, address.to_bits() as u64),
        IpAddr::V6(address) => (true, (address.to_bits() >> 64) as u64),
    }
}

fn eighths(time: Duration) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "it wraps around")]
    let eighths = (time.as_nanos() / 125) as u64;
    eighths
}

#[cfg(test)]
mod tests;
