//! The incidents that are open.

use super::{
    episode::Episode,
    record::{IncidentRecord, Phase},
    time::{Micros, Moment},
};

/// Incidents that go on at the same time.
const MOST: usize = 80;

/// The incidents that are open, by a number that stays theirs: 1.1 MiB when all have tried
/// everything.
#[derive(Debug)]
pub(super) struct Open {
    episodes: Vec<Option<Episode>>,
    /// How long nothing must be heard of one, so that it is over.
    window: Micros,
    /// Not later than any deadline.
    wake: Moment,
}

/// What [`Open::tick`] concludes.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) records: Vec<IncidentRecord>,
    /// The numbers of those that are over.
    pub(super) over: Vec<u8>,
}

impl Open {
    pub(super) const fn new(window: Micros) -> Self {
        Self { episodes: Vec::new(), window, wake: Moment::NEVER }
    }

    pub(super) const fn configure(&mut self, window: Micros) {
        self.window = window;
    }

    /// Bytes that it may take at most.
    pub(super) const fn most_bytes() -> usize {
        const TALLY: usize = 8192 + 256 * 17 + 512;
        MOST * (size_of::<Option<Episode>>() + TALLY)
    }

    /// A number for another one; the one that was silent longest makes room if need be, and is told
    /// of in `due`.
    pub(super) fn begin(&mut self, episode: Episode, due: &mut Due) -> u8 {
        self.wake_at(episode.deadline(self.window));
        if let Some(free) = self.episodes.iter().position(Option::is_none) {
            self.episodes[free] = Some(episode);
            return number(free);
        }
        if self.episodes.len() < MOST {
            self.episodes.push(Some(episode));
            return number(self.episodes.len() - 1);
        }
        let heard = |place: &usize| self.episodes[*place].as_ref().map(|episode| episode.last_seen);
        let stalest = (0..MOST).min_by_key(heard).unwrap_or(0);
        if let Some(mut gone) = self.episodes[stalest].replace(episode) {
            let over = gone.last_seen;
            due.records.push(gone.record(Phase::End, over));
        }
        due.over.push(number(stalest));
        number(stalest)
    }

    /// The incident with this number.
    pub(super) fn get(&self, number: u8) -> Option<&Episode> {
        self.episodes.get(usize::from(number).checked_sub(1)?)?.as_ref()
    }

    /// The same, to be changed. [`Self::changed`] should follow.
    pub(super) fn get_mut(&mut self, number: u8) -> Option<&mut Episode> {
        self.episodes.get_mut(usize::from(number).checked_sub(1)?)?.as_mut()
    }

    /// Looks at when the incident wants to be told of.
    pub(super) fn changed(&mut self, number: u8) {
        if let Some(deadline) = self.get(number).map(|episode| episode.deadline(self.window)) {
            self.wake_at(deadline);
        }
    }

    /// Takes an incident away without a word: it is part of another one.
    pub(super) fn take(&mut self, number: u8) -> Option<Episode> {
        self.episodes.get_mut(usize::from(number).checked_sub(1)?)?.take()
    }

    /// All of them, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &Episode)> {
        let numbered = self.episodes.iter().enumerate();
        numbered.filter_map(|(place, episode)| Some((number(place), episode.as_ref()?)))
    }

    /// Not later than any deadline.
    pub(super) const fn wake(&self) -> Moment {
        self.wake
    }

    fn wake_at(&mut self, deadline: Moment) {
        self.wake = self.wake.min(deadline);
    }

    /// What is due at `now`.
    pub(super) fn tick(&mut self, now: Moment) -> Due {
        let window = self.window;
        let mut due = Due::none();
        for (place, slot) in self.episodes.iter_mut().enumerate() {
            while let Some(record) = slot.as_mut().and_then(|episode| episode.due(now, window)) {
                let over = record.incident.phase == Phase::End;
                due.records.push(record);
                if over {
                    *slot = None;
                    due.over.push(number(place));
                }
            }
        }
        due.records.sort_by(|a, b| (a.timestamp, &a.incident.id).cmp(&(b.timestamp, &b.incident.id)));
        self.wake = self
            .episodes
            .iter()
            .flatten()
            .map(|episode| episode.deadline(window))
            .min()
            .unwrap_or(Moment::NEVER);
        due
    }

    /// Closes all of them.
    pub(super) fn finish(&mut self, now: Moment) -> Vec<IncidentRecord> {
        let mut records = Vec::new();
        for episode in self.episodes.iter_mut().flatten() {
            let time = now.max(episode.last_seen);
            if !episode.is_told() {
                records.push(episode.record(Phase::Start, time));
            }
            records.push(episode.record(Phase::End, time));
        }
        self.episodes.clear();
        self.wake = Moment::NEVER;
        records.sort_by(|a, b| {
            (a.incident.first_seen, &a.incident.id).cmp(&(b.incident.first_seen, &b.incident.id))
        });
        records
    }
}

impl Due {
    pub(super) const fn none() -> Self {
        Self { records: Vec::new(), over: Vec::new() }
    }
}

fn number(place: usize) -> u8 {
    u8::try_from(place + 1).unwrap_or(u8::MAX)
}
