//! Who is trying the handles: from single contacts to incidents.
//!
//! The detector is pure: contacts and time go in, incident records come out. Evidence is a *first
//! contact* and what became of it. Retries add nothing. A source's score rises with each door that
//! turned it away, fades with time, and is lowered a little by what it was welcome to; over the
//! threshold it is an incident. What no source does alone is looked for beside that: at doors that
//! many try, in networks that share doors out, among sources that try the same in the same moment.

mod busiest;
mod contact;
mod detector;
mod doors;
mod echo;
mod episode;
mod evidence;
mod history;
mod keyed;
mod open;
mod pattern;
mod ports;
mod rates;
mod recent;
mod record;
mod saved;
mod sentence;
mod source;
mod sources;
mod table;
mod tally;
mod technique;
mod time;

pub use contact::{Contact, News, Oddity};
pub use detector::Detector;
pub use evidence::Harmless;
pub use pattern::{Pattern, Severity};
pub use record::{Incident, IncidentRecord, Phase};
pub use saved::{Saved, SavedSource};
pub use sentence::{BannedBefore, Sentences};
pub use source::Source;
