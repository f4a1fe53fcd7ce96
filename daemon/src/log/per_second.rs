//! So many a second.

use jiff::Timestamp;

/// How far the clock may go back before it is believed, in seconds: workers' events arrive slightly
/// out of order.
const PATIENCE: i64 = 10;

/// Lets so many things through each second of the clock.
#[derive(Debug, Clone)]
pub struct PerSecond {
    limit: u32,
    second: i64,
    used: u32,
}

impl PerSecond {
    /// Lets `limit` through a second.
    pub const fn new(limit: u32) -> Self {
        Self { limit, second: i64::MIN, used: 0 }
    }

    /// Whether one more may pass now.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let second = now.as_second();
        if second > self.second || second < self.second.saturating_sub(PATIENCE) {
            self.second = second;
            self.used = 0;
        }
        let free = self.used < self.limit;
        if free {
            self.used += 1;
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_so_many_a_second() {
        let mut limit = PerSecond::new(2);
        let mut at = |second| limit.take(Timestamp::from_second(second).unwrap());
        let passed = [100, 100, 100, 99, 101, 101, 101, 50, 51].map(&mut at);
        assert_eq!(passed, [true, true, false, false, true, true, false, true, true]);
    }
}
