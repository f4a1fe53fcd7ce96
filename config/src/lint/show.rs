//! Findings in words.

use annotate_snippets::{AnnotationKind, Element, Level, Renderer};
use portcullis_rules::{Action, Cause, Finding, Key, RuleId, Ruleset, Standing};

use super::{Warning, written::Written};
use crate::{
    Report,
    problem::{Quoted, escape},
    render::quote,
};

/// More rules than these are counted, not shown.
const MOST_SHOWN: usize = 3;

/// What findings are about.
pub(super) struct Shown<'a> {
    pub(super) ruleset: &'a Ruleset,
    pub(super) written: &'a Written,
}

impl Shown<'_> {
    pub(super) fn name(&self, id: RuleId) -> String {
        Quoted(&self.ruleset.rule(id).name).to_string()
    }

    pub(super) fn warning(&self, finding: &Finding) -> Warning {
        let rule = finding.rule();
        let name = self.name(rule);
        let action = self.ruleset.rule(rule).action;
        let about = Warning {
            at: self.written.place(self.ruleset, rule),
            rule: Some(self.ruleset.rule(rule).name.to_string()),
            ..Warning::default()
        };
        match finding {
            Finding::Impossible { fields, .. } => {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name())).collect();
                let (why, help) = match &fields[..] {
                    [] => (String::new(), "take it out".to_owned()),
                    [one] => {
                        (format!(": nothing fits its {one}"), format!("mend its {one}, or take the rule out"))
                    }
                    [all @ .., last] => {
                        let listed = format!("{} and {last}", all.join(", "));
                        let why = format!(": no packet has such {listed} together");
                        (why, format!("change {} or {last}, or take the rule out", all.join(", ")))
                    }
                };
                Warning {
                    kind: "matches-nothing",
                    title: format!("rule {name} matches nothing{why}"),
                    help: Some(help),
                    ..about
                }
            }
            Finding::Expired { .. } => Warning {
                kind: "expired",
                title: format!("rule {name} has expired"),
                help: Some("take it out, or give it a later `expires`".to_owned()),
                ..about
            },
            Finding::NeverDecides { by, contradicted, witness, decided_by, .. } => {
                let (others, them, s) = match &by[..] {
                    [one] => (format!("rule {} before it", self.name(*one)), "that one", "s"),
                    _ => ("rules before it".to_owned(), "them", ""),
                };
                let (kind, title) = if *contradicted {
                    let never = format!("rule {name} never {}s anything", verb(action));
                    ("contradicted", format!("{never}: {others} decide{s} otherwise"))
                } else {
                    let matches = if s.is_empty() { "match" } else { "matches" };
                    (
                        "never-decides",
                        format!("rule {name} never decides: {others} {matches} all that it does"),
                    )
                };
                let label = |by: RuleId| {
                    let times = match self.ruleset.rule(by).standing {
                        Standing::InForce => "",
                        _ => ", at all of its times",
                    };
                    format!("{}s it before{times}", verb(self.ruleset.rule(by).action))
                };
                Warning {
                    kind,
                    title,
                    others: by.iter().map(|&by| self.other(by, label(by))).collect(),
                    notes: vec![self.decided(*decided_by, witness)],
                    witness: Some(witness.to_string()),
                    help: Some(if *contradicted {
                        format!("put it before {them}, if it is the exception; or take it out")
                    } else {
                        format!(
                            "take it out, or put it before {them} if it is to be recorded by its own name"
                        )
                    }),
                    ..about
                }
            }
            Finding::PartNeverDecides { field, member, by, witness, .. } => Warning {
                kind: "contradicted-in-part",
                title: format!(
                    "rule {name} never {}s anything of its {} {}: rule {} before it decides otherwise",
                    verb(action),
                    field.name(),
                    Quoted(member),
                    self.name(*by)
                ),
                others: vec![self.other(*by, format!("{}s all of it", verb(self.ruleset.rule(*by).action)))],
                notes: vec![self.decided(*by, witness)],
                witness: Some(witness.to_string()),
                help: Some(format!("put it before that one, or take {} out of it", Quoted(member))),
                ..about
            },
            Finding::Redundant { instead, witness, .. } => {
                let (others, instead) = match instead {
                    Cause::Rule(id) => {
                        let others = vec![self.other(*id, format!("{}s it, too", verb(action)))];
                        (others, "the rules after it".to_owned())
                    }
                    Cause::Policy => (Vec::new(), format!("the policy of {}", witness.hook)),
                };
                Warning {
                    kind: "redundant",
                    title: format!("rule {name} changes nothing: {instead} would {} the same", verb(action)),
                    others,
                    notes: vec![self.decided(rule, witness)],
                    witness: Some(witness.to_string()),
                    help: Some("take it out, unless it is there for its name in the counters".to_owned()),
                    ..about
                }
            }
            Finding::OpensEverything { hook, protocol, nearly, chosen_port, witness, .. } => {
                let ports =
                    protocol.map_or_else(|| "TCP and UDP".to_owned(), |p| p.to_string().to_uppercase());
                let who = match (chosen_port, nearly) {
                    (true, _) => "lets in whoever sends from its `source-port`",
                    (false, true) => "lets nearly everybody in",
                    (false, false) => "lets everybody in",
                };
                let which = if *nearly { "nearly every port" } else { "every port" };
                let times = self.while_it_counts(rule);
                Warning {
                    kind: "opens-everything",
                    title: format!("rule {name} {who}: {which} of {ports} on {hook}{times}"),
                    notes: vec![format!("for example: {witness}")],
                    witness: Some(witness.to_string()),
                    help: Some(if *chosen_port {
                        "senders choose their port, and answers to what this host asks need no rule: take it \
                         out, or name a `source` or a `port`"
                            .to_owned()
                    } else {
                        "name a `source`, a `port` or an `interface`".to_owned()
                    }),
                    ..about
                }
            }
            Finding::PolicyNeverReached { hook, witness, .. } => {
                let policy = self.ruleset.policy.at(*hook).unwrap_or(Action::Accept);
                Warning {
                    kind: "policy-never-reached",
                    title: format!(
                        "the policy of {hook}, {policy}, never decides: rule {name} {}s what is left to it",
                        verb(action)
                    ),
                    notes: vec![format!("for example: {witness}")],
                    witness: Some(witness.to_string()),
                    help: Some(format!("write {hook} = \"{action}\" in [policy], if that is meant")),
                    ..about
                }
            }
        }
    }

    fn other(&self, id: RuleId, label: String) -> (String, Option<crate::problem::Span>, String) {
        (self.ruleset.rule(id).name.to_string(), self.written.place(self.ruleset, id), label)
    }

    fn decided(&self, by: RuleId, witness: &Key) -> String {
        let action = self.ruleset.rule(by).action;
        format!(
            "for example: {witness}\nrule {} decides{}: {action}",
            self.name(by),
            self.while_it_counts(by)
        )
    }

    fn while_it_counts(&self, rule: RuleId) -> &'static str {
        match self.ruleset.rule(rule).standing {
            Standing::InForce => "",
            _ => ", while it counts",
        }
    }
}

/// The verb of an action, to be ended with an s.
const fn verb(action: Action) -> &'static str {
    action.name()
}

/// A warning with the lines that it is about.
pub(super) fn text(texts: &Report, warning: &Warning, colours: bool) -> String {
    let Warning { title, at, others, notes, help, .. } = warning;
    let mut group = Level::WARNING.primary_title(escape(title)).elements([] as [Element<'_>; 0]);
    if let Some(at) = at {
        group = quote(group, texts, at, |span| AnnotationKind::Primary.span(span));
    }
    for (_, at, label) in others.iter().take(MOST_SHOWN) {
        if let Some(at) = at {
            group = quote(group, texts, at, |span| AnnotationKind::Context.span(span).label(label.as_str()));
        }
    }
    if others.len() > MOST_SHOWN {
        group = group.element(Level::NOTE.message(format!("and {} rules more", others.len() - MOST_SHOWN)));
    }
    for note in notes {
        // A note may have lines of its own; what is in them is ours, or is escaped by what shows it.
        let lines: Vec<String> = note.lines().map(escape).collect();
        group = group.element(Level::NOTE.message(lines.join("\n")));
    }
    if let Some(help) = help {
        group = group.element(Level::HELP.message(escape(help)));
    }
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}
