//! `explain`: which rule decides about a packet, and which nearly did.

use jiff::tz::TimeZone;
use portcullis_config::SystemNames;
use portcullis_rules::{Cause, Explanation, Key, NearMiss, Rule, Ruleset, parse_packet};
use serde_json::{Value, json};

use super::{Outcome, configuration};
use crate::cli::ExplainArgs;

pub(super) fn run(args: &ExplainArgs) -> Outcome {
    let text = args.packet.join(" ");
    let key = match parse_packet(&text, &SystemNames::default()) {
        Ok(key) => key,
        Err(error) => {
            let column = text[..error.span.start.min(text.len())].chars().count();
            let width = text.get(error.span.clone()).map_or(1, |part| part.chars().count()).max(1);
            eprintln!(
                "portcullis: {error}\n  {}\n  {:column$}{}",
                text.escape_debug(),
                "",
                "^".repeat(width)
            );
            return Outcome::Usage;
        }
    };
    let config = match configuration(&args.config) {
        Ok(config) => args.at.map_or_else(|| config.clone(), |time| config.at(time)),
        Err(outcome) => return outcome,
    };
    let explanation = config.ruleset.explain(&key);
    if args.json {
        let mut explained = as_json(&config.ruleset, &key, &explanation);
        explained["at"] = json!(config.time.to_string());
        println!("{explained}");
    } else {
        print!("{}", in_words(&config.ruleset, &key, &explanation));
        if !config.validities.is_empty() {
            let time = config.time.to_zoned(TimeZone::system());
            println!("as at {}", time.strftime("%F %T %Z"));
        }
    }
    Outcome::Fine
}

fn in_words(ruleset: &Ruleset, key: &Key, explanation: &Explanation) -> String {
    let Explanation { decision, near } = explanation;
    let named = |rule: &Rule| format!("rule \"{}\" ({})", rule.name, rule.place);
    let mut out = format!("{key}\n{}: ", decision.action);
    out += &match (decision.cause, ruleset.policy.at(key.hook)) {
        (Cause::Rule(id), _) => named(ruleset.rule(id)),
        (Cause::Policy, Some(_)) => format!("no rule matches; the policy of {} decides", key.hook),
        (Cause::Policy, None) => {
            format!("{} is not mentioned in [policy]: Portcullis does not judge there", key.hook)
        }
    };
    out.push('\n');
    if let Cause::Rule(id) = decision.cause
        && let Some(rate) = ruleset.rule(id).rate
    {
        out += &format!("limited: new flows to {rate}; what exceeds it is dropped\n");
    }
    if let Some(id) = decision.depends_on {
        let rule = ruleset.rule(id);
        out += &format!(
            "depends: {} would say {} first, if the packet's interface or user fits; name it\n",
            named(rule),
            rule.action
        );
    }
    for NearMiss { rule, field } in near {
        let rule = ruleset.rule(*rule);
        out += &format!("nearly: {} would {}, but for its {}\n", named(rule), rule.action, field.name());
    }
    out
}

fn as_json(ruleset: &Ruleset, key: &Key, explanation: &Explanation) -> Value {
    let Explanation { decision, near } = explanation;
    let rate = |rule: &Rule| rule.rate.map(|rate| rate.to_string());
    let named = |rule: &Rule| json!({ "rule": *rule.name, "action": rule.action.name(), "file": *rule.place.file, "line": rule.place.line });
    let cause = match decision.cause {
        Cause::Rule(id) => named(ruleset.rule(id)),
        Cause::Policy => json!({ "policy": key.hook.name(), "ours": ruleset.policy.at(key.hook).is_some() }),
    };
    let near = near.iter().map(|NearMiss { rule, field }| {
        let mut near = named(ruleset.rule(*rule));
        near["failed_on"] = json!(field.name());
        near
    });
    json!({
        "packet": key.to_string(),
        "action": decision.action.name(),
        "cause": cause,
        "rate": match decision.cause {
            Cause::Rule(id) => rate(ruleset.rule(id)),
            Cause::Policy => None,
        },
        "depends_on": decision.depends_on.map(|id| named(ruleset.rule(id))),
        "near": near.collect::<Vec<_>>(),
    })
}
