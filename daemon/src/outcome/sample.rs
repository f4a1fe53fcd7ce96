//! Which flows are looked at, when there are too many to look at all of them.

use jiff::Timestamp;

/// The first flows of each second, so many of them.
#[derive(Debug)]
pub(super) struct Sample {
    most: u32,
    second: i64,
    /// Flows of this second, and how many of them are looked at.
    seen: u32,
    taken: u32,
    /// What each of them stands for: that is known of the second before.
    each: u16,
}

impl Sample {
    /// Looks at `most` flows in a second.
    pub(super) const fn of(most: u32) -> Self {
        Self { most, second: i64::MIN, seen: 0, taken: 0, each: 1 }
    }

    /// For how many flows this one stands, if it is looked at; it is not where there is no room.
    pub(super) fn take(&mut self, now: Timestamp, room: bool) -> Option<u16> {
        let second = now.as_second();
        if second != self.second {
            let next = second == self.second.saturating_add(1);
            let each = if next { self.seen.checked_div(self.taken).unwrap_or(1) } else { 1 };
            *self =
                Self { second, each: u16::try_from(each).unwrap_or(u16::MAX).max(1), ..Self::of(self.most) };
        }
        self.seen = self.seen.saturating_add(1);
        let looks = room && self.taken < self.most;
        self.taken += u32::from(looks);
        looks.then_some(self.each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: i64) -> Timestamp {
        Timestamp::from_second(number).unwrap()
    }

    #[test]
    fn each_stands_for_its_share_of_the_second_before() {
        let mut sample = Sample::of(10);
        let mut flows =
            |at, many| -> Vec<u16> { (0..many).filter_map(|_| sample.take(second(at), true)).collect() };
        assert_eq!(flows(1, 5), [1; 5]);
        assert_eq!(flows(2, 80), [1; 10], "five of five were looked at");
        assert_eq!(flows(3, 5), [8; 5], "ten of eighty");
        assert_eq!(flows(4, 80), [1; 10]);
        assert_eq!(flows(9, 3), [1; 3], "that was long ago");
        assert_eq!(flows(8, 2), [1; 2], "the clock has gone back");
    }

    #[test]
    fn without_room_nothing_is_looked_at() {
        let mut sample = Sample::of(10);
        assert_eq!(sample.take(second(1), false), None);
        assert_eq!(sample.take(second(2), true), Some(1), "of none that were looked at nothing is known");
    }
}
