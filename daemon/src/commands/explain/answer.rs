//! What the rules say of a packet, and why.

use portcullis_rules::{
    Cause, Edit, Explanation, Fact, Field, Hook, IcmpType, InterfaceName, Key, NearMiss, Rule, Ruleset, edits,
};
use serde_json::{Value, json};

use crate::{
    commands::diff::Comparison,
    review::{edit_in_words, rule_in_words},
};

/// More values of a list than these are counted, not shown.
const MOST_VALUES: usize = 6;
/// More rules than these that nearly decided are counted, not shown.
const MOST_NEAR: usize = 8;
/// Of the edits that would change the answer, the smallest.
const MOST_EDITS: usize = 3;

/// What the rules say of a packet.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    ruleset: &'a Ruleset,
    key: Key,
    explanation: Explanation,
    edits: Vec<Edit>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(ruleset: &'a Ruleset, key: Key) -> Self {
        let mut edits = edits(ruleset, &key);
        // The rule of its own stays: it is always possible, and opens no more than is asked for.
        if edits.len() > MOST_EDITS {
            edits.drain(MOST_EDITS - 1..edits.len() - 1);
        }
        Self { ruleset, key, explanation: ruleset.explain(&key), edits }
    }

    /// `as_at` says of which time it speaks, where that matters.
    pub(super) fn in_words(&self, as_at: Option<&str>) -> String {
        let Self { ruleset, key, explanation: Explanation { decision, near }, edits } = self;
        let mut out = format!("{key}\n{}: ", decision.action);
        out += &match (decision.cause, ruleset.policy.at(key.hook)) {
            (Cause::Rule(id), _) => rule_in_words(ruleset.rule(id)),
            (Cause::Policy, Some(_)) => format!("no rule matches; the policy of {} decides", key.hook),
            (Cause::Policy, None) => {
                format!("{} is not mentioned in [policy]: Portcullis does not judge there", key.hook)
            }
        };
        out.push('\n');
        if is_loopback(key) {
            out += "but nobody asks the rules: loopback always passes\n";
        }
        if let Cause::Rule(id) = decision.cause
            && let Some(rate) = ruleset.rule(id).rate
        {
            out += &format!("limited: new flows to {rate}; what exceeds it is dropped\n");
        }
        if let Some(id) = decision.depends_on {
            let rule = ruleset.rule(id);
            out += &format!(
                "depends: {} would say {} first, if the packet's {} fits; name it\n",
                rule_in_words(rule),
                rule.action,
                self.unknown(rule).join(" or ")
            );
        }
        for NearMiss { rule, field } in near.iter().take(MOST_NEAR) {
            let rule = ruleset.rule(*rule);
            out += &format!(
                "nearly: {} would {}, but for its {}",
                rule_in_words(rule),
                rule.action,
                field.name()
            );
            if let (Some(says), Some(has)) = (said(rule, *field), has(key, *field)) {
                out += &format!(":\n        it says {says}, the packet has {has}");
            }
            out.push('\n');
        }
        if near.len() > MOST_NEAR {
            out += &format!("nearly: {} rules more\n", near.len() - MOST_NEAR);
        }
        if let Some(time) = as_at {
            out += &format!("as at {time}\n");
        }
        for edit in edits {
            out += &format!("to change the answer: {}\n", self.edit(edit));
        }
        out
    }

    pub(super) fn as_json(&self) -> Value {
        let Self { ruleset, key, explanation: Explanation { decision, near }, edits } = self;
        let cause = match decision.cause {
            Cause::Rule(id) => rule(ruleset.rule(id)),
            Cause::Policy => {
                json!({ "policy": key.hook.name(), "ours": ruleset.policy.at(key.hook).is_some() })
            }
        };
        let near = near.iter().map(|NearMiss { rule: id, field }| {
            let own = ruleset.rule(*id);
            let mut near = rule(own);
            near["failed_on"] = json!(field.name());
            near["rule_says"] = json!(said(own, *field));
            near["packet_has"] = json!(has(key, *field));
            near
        });
        let edits = edits.iter().map(|edit| {
            let opens = Comparison::of(ruleset, &edit.ruleset).as_json();
            json!({ "edit": edit_in_words(self.ruleset, edit), "changes": opens })
        });
        json!({
            "packet": key.to_string(),
            "action": decision.action.name(),
            "cause": cause,
            "rate": match decision.cause {
                Cause::Rule(id) => ruleset.rule(id).rate.map(|rate| rate.to_string()),
                Cause::Policy => None,
            },
            "depends_on": decision.depends_on.map(|id| rule(ruleset.rule(id))),
            "near": near.collect::<Vec<_>>(),
            "edits": edits.collect::<Vec<_>>(),
        })
    }

    /// Which of the packet's facts the rule names that nobody told.
    fn unknown(&self, rule: &Rule) -> Vec<&'static str> {
        let key = &self.key;
        let open = |fact: bool, named: bool, field: Field| (fact && named).then(|| field.name());
        let matches = &rule.matches;
        let unknown = [
            open(key.interface() == Fact::Unknown, matches.interface.is_some(), Field::Interface),
            open(key.in_interface == Fact::Unknown, matches.in_interface.is_some(), Field::InInterface),
            open(key.out_interface == Fact::Unknown, matches.out_interface.is_some(), Field::OutInterface),
            open(key.user == Fact::Unknown, matches.user.is_some(), Field::User),
        ];
        let unknown: Vec<&str> = unknown.into_iter().flatten().collect();
        if unknown.is_empty() { vec!["time"] } else { unknown }
    }

    /// The edit, and what else it would change.
    fn edit(&self, edit: &Edit) -> String {
        let comparison = Comparison::of(self.ruleset, &edit.ruleset);
        let changes = comparison.regions(MOST_VALUES);
        let listed: String = changes.iter().map(|change| format!("\n        {change}")).collect();
        format!("{}; that is:{listed}", edit_in_words(self.ruleset, edit))
    }
}

