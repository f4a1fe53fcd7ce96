//! Portcullis rule files: TOML text to a validated [`Config`].

mod settings;
pub use settings::*;
