//! What a configuration is known by.

use std::fmt;

use portcullis_config::Sources;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// SHA-256 of what a configuration was made from, in hexadecimal: its files, and the port and user
/// names that the system resolved. The lists of its sets are no part of it: they change by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of this configuration.
    pub fn of(sources: &Sources) -> Self {
        let bytes = Sha256::digest(sources.without_lists().to_json());
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Enough of it to tell a few from each other.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
