//! `metrics`: the running daemon's numbers.

use super::{Outcome, daemon::unreachable_daemon, fail};
use crate::{
    cli::MetricsArgs,
    control::{self, Command, ControlError, Response},
    metrics::{self, Numbers},
};

pub(super) fn run(args: &MetricsArgs) -> Outcome {
    let ask = || -> Result<Numbers, ControlError> {
        let socket = &args.control.control;
        let status = match control::ask(socket, Command::Status)? {
            Response::Status(status) => Some(*status),
            _ => None,
        };
        let hits = match control::ask(socket, Command::Hits)? {
            Response::Hits(hits) => Some(hits),
            _ => None,
        };
        let bans = match control::ask(socket, Command::Bans)? {
            Response::Bans(bans) => Some(bans),
            _ => None,
        };
        Ok(Numbers { status, hits, bans })
    };
    let Some(address) = args.listen else {
        return match ask() {
            Ok(numbers) => {
                print!("{}", metrics::text(numbers));
                Outcome::Fine
            }
            Err(error) => unreachable_daemon(&error),
        };
    };
    let ready = |address| tracing::info!("metrics are served at http://{address}/metrics");
    // A daemon that does not answer is a number, too: portcullis_up.
    match metrics::serve(address, ready, || metrics::text(ask().unwrap_or_default())) {
        Ok(()) => Outcome::Fine,
        Err(error) => fail(Outcome::No, format!("cannot listen at {address}: {error}")),
    }
}
