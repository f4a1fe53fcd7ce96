//! How long packets wait for their verdict here: from the moment their batch was received until its
//! answer was sent.
//!
//! How long they waited in the kernel before that is not in it; a queue's depth tells of that.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// The first bucket ends at 2¹² ns, about 4 µs, each further one at twice that; the last, at 34 s, takes
/// all the rest.
const FIRST: u32 = 12;
const BUCKETS: usize = 24;

/// One worker's times, in buckets. Only that worker writes them.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
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
    let place = (u64::BITS - nanoseconds.leading_zeros()).saturating_sub(FIRST);
    (place as usize).min(BUCKETS - 1)
}

impl Latencies {
    /// Adds up the workers' times.
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a Latency>) -> Self {
        let ends = (0..).zip([0; BUCKETS]).map(|(n, none)| (1 << (FIRST + n), none));
        let mut sum = Self { buckets: ends.collect(), nanoseconds: 0 };
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
        for (nanoseconds, end) in [(0, 4096), (4095, 4096), (4096, 8192), (1_000_000, 1_048_576)] {
            let latency = Latency::default();
            latency.count(3, Duration::from_nanos(nanoseconds));
            let filled: Vec<_> =
                Latencies::of([&latency]).buckets.into_iter().filter(|(_, packets)| *packets > 0).collect();
            assert_eq!(filled, [(end, 3)], "{nanoseconds}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
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
        assert_eq!(times.within(999), Some(Duration::from_nanos(131_072)));
        assert_eq!(times.within(1000), Some(Duration::from_nanos(16_777_216)));
        assert_eq!(Latencies::default().within(500), None);
    }
}
