//! What the daemon answers over its control socket.

use super::Live;
use crate::control::{Command, Response};

impl Live {
    /// Does what is asked. Clients were checked before: whoever may not ask this is not heard here.
    pub(super) fn answer(&mut self, command: Command) -> Response {
        match command {
            Command::Status => Response::Status(Box::new(self.status())),
            Command::Reload => self.reload().map_or_else(Response::Refused, Response::Done),
        }
    }
}
