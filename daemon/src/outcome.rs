//! What became of the contacts that were let in.
//!
//! The queue shows first packets; the kernel carries the rest. Two cheap sources tell what came of them.
//! `tap` hears through netfilter's log, limited by the kernel, what this host itself refuses (resets, port
//! unreachable), and what the kernel discards before any rule of ours sees it. [`Awaited`] asks connection
//! tracking, a second later, how far a flow has come; of very many it asks about a sample.

mod awaited;
mod sample;
mod tap;

pub use self::{
    awaited::Awaited,
    tap::{Heard, listen},
};
