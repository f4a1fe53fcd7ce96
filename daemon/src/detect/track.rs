//! A source that has not tried enough doors to be an incident.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::door::Door;

/// A first contact, and what followed at the same door.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    pub(super) door: Door,
    pub(super) first: Timestamp,
    pub(super) packets: u64,
}

/// The doors that a source has tried. A door stays known as long as the source keeps coming: a
/// retry is never taken for a first contact.
#[derive(Debug)]
pub(super) struct Track {
    contacts: Vec<Contact>,
    /// The last packet.
    last: Timestamp,
    /// The last first contact.
    grew: Timestamp,
}

impl Track {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { contacts: Vec::new(), last: now, grew: now }
    }

    /// Takes note of a packet; at most `most` doors are kept, the latest.
    pub(super) fn touch(&mut self, door: Door, now: Timestamp, window: Duration, most: usize) {
        if since(self.last, now) >= window {
            self.contacts.clear();
        }
        self.last = self.last.max(now);
        if let Some(known) = self.contacts.iter_mut().find(|contact| contact.door == door) {
            known.packets += 1;
            return;
        }
        if self.contacts.len() >= most
            && let Some(oldest) = (0..self.contacts.len()).min_by_key(|&n| self.contacts[n].first)
        {
            self.contacts.swap_remove(oldest);
        }
        self.contacts.push(Contact { door, first: now, packets: 1 });
        self.grew = self.grew.max(now);
    }

    /// First contacts within `window` before the last packet.
    pub(super) fn recent(&self, window: Duration) -> impl Iterator<Item = &Contact> {
        self.contacts.iter().filter(move |contact| since(contact.first, self.last) < window)
    }

    /// How worth keeping the track is, against others: by doors, then by when it last found a new
    /// one. A flood of spoofed sources, one packet each, pushes out its like and not a slow scan.
    pub(super) fn worth(&self) -> (usize, Timestamp) {
        (self.contacts.len(), self.grew)
    }
}

/// The time from `earlier` to `later`; none when the clock has gone back.
pub(super) fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// `time`, and `by` later.
pub(super) fn after(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
