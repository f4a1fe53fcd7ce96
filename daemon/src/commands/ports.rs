//! `ports`: the doors of this host.

use super::{Outcome, configuration, fail};
use crate::{cli::ListPortsArgs, ports::Doors};

pub(super) fn run(args: &ListPortsArgs) -> Outcome {
    let config = match configuration(&args.config) {
        Ok(config) => config,
        Err(outcome) => return outcome,
    };
    let doors = match Doors::look(&config) {
        Ok(doors) => doors,
        Err(error) => return fail(Outcome::No, format!("the list of sockets can't be read: {error}")),
    };
    match args.ports.explain {
        Some(name) => print!("{}", doors.explain(name)),
        None if args.ports.json => println!("{}", doors.json()),
        None => print!("{}", doors.table()),
    }
    if args.ports.strict && doors.any_unmeant() { Outcome::No } else { Outcome::Fine }
}
