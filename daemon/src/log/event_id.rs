//! Numbers by which an administrator can ask for an event again.

use jiff::Timestamp;

/// Gives out event ids: the microsecond of the event, in base 36, or the next free one after the
/// last. They are unique within a run, and across runs as long as the clock goes forward.
#[derive(Debug, Default)]
pub struct EventIds {
    last: u64,
}

impl EventIds {
    /// The id of an event of this time.
    pub fn next(&mut self, time: Timestamp) -> String {
        let microsecond = u64::try_from(time.as_microsecond()).unwrap_or(0);
        self.last = microsecond.max(self.last + 1);
        base36(self.last)
    }
}

/// `number` in base 36.
pub(crate) fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_also_when_the_clock_stands_or_goes_back() {
        let mut ids = EventIds::default();
        let at = |microsecond| Timestamp::from_microsecond(microsecond).unwrap();
        let seen = [at(36 * 36), at(36 * 36), at(5), at(36 * 36 * 2)].map(|time| ids.next(time));
        assert_eq!(seen, ["100", "101", "102", "200"]);
    }
}
