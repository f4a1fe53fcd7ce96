//! What the daemon answers over its control socket.

use std::time::Duration;

use portcullis_config::{Loaded, Mode};

use super::{
    Live,
    trial::{Candidate, Former},
};
use crate::{
    control::{Command, Response},
    status::Status,
    trial::History,
};

impl Live {
    /// Does what is asked. Clients were checked before: whoever may not ask this is not heard here.
    pub(super) fn answer(&mut self, command: Command) -> Response {
        match command {
            Command::Status | Command::Hits | Command::Bans | Command::Ban(_) | Command::Unban(_) => {}
            _ => self.tidy_soon(),
        }
        match command {
            Command::Status => {
                let unjudged = self.ask_for_unjudged();
                self.take_stock();
                Response::Status(Box::new(Status { unjudged, ..self.status() }))
            }
            Command::Hits => Response::Hits(self.tally.report(&self.generation.load())),
            Command::Reload => done(self.reload()),
            Command::Configuration => Response::Configuration {
                sources: self.sources.clone(),
                enabled: self.standing.enabled,
                enforces: self.config.mode == Mode::Enforce,
            },
            Command::Former { number } => match self.former(number) {
                Ok(Former { loaded: Loaded { config, sources }, enabled, .. }) => {
                    Response::Configuration { sources, enabled, enforces: config.mode == Mode::Enforce }
                }
                Err(why) => Response::Refused(why),
            },
            Command::Apply { fingerprint, confirm, enable } => {
                let confirm = confirm.map(Duration::from_secs);
                done(self.apply(Candidate { fingerprint, confirm, enable }))
            }
            Command::Confirm => done(self.confirm()),
            Command::Rollback { number, fingerprint } => done(self.rollback(number, &fingerprint)),
            Command::History => Response::History(History::new(&self.options.state).entries()),
            Command::Bans => Response::Bans(self.ban_list()),
            Command::Ban(command) => done(self.ban(command)),
            Command::Unban(source) => done(self.unban(source)),
        }
    }
}

fn done(outcome: Result<String, String>) -> Response {
    outcome.map_or_else(Response::Refused, Response::Done)
}
