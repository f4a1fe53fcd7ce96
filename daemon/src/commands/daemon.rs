//! `run`, and the commands that talk to the daemon it starts.

use std::{env, path::Path, thread, time::Duration};

use super::{Outcome, fail};
use crate::{
    cli::{RunArgs, StatusArgs},
    control::{self, Command, ControlError, Response},
    queue::QueueError,
    run::{Options, StartError, start},
};

/// A service is started again without a pause, since packets wait; one that can't start shall not keep the host busy.
const BEFORE_THE_NEXT_TRY: Duration = Duration::from_secs(1);

/// A daemon of another version may do so.
pub(super) const SOMETHING_ELSE: &str = "the daemon answered something else; is it of another version?";

pub(super) fn run(args: RunArgs) -> Outcome {
    let options = Options {
        config: args.config.config,
        state: args.state,
        control: args.control.control,
        keep_hook: args.keep_hook,
        show: args.show,
    };
    match start(options) {
        Ok((live, control)) => match live.serve(control) {
            Ok(()) => Outcome::Fine,
            Err(error) => fail(Outcome::No, error),
        },
        Err(error) => {
            let outcome = match &error {
                StartError::Invalid(_) => Outcome::Invalid,
                StartError::Queue(QueueError::NotPermitted) => Outcome::NotPermitted,
                _ => Outcome::No,
            };
            let outcome = fail(outcome, error);
            if env::var_os("NOTIFY_SOCKET").is_some() {
                thread::sleep(BEFORE_THE_NEXT_TRY);
            }
            outcome
        }
    }
}

pub(super) fn reload(socket: &Path) -> Outcome {
    match control::ask(socket, Command::Reload) {
        Ok(Response::Done(done)) => {
            println!("{done}");
            Outcome::Fine
        }
        Ok(Response::Refused(why)) => {
            fail(Outcome::Invalid, format!("reload refused, the old rules stay:\n{why}"))
        }
        Ok(_) => fail(Outcome::No, SOMETHING_ELSE),
        Err(error) => unreachable_daemon(&error),
    }
}

pub(super) fn status(args: &StatusArgs) -> Outcome {
    match control::ask(&args.control.control, Command::Status) {
        Ok(Response::Status(status)) => {
            if args.json {
                println!("{}", serde_json::json!(status));
            } else {
                print!("{status}");
            }
            Outcome::Fine
        }
        Ok(Response::Refused(why)) => fail(Outcome::No, why),
        Ok(_) => fail(Outcome::No, SOMETHING_ELSE),
        Err(error) => unreachable_daemon(&error),
    }
}

pub(super) fn unreachable_daemon(error: &ControlError) -> Outcome {
    let outcome = match error {
        ControlError::NotPermitted(_) | ControlError::Denied(_) => Outcome::NotPermitted,
        ControlError::NotRunning(_) | ControlError::Failed(_) => Outcome::NoDaemon,
    };
    fail(outcome, error)
}
