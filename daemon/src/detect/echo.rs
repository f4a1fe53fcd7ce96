//! Doors that several sources try in the same moment, as decoys do.

use super::{source::Source, sources::Place, table::table, time::Tenths};

/// Doors remembered.
const PLACES: usize = 1024;
/// How long an echo may take, in tenths of a second. nmap sends a probe's decoys back to back.
const MOMENT: u32 = 3;

/// Who tried a door last.
#[derive(Debug, Clone, Copy)]
struct Call {
    door: u64,
    source: Source,
    place: Place,
    at: Tenths,
}

/// The last call at each of some doors: 48 KiB.
#[derive(Debug)]
pub(super) struct Echoes(Box<[Option<Call>; PLACES]>);

impl Echoes {
    pub(super) fn new() -> Self {
        Self(table())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// Takes note that `source` tries `door` for the first time, and tells who else did a moment ago.
    pub(super) fn call(
        &mut self,
        door: u64,
        source: Source,
        place: Place,
        now: Tenths,
    ) -> Option<(Source, Place)> {
        let slot = &mut self.0[(door >> 7) as usize % PLACES];
        let before = slot.replace(Call { door, source, place, at: now })?;
        let echo = before.door == door && before.source != source && now.since(before.at) <= MOMENT;
        echo.then_some((before.source, before.place))
    }
}
