//! `metrics`: the running daemon's numbers.

use super::{Outcome, daemon::unreachable_daemon, fail};
use crate::{
    cli::MetricsArgs,
    control::{self, Command, ControlError, Response},
    metrics,
    status::Status,
};

pub(super) fn run(args: &MetricsArgs) -> Outcome {
    let ask = || -> Result<Option<Status>, ControlError> {
        match control::ask(&args.control.control, Command::Status)? {
            Response::Status(status) => Ok(Some(*status)),
            _ => Ok(None),
        }
    };
    let Some(address) = args.listen else {
        return match ask() {
            Ok(status) => {
                print!("{}", metrics::text(status.as_ref()));
                Outcome::Fine
            }
            Err(error) => unreachable_daemon(&error),
        };
    };
    let ready = |address| tracing::info!("metrics are served at http://{address}/metrics");
    // A daemon that does not answer is a number, too: portcullis_up.
    match metrics::serve(address, ready, || metrics::text(ask().ok().flatten().as_ref())) {
        Ok(()) => Outcome::Fine,
        Err(error) => fail(Outcome::No, format!("cannot listen at {address}: {error}")),
    }
}
