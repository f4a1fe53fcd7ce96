//! Portcullis rule files: TOML text to a validated [`Config`].
//!
//! [`load()`] reads `portcullis.toml`, the overlays in `rules.d` beside it, and the files of addresses
//! that sets name. It ends in a [`Config`] in which nothing is left to check, or in a [`Report`] of
//! everything that is wrong, each with its place.
//!
//! On the way a text is two things, kept apart: `written` is what the user wrote, `lower` makes of
//! it what it means.
#![forbid(unsafe_code)]

mod export;
mod files;
mod lines;
mod lint;
mod load;
mod lower;
mod names;
mod policy_tests;
mod problem;
mod render;
mod report;
mod salvage;
mod schedule;
mod schema;
mod settings;
mod sources;
mod suggest;
mod validity;
mod written;

pub use lint::{WarningEntry, Warnings, lint};
pub use load::{Loaded, load, load_text, load_with_names};
pub use lower::{BadTime, parse_duration, parse_time};
pub use names::{SystemNames, port_name};
pub use policy_tests::{TestFailure, failed_tests};
pub use report::{ErrorEntry, Report};
pub use salvage::salvage;
pub use schedule::{Days, Hours, Schedule};
pub use schema::schema;
pub use settings::*;
pub use sources::{Contents, Source, Sources};
pub use validity::Validity;

/// The packaged configuration, which is also the built-in default: it watches and blocks nothing.
pub const DEFAULT: &str = include_str!("../../packaging/portcullis.toml");
