//! Who is trying the handles: from single events to incidents.
//!
//! The detector is pure: events and time go in, incident records come out. It looks only at first
//! contacts with closed doors, counts distinct ones, and concludes one incident a source.

mod detector;
mod door;
mod record;
mod scan;
mod source;
mod tally;
mod track;

pub use detector::Detector;
pub use record::{Incident, IncidentRecord, Pattern, Phase, Severity};
