//! Going live without cutting oneself off: a candidate is on trial until it is confirmed, and what was
//! live comes back if it is not.
//!
//! The files in /etc are the candidate; they are never written. What is live is known by its fingerprint,
//! kept with its text, and used by every start for as long as the files are not confirmed.

mod fingerprint;
mod history;
mod standing;

pub use fingerprint::Fingerprint;
pub use history::{Entry, History, How};
pub use standing::{Held, Standing, Trial, Why};

/// Where all of it is kept, unless told otherwise.
pub const STATE: &str = "/var/lib/portcullis";
