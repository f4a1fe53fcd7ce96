//! The Portcullis daemon, as a library behind the one binary.

pub mod atomic;
pub mod cli;
pub mod commands;
pub mod conntrack;
pub mod control;
pub mod counters;
pub mod demo;
pub mod detect;
pub mod event;
pub mod generation;
pub mod hook;
pub mod interfaces;
pub mod judge;
pub mod log;
pub mod mark;
pub mod netlink;
pub mod queue;
pub mod recorder;
pub mod review;
pub mod run;
pub mod sessions;
pub mod snapshot;
pub mod source;
pub mod status;
pub mod trial;
pub mod worker;
