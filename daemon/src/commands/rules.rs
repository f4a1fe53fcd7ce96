//! `rules`: the effective order, and how often each rule has decided.

use std::path::Path;

use jiff::{Timestamp, Zoned};
use portcullis_config::Config;
use portcullis_rules::{Hook, Rule, RuleId, Standing};
use serde::Serialize;
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
    let counted_since = report.as_ref().map(|report| report.since);
    for (number, rule) in (0_u32..).zip(&config.ruleset.rules) {
        let Rule { name, hooks, action, failsafe, comment, place, .. } = rule;
        let times = Times::of(&config, RuleId(number));
        if !is_asked_for(name, *failsafe) {
            continue;
        }
        let hooks: Vec<&str> = hooks.iter().map(Hook::name).collect();
        let hits = counted(name);
        lines.push(if args.json {
            json!({ "rule": **name, "hooks": hooks, "action": action.name(), "failsafe": failsafe,
                "rate": rule.rate.map(|rate| rate.to_string()), "comment": comment.as_deref(),
                "file": *place.file, "line": place.line, "hits": hits, "counted_since": counted_since,
                "in_force": rule.standing == Standing::InForce, "times": times })
            .to_string()
        } else {
            let failsafe_word = if *failsafe { " failsafe" } else { "" };
            let hits = columns(hits, *failsafe, &now);
            let times = times.map(|times| times.in_words(&now)).unwrap_or_default();
            format!(
                "{:>4}  {action:<6}  {:<13}{hits}  {name}{failsafe_word}{times}  ({place})",
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
                "hits": counted(&name), "counted_since": counted_since });
            lines.push(policy.to_string());
        } else if let Some(action) = policy {
            let hits = columns(counted(&name), false, &now);
            lines.push(format!("   -  {action:<6}  {hook:<13}{hits}  {name}"));
        }
    }
    if let Some(HitReport { since, .. }) = report
        && !args.json
    {
        let since = local(since, &now, SECONDS);
        println!(
            "packets that came to the daemon since {since} (never: not since then); those of accepted flows stay in the kernel"
        );
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
        |last| local(last, now, SECONDS),
    );
    format!("  {packets:>10}  {last:<19}")
}

/// When a rule counts that does not always.
#[derive(Debug, Serialize)]
struct Times {
    standing: &'static str,
    /// Of the standing; none where it always was so, or always will be.
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    expires: Option<Timestamp>,
    schedule: Option<String>,
}

impl Times {
    fn of(config: &Config, id: RuleId) -> Option<Self> {
        let validity = config.validity(id)?;
        Some(Self {
            standing: match config.ruleset.rule(id).standing {
                Standing::InForce => "in force",
                Standing::Expired => "expired",
                Standing::Resting => "resting",
                Standing::Sometimes => "at times",
            },
            since: validity.last_change(config.time),
            until: validity.next_change(config.time),
            expires: validity.expires,
            schedule: validity.schedule.as_ref().map(ToString::to_string),
        })
    }

    /// `, resting since 2026-11-27 18:00 until 2026-11-30 08:00 (mon-fri 08:00-18:00)`
    fn in_words(&self, now: &Zoned) -> String {
        let Self { standing, since, until, expires: _, schedule } = self;
        let time = |word: &str, time: &Option<Timestamp>| {
            time.map(|time| format!(" {word} {}", local(time, now, MINUTES))).unwrap_or_default()
        };
        let schedule = schedule.as_ref().map(|schedule| format!(" ({schedule})")).unwrap_or_default();
        format!(", {standing}{}{}{schedule}", time("since", since), time("until", until))
    }
}

const SECONDS: &str = "%Y-%m-%d %H:%M:%S";
const MINUTES: &str = "%Y-%m-%d %H:%M";

fn local(time: Timestamp, now: &Zoned, form: &str) -> String {
    time.to_zoned(now.time_zone().clone()).strftime(form).to_string()
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
