//! Small edits that would change the answer to a packet.

use std::sync::Arc;

use crate::{
    Action, AddressSet, ByteSet, Cause, Fact, Field, Hook, IcmpSet, InterfacePattern, Key, Match, NearMiss,
    Protocol, RangeSet, Rule, RuleId, Ruleset, State, Words,
};

/// An edit after which a packet is accepted that was refused, or the other way round.
#[derive(Debug, Clone)]
pub struct Edit {
    /// What to do.
    pub change: EditChange,
    /// The rules after it.
    pub ruleset: Ruleset,
}

/// What to do to a ruleset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditChange {
    /// Add a value to what a rule names in a field.
    Widen {
        /// The rule.
        rule: RuleId,
        /// The field.
        field: Field,
        /// The value, as rules write it.
        value: String,
    },
    /// Take a value out of what the deciding rule names.
    Narrow {
        /// The rule.
        rule: RuleId,
        /// The field.
        field: Field,
        /// The value, as rules write it.
        value: String,
    },
    /// Add a rule of its own for the door that the packet knocks at.
    Add {
        /// What it names.
        words: Vec<Words>,
        /// What it says.
        action: Action,
        /// The rule before which it has to stand; `None` where the end will do.
        before: Option<RuleId>,
    },
}

/// The edits that would change what is said of `key`, those first that change the least text: a value
/// more or less in a rule that is there, then a rule of its own. Each has been judged by.
pub fn edits(ruleset: &Ruleset, key: &Key) -> Vec<Edit> {
    if ruleset.policy.at(key.hook).is_none() {
        return Vec::new();
    }
    let explanation = ruleset.explain(key);
    let accepted = explanation.decision.action == Action::Accept;
    let mut edits = Vec::new();
    for NearMiss { rule, field } in explanation.near {
        let near = ruleset.rule(rule);
        // Nobody is told to write a value beside its own negation.
        let flips = (near.action == Action::Accept) != accepted && !near.excluding.contains(&field);
        if let (true, Some((value, matches))) = (flips, widened(&near.matches, field, key)) {
            let change = EditChange::Widen { rule, field, value };
            edits.push(Edit { change, ruleset: with_matches(ruleset, rule, matches) });
        }
    }
    if let Cause::Rule(rule) = explanation.decision.cause {
        for field in [Field::Source, Field::Destination, Field::Port] {
            if let Some((value, matches)) = narrowed(&ruleset.rule(rule).matches, field, key) {
                let change = EditChange::Narrow { rule, field, value };
                edits.push(Edit { change, ruleset: with_matches(ruleset, rule, matches) });
            }
        }
    }
    edits.push(own_rule(ruleset, key, explanation.decision.cause, accepted));
    edits.retain(|edit| {
        let decision = edit.ruleset.first_match(key);
        (decision.action == Action::Accept) != accepted && decision.depends_on.is_none()
    });
    edits
}

fn with_matches(ruleset: &Ruleset, rule: RuleId, matches: Match) -> Ruleset {
    let mut edited = ruleset.clone();
    edited.rules[rule.0 as usize].matches = matches;
    edited
}

/// The fields with the packet's value in `field`, and that value; `None` where the packet has none, or
/// a rule can't name it.
fn widened(matches: &Match, field: Field, key: &Key) -> Option<(String, Match)> {
    let mut matches = matches.clone();
    let value = match field {
        Field::Source | Field::Destination => {
            let (set, address) = match field {
                Field::Source => (&mut matches.source, key.source),
                _ => (&mut matches.destination, key.destination),
            };
            let wider = set.as_ref()?.union(&AddressSet::from_ranges([(address, address)]));
            *set = Some(Arc::new(wider));
            address.to_string()
        }
        Field::SourcePort | Field::Port => {
            let ports = key.ports?;
            let (set, port) = match field {
                Field::SourcePort => (&mut matches.source_port, ports.source),
                _ => (&mut matches.port, ports.destination),
            };
            *set = Some(set.as_ref()?.union(&one(port)));
            port.to_string()
        }
        Field::Protocol => {
            matches.protocol = Some(matches.protocol?.union(&[key.protocol.0].into_iter().collect()));
            key.protocol.to_string()
        }
        Field::User => {
            let Fact::Known(user) = key.user else { return None };
            matches.user = Some(matches.user.as_ref()?.union(&one(user)));
            user.to_string()
        }
        Field::State => {
            let state = key.state;
            matches.state = Some(matches.state?.iter().chain([state]).collect());
            state.to_string()
        }
        Field::IcmpType => {
            let icmp = key.icmp?;
            let number = one(u16::from_be_bytes([icmp.kind, icmp.code]));
            let own = match key.protocol {
                Protocol::ICMP => IcmpSet { v4: number, v6: RangeSet::default() },
                _ => IcmpSet { v4: RangeSet::default(), v6: number },
            };
            matches.icmp_type = Some(matches.icmp_type.as_ref()?.union(&own));
            let kind = icmp.name(key.protocol).map_or_else(|| icmp.kind.to_string(), ToOwned::to_owned);
            format!("{kind}/{}", icmp.code)
        }
        Field::Interface | Field::InInterface | Field::OutInterface => {
            let (set, fact) = match field {
                Field::Interface => (&mut matches.interface, key.interface()),
                Field::InInterface => (&mut matches.in_interface, key.in_interface),
                _ => (&mut matches.out_interface, key.out_interface),
            };
            let Fact::Known(name) = fact else { return None };
            set.as_mut()?.any_of.push(InterfacePattern::Name(name));
            name.to_string()
        }
        Field::Hook | Field::TcpFlags | Field::Expires | Field::Schedule => return None,
    };
    Some((value, matches))
}

