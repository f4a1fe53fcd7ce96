//! `rules`: the effective order.

use portcullis_rules::{Hook, Rule};
use serde_json::json;

use super::{Outcome, configuration};
use crate::{
    cli::RulesArgs,
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
    for (number, rule) in config.ruleset.rules.iter().enumerate() {
        let Rule { name, hooks, action, failsafe, comment, place, .. } = rule;
        let hooks: Vec<&str> = hooks.iter().map(Hook::name).collect();
        if args.json {
            let (file, line) = (&*place.file, place.line);
            let rule = json!({ "rule": **name, "hooks": hooks, "action": action.name(), "failsafe": failsafe,
                "comment": comment.as_deref(), "file": file, "line": line });
            println!("{rule}");
        } else {
            let failsafe = if *failsafe { " failsafe" } else { "" };
            println!("{:>4}  {action:<6}  {:<13}  {name}{failsafe}  ({place})", number + 1, hooks.join(","));
        }
    }
    for hook in Hook::ALL {
        let policy = config.ruleset.policy.at(hook);
        if args.json {
            println!("{}", json!({ "policy": hook.name(), "action": policy.map(|action| action.name()) }));
        } else if let Some(action) = policy {
            println!("   -  {action:<6}  {hook:<13}  policy {hook}");
        }
    }
    Outcome::Fine
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
