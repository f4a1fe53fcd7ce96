//! The Portcullis daemon, as a library behind the one binary.

pub mod event;
pub mod generation;
