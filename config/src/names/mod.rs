//! Names of ports and users.

mod known;
mod services;
mod system;

pub(crate) use known::{KnownNames, Lookup};
pub use services::port_name;
pub use system::SystemNames;