fn rule(rule: &Rule) -> Value {
    json!({ "rule": *rule.name, "action": rule.action.name(), "file": *rule.place.file, "line": rule.place.line })
}

/// What the rule's field says, as TOML writes the value.
fn said(rule: &Rule, field: Field) -> Option<String> {
    let words = rule.words().into_iter().find(|words| words.field == field)?;
    words.toml(MOST_VALUES).split_once(" = ").map(|(_, value)| value.to_owned())
}

/// Whether the kernel passes it because it never leaves this host.
fn is_loopback(key: &Key) -> bool {
    let is_lo = |fact: Fact<InterfaceName>| matches!(fact, Fact::Known(name) if name.as_str() == "lo");
    match key.hook {
        Hook::Input => is_lo(key.in_interface),
        Hook::Output => is_lo(key.out_interface),
        Hook::Forward => false,
    }
}

/// What the packet has there.
fn has(key: &Key, field: Field) -> Option<String> {
    let name = |fact| match fact {
        Fact::Known(name) => Some(format!("{name}")),
        Fact::Absent => Some("none".to_owned()),
        Fact::Unknown => None,
    };
    match field {
        Field::Hook => Some(key.hook.to_string()),
        Field::Interface => name(key.interface()),
        Field::InInterface => name(key.in_interface),
        Field::OutInterface => name(key.out_interface),
        Field::Protocol => Some(key.protocol.to_string()),
        Field::Source => Some(key.source.to_string()),
        Field::Destination => Some(key.destination.to_string()),
        Field::SourcePort => {
            Some(key.ports.map_or_else(|| "none".to_owned(), |ports| ports.source.to_string()))
        }
        Field::Port => {
            Some(key.ports.map_or_else(|| "none".to_owned(), |ports| ports.destination.to_string()))
        }
        Field::IcmpType => Some(match (key.icmp, key.icmp.and_then(|icmp| icmp.name(key.protocol))) {
            (None, _) => "none".to_owned(),
            (Some(IcmpType { code: 0, .. }), Some(name)) => name.to_owned(),
            (Some(IcmpType { code, .. }), Some(name)) => format!("{name}/{code}"),
            (Some(icmp), None) => icmp.to_string(),
        }),
        Field::TcpFlags => Some(key.tcp_flags.map_or_else(|| "none".to_owned(), |flags| flags.to_string())),
        Field::State => Some(key.state.to_string()),
        Field::User => match key.user {
            Fact::Known(user) => Some(user.to_string()),
            Fact::Absent => Some("none".to_owned()),
            Fact::Unknown => None,
        },
        Field::Expires | Field::Schedule => None,
    }
}