/// The fields without the packet's value in `field`, and that value, where the rule names the field.
fn narrowed(matches: &Match, field: Field, key: &Key) -> Option<(String, Match)> {
    let mut matches = matches.clone();
    let value = match field {
        Field::Source | Field::Destination => {
            let (set, address) = match field {
                Field::Source => (&mut matches.source, key.source),
                _ => (&mut matches.destination, key.destination),
            };
            let narrower = set.as_ref()?.difference(&AddressSet::from_ranges([(address, address)]));
            *set = Some(Arc::new(narrower));
            address.to_string()
        }
        _ => {
            let port = key.ports?.destination;
            matches.port = Some(matches.port.as_ref()?.difference(&one(port)));
            port.to_string()
        }
    };
    // Nothing would be left: that is no edit of a value.
    let empty = matches.source.as_ref().is_some_and(|set| set.is_empty())
        || matches.destination.as_ref().is_some_and(|set| set.is_empty())
        || matches.port.as_ref().is_some_and(RangeSet::is_empty);
    (!empty).then_some((value, matches))
}

/// A rule for the packet's door and whoever knocks there, before the rule that decides.
fn own_rule(ruleset: &Ruleset, key: &Key, cause: Cause, accepted: bool) -> Edit {
    let action = if accepted { Action::Drop } else { Action::Accept };
    let mut rule = Rule::new("explained", action);
    rule.hooks = [key.hook].into_iter().collect();
    let mut words = vec![Words { field: Field::Hook, values: vec![key.hook.to_string()] }];
    let mut name = |field, value: String| words.push(Words { field, values: vec![value] });
    rule.matches.protocol = Some([key.protocol.0].into_iter().collect::<ByteSet>());
    name(Field::Protocol, key.protocol.to_string());
    let only = |address| Some(Arc::new(AddressSet::from_ranges([(address, address)])));
    // On input the destination is this host, on output the source is.
    if key.hook != Hook::Output {
        rule.matches.source = only(key.source);
        name(Field::Source, key.source.to_string());
    }
    if key.hook != Hook::Input {
        rule.matches.destination = only(key.destination);
        name(Field::Destination, key.destination.to_string());
    }
    if let Some(ports) = key.ports {
        rule.matches.port = Some(one(ports.destination));
        name(Field::Port, ports.destination.to_string());
    }
    if let Some(icmp) = key.icmp {
        let kind = icmp.name(key.protocol).map_or_else(|| icmp.kind.to_string(), ToOwned::to_owned);
        rule.matches.icmp_type = IcmpSet::parse(&kind);
        name(Field::IcmpType, kind);
    }
    if key.state != State::New {
        rule.matches.state = Some([key.state].into_iter().collect());
        name(Field::State, key.state.to_string());
    }
    let before = match cause {
        Cause::Rule(id) => Some(id),
        Cause::Policy => None,
    };
    let mut edited = ruleset.clone();
    let place = before.map_or(edited.rules.len(), |id| id.0 as usize);
    edited.rules.insert(place, rule);
    Edit { change: EditChange::Add { words, action, before }, ruleset: edited }
}

fn one<T: crate::Step>(value: T) -> RangeSet<T> {
    [(value, value)].into_iter().collect()
}
