//! `check`: is this configuration one that can go live?

use std::path::Path;

use portcullis_config::{DEFAULT, failed_tests, load, load_text};

use super::Outcome;
use crate::source;

pub(super) fn run(file: Option<&Path>) -> Outcome {
    let usual = Path::new(source::FILE);
    let (name, loaded) = match file {
        None if !usual.exists() => {
            eprintln!("there is no {}: checking the built-in default policy", source::FILE);
            ("the built-in default policy".into(), load_text("built-in default", DEFAULT))
        }
        file => {
            let file = file.unwrap_or(usual);
            (file.to_string_lossy(), load(file))
        }
    };
    let config = match loaded {
        Ok(loaded) => loaded.config,
        Err(report) => {
            eprintln!("{report}");
            return Outcome::Invalid;
        }
    };
    let failures = failed_tests(&config);
    for failure in &failures {
        eprintln!("{failure}");
    }
    let hooks: Vec<&str> = config.ruleset.policy.hooks().iter().map(|hook| hook.name()).collect();
    let (rules, tests) = (config.ruleset.rules.len(), config.tests.len());
    if failures.is_empty() {
        println!("{name}: valid; rules: {rules}, for {}; tests passed: {tests}", hooks.join(", "));
        return Outcome::Fine;
    }
    println!("{name}: {} of {tests} tests failed; a reload would keep the old rules", failures.len());
    Outcome::No
}
