//! systemd's watchdog, fed by progress: a queue that packets enter and nobody judges is stuck.

use std::time::Duration;

use crate::queue::QueueStatus;

/// So many ticks without progress are too many.
const STUCK: u32 = 2;

/// What was seen at the last tick.
#[derive(Debug)]
pub(super) struct Watchdog {
    interval: Duration,
    /// Of each queue: packets that came, packets judged.
    before: Vec<(u64, u64)>,
    ticks_without_progress: u32,
}

impl Watchdog {
    /// The watchdog that systemd asks for, if it does (sd_watchdog_enabled(3)).
    pub(super) fn from_environment() -> Option<Self> {
        Some(Self::every(sd_notify::watchdog_enabled()? / 4))
    }

    const fn every(interval: Duration) -> Self {
        Self { interval, before: Vec::new(), ticks_without_progress: 0 }
    }

    /// Time between ticks.
    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether all is well. `judged` are the packets that each queue's worker has judged.
    pub(super) fn tick(&mut self, queues: &[QueueStatus], judged: Vec<u64>) -> bool {
        // The number of waiting packets would tell less: one that came while its queue was being set up
        // waits for ever, and harms nobody.
        let came = queues.iter().map(|queue| queue.packets + queue.dropped_full);
        let now: Vec<(u64, u64)> = came.zip(judged).collect();
        let stuck = now.iter().zip(&self.before).any(|(now, before)| now.0 > before.0 && now.1 == before.1);
        self.ticks_without_progress = if stuck { self.ticks_without_progress + 1 } else { 0 };
        self.before = now;
        self.ticks_without_progress < STUCK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(seen: [(u64, u64); 4]) -> [bool; 4] {
        let mut watchdog = Watchdog::every(Duration::from_secs(1));
        seen.map(|(packets, judged)| {
            let queue = QueueStatus {
                number: 7300,
                port_id: 1,
                waiting: 0,
                dropped_full: 0,
                dropped_unsent: 0,
                packets,
            };
            watchdog.tick(&[queue], vec![judged])
        })
    }

    #[test]
    fn idle_and_busy_queues_are_healthy() {
        assert_eq!(ticks([(10, 10); 4]), [true; 4]);
        assert_eq!(ticks([(12, 10); 4]), [true; 4], "packets from before the worker's time");
        assert_eq!(ticks([(100, 90), (200, 190), (300, 290), (400, 390)]), [true; 4]);
    }

    #[test]
    fn a_queue_that_only_fills_is_stuck_until_it_moves() {
        assert_eq!(ticks([(100, 100), (101, 100), (102, 100), (103, 101)]), [true, true, false, true]);
    }
}
