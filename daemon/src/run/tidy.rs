//! What is left over when a configuration has been read: replaced generations, and the memory it took.

use std::time::{Duration, Instant};

use super::Live;
use crate::memory;

/// So long after a configuration was read, whoever had to do with the old one is done as a rule.
const SOON: Duration = Duration::from_secs(1);
/// While somebody still holds an old generation, it is looked at less and less often.
const SELDOM: Duration = Duration::from_secs(3600);

/// When to tidy up.
#[derive(Debug, Default)]
pub(super) struct Tidying {
    due: Option<Instant>,
    pause: Duration,
}

impl Tidying {
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl Live {
    /// A configuration was read, whatever became of it.
    pub(super) fn tidy_soon(&mut self) {
        self.tidying = Tidying { due: Some(Instant::now() + SOON), pause: SOON };
    }

    pub(super) fn tidy_in_time(&mut self) {
        if self.tidying.due.is_none_or(|due| due > Instant::now()) {
            return;
        }
        // The recorder lets a generation go when it hears of a packet that a newer one has judged.
        let done = self.tally.sweep();
        memory::give_back();
        let Tidying { due, pause } = &mut self.tidying;
        *pause = (*pause * 2).min(SELDOM);
        *due = (!done).then(|| Instant::now() + *pause);
    }
}
