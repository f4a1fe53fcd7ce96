//! `check`: is this configuration one that can go live, and is it what it seems to be?

use std::{io::IsTerminal as _, path::Path, time::Instant};

use portcullis_config::{DEFAULT, Loaded, Warnings, failed_tests, lint, load, load_text};
use portcullis_rules::RuleTable;
use serde_json::json;

use super::Outcome;
use crate::{cli::CheckArgs, queue, source};

pub(super) fn run(args: &CheckArgs) -> Outcome {
    let usual = Path::new(source::FILE);
    let file = args.file.as_deref().or(args.config.as_deref());
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
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(report) if args.json => {
            let errors: Vec<_> = report.errors().collect();
            println!("{}", json!({ "file": name, "valid": false, "errors": errors }));
            return Outcome::Invalid;
        }
        Err(report) => {
            eprintln!("{}", report.render(std::io::stderr().is_terminal()).trim_end());
            return Outcome::Invalid;
        }
    };
    let warnings = lint(&loaded);
    let failures = failed_tests(&loaded.config);
    if args.json {
        let failed: Vec<_> = failures.iter().map(ToString::to_string).collect();
        let found: Vec<_> = warnings.entries().collect();
        println!(
            "{}",
            json!({ "file": name, "valid": true, "rules": loaded.config.ruleset.rules.len(),
                "tests": loaded.config.tests.len(), "failed": failed, "warnings": found,
                "undecided": warnings.undecided() })
        );
    } else {
        tell(&name, &loaded, &warnings, args.verbose);
    }
    if failures.is_empty() && (warnings.is_empty() || !args.strict) { Outcome::Fine } else { Outcome::No }
}

fn tell(name: &str, loaded: &Loaded, warnings: &Warnings, verbose: bool) {
    let config = &loaded.config;
    if !warnings.is_empty() {
        eprintln!("{}\n", warnings.render(std::io::stderr().is_terminal()));
    }
    match warnings.undecided() {
        [] => {}
        all if verbose => all.iter().for_each(|question| eprintln!("too much work to tell {question}")),
        all => {
            eprintln!("too much work to tell everything: {} questions are open (-v names them)", all.len())
        }
    }
    if let Some(untold) = queue::original_destinations_untold(config) {
        eprintln!("note: {untold}");
    }
    let failures = failed_tests(config);
    for failure in &failures {
        eprintln!("{failure}");
    }
    let hooks: Vec<&str> = config.ruleset.policy.hooks().iter().map(|hook| hook.name()).collect();
    let (rules, tests) = (config.ruleset.rules.len(), config.tests.len());
    if failures.is_empty() {
        let told = match warnings.len() {
            0 => String::new(),
            count => format!("; warnings: {count}"),
        };
        println!("{name}: valid; rules: {rules}, for {}; tests passed: {tests}{told}", hooks.join(", "));
    } else {
        println!("{name}: {} of {tests} tests failed; a reload would keep the old rules", failures.len());
    }
    if verbose {
        let began = Instant::now();
        let table = RuleTable::compile(config.ruleset.clone());
        println!("{}\ncompiled in {:.1} ms", table.summary(), began.elapsed().as_secs_f64() * 1e3);
    }
}
