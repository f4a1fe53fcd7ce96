//! `rules`: the effective order, and how often each rule has decided.

use std::path::Path;

use jiff::Zoned;
use portcullis_rules::{Hook, Rule};
use serde_json::json;

use super::{Outcome, configuration, daemon::unreachable_daemon, fail};
use crate::{
    cli::RulesArgs,
    control::{self, Command, ControlError, Response},
    hits::{HitReport, Hits},
    hook::{BUILTIN, BuiltinPass},
};

pub(super) fn run(args: &RulesArgs) -> Outcome {
    if args.builtin {
        builtin(args.json);
        return Outcome::Fine;
    }
    let config = match configuration(&args.config) {
        Ok(config) => config,
        Err(outcome) => return outcome,
    };
    let now = Zoned::now();
    let unused_since = match args.unused_since.as_ref().map(|when| when.before(&now)).transpose() {
        Ok(since) => since,
        Err(error) => return fail(Outcome::Usage, error),
    };
    let report = match (hits(&args.control.control), unused_since) {
        (Ok(report), _) => Some(report),
        (Err(error), Some(_)) => return unreachable_daemon(&error),
        // The order is worth knowing without a daemon, too.
        (Err(_), None) => None,
    };
    if let (Some(HitReport { since, .. }), Some(asked)) = (&report, unused_since)
        && asked < *since
    {
        eprintln!("packets are counted since {since}: what was decided before is not known");
    }
    let counted =
        |name: &str| report.as_ref().map(|report| report.rules.get(name).copied().unwrap_or_default());
    let is_asked_for = |name: &str, in_kernel: bool| {
        unused_since.is_none_or(|since| {
            !in_kernel && counted(name).is_some_and(|hits| hits.last.is_none_or(|last| last < since))
        })
    };
    let mut lines = Vec::new();
    for (number, rule) in config.ruleset.rules.iter().enumerate() {
        let Rule { name, hooks, action, failsafe, comment, place, .. } = rule;
        if !is_asked_for(name, *failsafe) {
            continue;
        }
        let hooks: Vec<&str> = hooks.iter().map(Hook::name).collect();
        let hits = counted(name);
        lines.push(if args.json {
            json!({ "rule": **name, "hooks": hooks, "action": action.name(), "failsafe": failsafe,
                "comment": comment.as_deref(), "file": *place.file, "line": place.line, "hits": hits })
            .to_string()
        } else {
            let failsafe_word = if *failsafe { " failsafe" } else { "" };
            let hits = columns(hits, *failsafe, &now);
            format!(
                "{:>4}  {action:<6}  {:<13}{hits}  {name}{failsafe_word}  ({place})",
                number + 1,
                hooks.join(",")
            )
        });
    }
    for hook in Hook::ALL {
        let name = format!("policy {hook}");
        let policy = config.ruleset.policy.at(hook);
        if unused_since.is_some() {
            // Not a rule, and not to be removed.
        } else if args.json {
            let policy = json!({ "policy": hook.name(), "action": policy.map(|action| action.name()),
                "hits": counted(&name) });
            lines.push(policy.to_string());
        } else if let Some(action) = policy {
            let hits = columns(counted(&name), false, &now);
            lines.push(format!("   -  {action:<6}  {hook:<13}{hits}  {name}"));
        }
    }
    if let Some(HitReport { since, .. }) = report
        && !args.json
    {
        let since = since.to_zoned(now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        println!("packets that came to the daemon since {since}; those of accepted flows stay in the kernel");
        println!("   #  ACTION  HOOK              PACKETS  LAST                 RULE");
    }
    for line in &lines {
        println!("{line}");
    }
    // Somebody looks for rules to remove, and there are none.
    if unused_since.is_some() && lines.is_empty() { Outcome::No } else { Outcome::Fine }
}

/// What the running daemon has counted.
fn hits(socket: &Path) -> Result<HitReport, ControlError> {
    match control::ask(socket, Command::Hits)? {
        Response::Hits(report) => Ok(report),
        Response::NotPermitted(why) => Err(ControlError::Denied(why)),
        Response::Refused(why) => Err(ControlError::Failed(std::io::Error::other(why))),
        _ => Err(ControlError::Failed(std::io::ErrorKind::InvalidData.into())),
    }
}

/// How often and when, as two columns; nothing when nobody has counted.
fn columns(hits: Option<Hits>, in_kernel: bool, now: &Zoned) -> String {
    let Some(Hits { packets, last }) = hits else { return String::new() };
    let last = last.map_or_else(
        || if in_kernel { "in the kernel" } else { "never" }.to_owned(),
        |last| last.to_zoned(now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    format!("  {packets:>10}  {last:<19}")
}

fn builtin(as_json: bool) {
    for BuiltinPass { what, why, hooks, nft } in &BUILTIN {
        let hooks: Vec<&str> = hooks.iter().map(|hook| hook.name()).collect();
        if as_json {
            println!("{}", json!({ "passes": what, "why": why, "hooks": hooks, "nft": nft }));
        } else {
            println!("{what}\n    on {}: {why}\n    {nft}", hooks.join(", "));
        }
    }
}
