//! `replay`: a capture, as the daemon would have met it.

use std::io;

use portcullis_config::Config;

use super::{Outcome, configuration, fail};
use crate::{
    cli::ConfigArgs,
    replay::{self, ReplayArgs, Replayed},
};

pub(super) fn run(args: &ReplayArgs) -> Outcome {
    let config = match configuration(&args.config) {
        Ok(config) => config,
        Err(outcome) => return outcome,
    };
    let candidate: Option<Config> = match &args.compare {
        None => None,
        Some(file) => match configuration(&ConfigArgs { config: Some(file.clone()) }) {
            Ok(config) => Some(config),
            Err(outcome) => return outcome,
        },
    };
    let by_rules = args.config.config.is_some();
    match replay::run(args, &config, by_rules, candidate.as_ref(), &mut io::stdout().lock()) {
        Ok(Replayed::Whole) => Outcome::Fine,
        Ok(Replayed::Broken(broken)) => {
            fail(Outcome::No, format!("{} could not be read to its end: {broken}", args.file.display()))
        }
        // The reader of our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Outcome::Fine,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fail(Outcome::NotPermitted, format!("cannot read {}: {error}", args.file.display()))
        }
        Err(error) => fail(Outcome::No, format!("cannot read {}: {error}", args.file.display())),
    }
}
