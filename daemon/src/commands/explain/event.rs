//! An event of the past, from the records.

use std::io;

use portcullis_config::Config;
use portcullis_rules::Key;
use serde_json::{Value, json};

use crate::{
    cli::ExplainArgs,
    commands::{Outcome, fail},
    log::{Escaped, Record},
    review::{find_event, key_of},
};

/// What was decided then.
#[derive(Debug)]
pub(super) struct Past(Record);

/// The event with this id, and its packet as far as the record tells; none when it tells too little.
pub(super) fn find(args: &ExplainArgs, config: &Config, id: &str) -> Result<(Past, Option<Key>), Outcome> {
    let directory = args.directory.as_ref().unwrap_or(&config.log.directory);
    let failed = |error: io::Error| {
        let outcome = match error.kind() {
            io::ErrorKind::PermissionDenied => Outcome::NotPermitted,
            _ => Outcome::No,
        };
        fail(outcome, format!("cannot read {}: {error}", directory.display()))
    };
    match find_event(directory, id).map_err(failed)? {
        Some(record) => {
            let key = key_of(&record);
            Ok((Past(record), key))
        }
        None => {
            let id: String = id.chars().take(40).collect();
            let why =
                format!("no event \"{}\" in {}: was its file removed?", Escaped(&id), directory.display());
            Err(fail(Outcome::No, why))
        }
    }
}

impl Past {
    pub(super) fn in_words(&self) -> String {
        let Self(record) = self;
        let metadata = &record.alert.metadata;
        let reason = record.drop.as_ref().and_then(|drop| drop.reason.as_deref());
        let place = match (&metadata.rule_file, metadata.rule_line) {
            (Some(file), Some(line)) => format!(" ({}:{line})", Escaped(file)),
            _ => String::new(),
        };
        let action = metadata.would.as_ref().map_or_else(
            || Escaped(&record.verdict.action).to_string(),
            |would| format!("would {} (monitor mode)", Escaped(would)),
        );
        let mut out =
            format!("then, {}: {action} by {}{place}", record.timestamp, Escaped(&record.alert.signature));
        if let Some(reason) = reason {
            out += &format!(", for: {}", Escaped(reason));
        }
        if let Some(generation) = metadata.generation {
            out += &format!("; generation {generation}");
        }
        if let Some(original) = &metadata.original_destination {
            out += &format!("; sent to {}, which NAT translated", Escaped(original));
        }
        if record.count() > 1 {
            out += &format!("; {} packets, of which this is a summary", record.count());
        }
        match key_of(record) {
            Some(_) => out += "\nnow:  ",
            None => out += "\nthe record does not tell enough of the packet to ask the present rules",
        }
        if key_of(record).is_none() {
            out.push('\n');
        }
        out
    }

    pub(super) fn as_json(&self) -> Value {
        json!(self.0)
    }
}
