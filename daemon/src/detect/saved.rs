//! What survives a restart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::sentence::BannedBefore;
use crate::log::eve_time;

/// What a detector must not forget when the daemon restarts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Saved {
    /// Sources, the most suspicious first.
    pub sources: Vec<SavedSource>,
    /// Sources that were banned before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub banned: Vec<BannedBefore>,
}

/// A source that is over the threshold, or nearly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedSource {
    /// An address or a prefix.
    pub source: String,
    /// How suspicious it was,
    pub score: f32,
    /// at this time.
    #[serde(with = "eve_time")]
    pub last: Timestamp,
}
