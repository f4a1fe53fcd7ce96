//! systemd's watchdog, fed by progress: a queue in which packets wait and nothing moves is stuck.

use std::time::Duration;

use crate::queue::QueueStatus;

/// What was seen at the last tick.
#[derive(Debug)]
pub(super) struct Watchdog {
    interval: Duration,
    before: Vec<QueueStatus>,
    idle_ticks: u32,
}

impl Watchdog {
    /// The watchdog that systemd asks for, if it does (`WATCHDOG_USEC`, sd_watchdog_enabled(3)).
    pub(super) fn from_environment() -> Option<Self> {
        let interval = sd_notify::watchdog_enabled()? / 4;
        Some(Self { interval, before: Vec::new(), idle_ticks: 0 })
    }

    /// Time between ticks.
    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether all is well: over two ticks, every queue with packets waiting has moved. A queue that
    /// is judged shows it by a number of waiting packets that grows slower than their count.
    pub(super) fn tick(&mut self, now: Vec<QueueStatus>) -> bool {
        let judged = |queue: &QueueStatus| queue.packets.saturating_sub(u64::from(queue.waiting));
        let stuck = now.iter().any(|queue| {
            let before = self.before.iter().find(|before| before.number == queue.number);
            before.is_some_and(|before| {
                before.waiting > 0 && queue.waiting > 0 && judged(before) == judged(queue)
            })
        });
        self.idle_ticks = if stuck { self.idle_ticks + 1 } else { 0 };
        self.before = now;
        self.idle_ticks < 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(packets: u64, waiting: u32) -> Vec<QueueStatus> {
        vec![QueueStatus { number: 7300, port_id: 1, waiting, dropped_full: 0, dropped_unsent: 0, packets }]
    }

    fn watchdog() -> Watchdog {
        Watchdog { interval: Duration::from_secs(1), before: Vec::new(), idle_ticks: 0 }
    }

    #[test]
    fn an_idle_queue_is_healthy() {
        let mut watchdog = watchdog();
        assert!((0..5).all(|_| watchdog.tick(queue(10, 0))));
    }

    #[test]
    fn a_busy_queue_is_healthy() {
        let mut watchdog = watchdog();
        assert!((0..5).all(|n| watchdog.tick(queue(1000 + n * 500, 300))));
    }

    #[test]
    fn a_stuck_queue_is_not_even_while_it_fills() {
        let mut watchdog = watchdog();
        let ticks: Vec<bool> = (0..4u32).map(|n| watchdog.tick(queue(100 + u64::from(n), 5 + n))).collect();
        assert_eq!(ticks, [true, true, false, false]);
    }
}
