//! How long packets wait for their verdict here: from the moment their batch was received until its
//! answer was sent.
//!
//! How long they waited in the kernel before that is not in it; a queue's depth tells of that.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// The first bucket ends at 2¹² ns, about 4 µs. From there on, four of equal length lead from each power of
/// two to the next, so that an end is at most a quarter above what it stands for; the last, at 34 s, takes all the rest.
const FIRST: u32 = 12;
const BUCKETS: usize = 1 + 4 * 23;

/// One worker's times, in buckets. Only that worker writes them.
#[derive(Debug)]
pub struct Latency {
    buckets: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], nanoseconds: AtomicU64::default() }
    }
}

/// The times of all workers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// Packets answered, by the bucket's end in nanoseconds: each counts in one of them.
    pub buckets: Vec<(u64, u64)>,
    /// All their times together, in nanoseconds.
    pub nanoseconds: u64,
}

impl Latency {
    /// Counts a batch.
    pub fn count(&self, packets: u64, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let add =
            |counter: &AtomicU64, more| counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
        add(&self.buckets[bucket(time)], packets);
        add(&self.nanoseconds, time.saturating_mul(packets));
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let Some(power) = nanoseconds.checked_ilog2().filter(|power| *power >= FIRST) else { return 0 };
    let quarter = nanoseconds >> (power - 2) & 3;
    (1 + 4 * (power - FIRST) as usize + quarter as usize).min(BUCKETS - 1)
}

/// Where a bucket ends, in nanoseconds.
const fn end(bucket: usize) -> u64 {
    let Some(quarters) = bucket.checked_sub(1) else { return 1 << FIRST };
    (5 + quarters as u64 % 4) << (FIRST as usize - 2 + quarters / 4)
}

impl Latencies {
    /// Adds up the workers' times.
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a Latency>) -> Self {
        let mut sum = Self { buckets: (0..BUCKETS).map(|n| (end(n), 0)).collect(), nanoseconds: 0 };
        for Latency { buckets, nanoseconds } in workers {
            for ((_, packets), more) in sum.buckets.iter_mut().zip(buckets) {
                *packets += more.load(Relaxed);
            }
            sum.nanoseconds = sum.nanoseconds.wrapping_add(nanoseconds.load(Relaxed));
        }
        sum
    }

    /// Packets answered.
    pub fn packets(&self) -> u64 {
        self.buckets.iter().map(|(_, packets)| packets).sum()
    }

    /// The time within which so many thousandths of all packets were answered, to the end of its bucket;
    /// `None` when there were none.
    pub fn within(&self, thousandths: u64) -> Option<Duration> {
        let all = self.packets();
        let wanted = all.saturating_mul(thousandths).div_ceil(1000).max(1);
        let mut answered = 0;
        let end = self.buckets.iter().find(|(_, packets)| {
            answered += packets;
            answered >= wanted
        });
        end.map(|(end, _)| Duration::from_nanos(*end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_into_the_bucket_that_ends_after_them() {
        for (nanoseconds, end) in [
            (0, 4096),
            (4095, 4096),
            (4096, 5120),
            (5119, 5120),
            (8191, 8192),
            (8192, 10_240),
            (900_000, 917_504),
        ] {
            let latency = Latency::default();
            latency.count(3, Duration::from_nanos(nanoseconds));
            let filled: Vec<_> =
                Latencies::of([&latency]).buckets.into_iter().filter(|(_, packets)| *packets > 0).collect();
            assert_eq!(filled, [(end, 3)], "{nanoseconds}");
        }
        assert_eq!((bucket(u64::MAX), end(BUCKETS - 1)), (BUCKETS - 1, 1 << 35));
    }

    #[test]
    fn each_bucket_ends_where_the_next_begins() {
        for n in 0..BUCKETS - 1 {
            assert_eq!((bucket(end(n) - 1), bucket(end(n))), (n, n + 1), "{}", end(n));
        }
    }

    #[test]
    fn quantiles_are_those_of_all_workers() {
        let workers = [Latency::default(), Latency::default()];
        workers[0].count(990, Duration::from_micros(3));
        workers[1].count(9, Duration::from_micros(100));
        workers[1].count(1, Duration::from_millis(10));
        let times = Latencies::of(&workers);
        assert_eq!(times.packets(), 1000);
        assert_eq!(times.within(500), Some(Duration::from_nanos(4096)));
        assert_eq!(times.within(999), Some(Duration::from_nanos(114_688)));
        assert_eq!(times.within(1000), Some(Duration::from_nanos(10_485_760)));
        assert_eq!(Latencies::default().within(500), None);
    }
}
