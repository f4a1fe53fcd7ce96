//! `explain`: which rule decides about a packet, which nearly did, and what would change the answer.

mod answer;
mod event;

use jiff::tz::TimeZone;
use portcullis_config::SystemNames;
use portcullis_rules::{Key, parse_packet};

use super::{Outcome, configuration};
use crate::{cli::ExplainArgs, log::escape_json};

use self::answer::Answer;

pub(super) fn run(args: &ExplainArgs) -> Outcome {
    let config = match configuration(&args.config) {
        Ok(config) => args.at.map_or_else(|| config.clone(), |time| config.at(time)),
        Err(outcome) => return outcome,
    };
    let (past, key) = match &args.event {
        Some(id) => match event::find(args, &config, id) {
            Ok((past, key)) => (Some(past), key),
            Err(outcome) => return outcome,
        },
        None => match packet(&args.packet.join(" ")) {
            Ok(key) => (None, Some(key)),
            Err(outcome) => return outcome,
        },
    };
    let answer = key.map(|key| Answer::of(&config.ruleset, key));
    if args.json {
        let mut out = answer.map_or_else(|| serde_json::json!({}), |answer| answer.as_json());
        if let Some(past) = past {
            out["event"] = past.as_json();
        }
        out["at"] = serde_json::json!(config.time.to_string());
        // It may tell of an event, and that was read from a file.
        println!("{}", escape_json(&out.to_string()));
        return Outcome::Fine;
    }
    if let Some(past) = past {
        print!("{}", past.in_words());
    }
    if let Some(answer) = answer {
        let time = config.time.to_zoned(TimeZone::system()).strftime("%F %T %Z").to_string();
        let as_at = (!config.validities.is_empty()).then_some(time.as_str());
        print!("{}", answer.in_words(as_at));
    }
    Outcome::Fine
}

fn packet(text: &str) -> Result<Key, Outcome> {
    parse_packet(text, &SystemNames::default()).map_err(|error| {
        let column = text[..error.span.start.min(text.len())].chars().count();
        let width = text.get(error.span.clone()).map_or(1, |part| part.chars().count()).max(1);
        eprintln!("portcullis: {error}\n  {}\n  {:column$}{}", text.escape_debug(), "", "^".repeat(width));
        Outcome::Usage
    })
}
