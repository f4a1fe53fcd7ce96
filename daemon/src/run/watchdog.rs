//! systemd's watchdog, fed by progress: a queue that packets wait in and nobody judges is stuck.

use std::time::{Duration, Instant};

/// So many ticks without progress are too many.
const STUCK: u32 = 2;

/// What was seen at the last tick.
#[derive(Debug)]
pub(super) struct Watchdog {
    interval: Duration,
    due: Instant,
    progress: Progress,
}

impl Watchdog {
    /// The watchdog that systemd asks for, if it does (sd_watchdog_enabled(3)).
    pub(super) fn from_environment() -> Option<Self> {
        let interval = sd_notify::watchdog_enabled()? / 4;
        Some(Self { interval, due: Instant::now(), progress: Progress::default() })
    }

    /// When to tick next.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// Whether all is well: see [`Progress::tick`].
    pub(super) fn tick(&mut self, waits: &[bool], judged: Vec<u64>) -> bool {
        self.due = Instant::now() + self.interval;
        self.progress.tick(waits, judged)
    }
}

/// What each queue's worker had judged at the last tick, and for how many ticks it has stood still.
#[derive(Debug, Default)]
struct Progress(Vec<(u64, u32)>);

impl Progress {
    /// Whether no queue is stuck: for each, whether packets wait to be received, and how many were judged.
    /// One that nothing waits in may stand still for ever.
    fn tick(&mut self, waits: &[bool], judged: Vec<u64>) -> bool {
        let before = std::mem::take(&mut self.0);
        let still = |(at, (judged, waits)): (usize, (u64, &bool))| match before.get(at) {
            Some((then, ticks)) if *then == judged && *waits => (judged, ticks + 1),
            _ => (judged, 0),
        };
        self.0 = judged.into_iter().zip(waits).enumerate().map(still).collect();
        self.0.iter().all(|(_, ticks)| *ticks < STUCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(seen: [(bool, u64); 4]) -> [bool; 4] {
        let mut progress = Progress::default();
        seen.map(|(waits, judged)| progress.tick(&[waits], vec![judged]))
    }

    #[test]
    fn idle_and_busy_queues_are_healthy() {
        assert_eq!(ticks([(false, 10); 4]), [true; 4]);
        assert_eq!(ticks([(true, 10), (true, 11), (true, 12), (true, 13)]), [true; 4]);
        assert_eq!(
            ticks([(true, 10), (true, 10), (false, 10), (true, 10)]),
            [true; 4],
            "each is a new packet"
        );
    }

    #[test]
    fn a_queue_that_packets_wait_in_is_stuck_until_it_moves() {
        let seen = [(false, 100), (true, 100), (true, 100), (true, 101)];
        assert_eq!(ticks(seen), [true, true, false, true]);
    }

    #[test]
    fn one_stuck_queue_among_busy_ones_is_enough() {
        let mut progress = Progress::default();
        let seen = [1, 2, 3].map(|judged| progress.tick(&[true, true], vec![judged, 7]));
        assert_eq!(seen, [true, true, false]);
    }
}
