//! What is written about judged packets: Suricata EVE records, within a budget, in bounded files.
//!
//! [`describe`] turns an [`crate::event::Event`] into a [`Record`], a [`Budget`] says which events
//! are written one by one and which are counted, and a [`Segment`] appends lines to a file that it
//! rotates and keeps within bounds. An [`Archivist`] compresses what is rotated, and makes the
//! [`digest`] by which a review finds its way.

mod age;
mod archive;
mod budget;
mod counters;
mod describe;
pub mod digest;
mod directory;
mod escape;
pub(crate) mod eve_time;
mod event_id;
mod journal;
mod lifecycle;
mod list_of_one;
mod outlets;
mod per_second;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod segment;
mod show;
mod stable_number;
mod syslog;

pub use archive::{Archivist, sweep};
pub use budget::{Admission, Budget, Scope, Summary};
pub use counters::Counters;
pub use describe::{describe, describe_summary};
pub use directory::{Limits, Rotated, Stream, rotated, trim};
pub use escape::{Escaped, escape_json};
pub use event_id::EventIds;
pub(crate) use event_id::base36;
pub use journal::{Entry, Message};
pub use lifecycle::{tell, under_journald};
pub use outlets::{Outlets, Sockets};
pub use per_second::PerSecond;
pub use record::{Alert, Drop, Ether, EventType, Metadata, Record, Verdict};
pub use segment::Segment;
pub use show::Show;
pub(crate) use stable_number::signature_id;
