//! The control socket: one JSON line asks, one JSON line answers.
//!
//! Who may connect is the socket's file mode: root, and the group of the daemon. What they may ask is
//! up to their credentials, which the kernel vouches for (SO_PEERCRED, unix(7)): the group reads,
//! root changes. A new command is a variant of [`Command`], what it needs in [`Command::access`], and
//! its answer in `run/answer.rs`; the compiler leads from the first to the others.

mod ask;
mod client;
mod message;
mod server;

pub use ask::{ControlError, ask};
pub use message::{Access, BanCommand, Command, Malformed, Response, parse};
pub use server::Control;

/// Where the daemon listens, unless told otherwise.
pub const SOCKET: &str = "/run/portcullis/control.sock";
/// The longest request, in bytes.
pub const LONGEST_REQUEST: usize = 64 * 1024;
