//! One record, by its number.

use std::{io, path::Path};

use super::parts::parts;
use crate::log::{Record, Stream};

/// An event's number is the microsecond of its record or the next free one, and a busy recorder may
/// be behind: this far apart they can be.
const WINDOW: i64 = 60_000_000;

/// The record that has this event id, from the files in `directory`.
///
/// # Errors
/// When the files can't be read.
pub fn find_event(directory: &Path, id: &str) -> io::Result<Option<Record>> {
    let Ok(number) = u64::from_str_radix(id, 36) else { return Ok(None) };
    let Ok(number) = i64::try_from(number) else { return Ok(None) };
    let near = number.saturating_sub(WINDOW)..number.saturating_add(WINDOW);
    for part in parts(directory, Stream::Blocked)?.iter().rev() {
        if part.until.is_some_and(|until| until.as_microsecond() < near.start) {
            continue;
        }
        let loaded =
            part.load(|head| head.times.is_some_and(|(first, last)| first < near.end && last >= near.start))?;
        let Some(segment) = loaded else { continue };
        let rows: Vec<u32> = (0..)
            .zip(&segment.digest.rows.time)
            .filter(|(_, time)| near.contains(time))
            .map(|(row, _)| row)
            .collect();
        let mut found = None;
        segment.lines(&rows, |_, line| {
            if let Ok(record) = serde_json::from_slice::<Record>(line)
                && record.alert.metadata.event_id.as_deref() == Some(id)
            {
                found = Some(record);
            }
            Ok(())
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
