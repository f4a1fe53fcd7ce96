//! What is suspicious about a ruleset, though valid.
//!
//! A warning that is false is worse than none: people stop reading. So what is common on purpose,
//! such as an exception before a general rule, is no finding, and what can't be worked out within
//! bounds is said to be undecided.

mod contradicted;
mod finding;
mod impossible;
mod open;
mod policy;
mod redundant;
mod shadowed;

pub use self::finding::{Finding, Lints, Question};
use super::{
    Space,
    rules::{Covers, Rules, Undecided, Work},
};
use crate::{Cause, Key, RuleId, Ruleset, Standing};

/// How much is done about one rule.
const WORK: u32 = 240_000;
/// Packets of a rule that are tried before it is worked out exactly.
const CORNERS: u32 = 24;
/// So many rules are looked at; those after them are undecided.
const MOST_RULES: usize = 200_000;

/// Looks for rules that do nothing, or not what they seem to. What it finds is so at all times: of a
/// rule that counts at times it is not taken for granted that it does, nor that it doesn't, beside one
/// whose times it does not cover.
pub fn lint(ruleset: &Ruleset, covers: Covers<'_>) -> Lints {
    let space = Space::of([ruleset]);
    let rules = Rules::new(ruleset, &space, covers);
    let mut lints = Lints::default();
    // The last first: before a rule that lets everything in, all others change nothing. It is the one to look at.
    let mut wide: Vec<RuleId> = Vec::new();
    for id in rules.ids().rev() {
        let asked = if id.0 as usize >= MOST_RULES {
            Err(Undecided)
        } else {
            one_rule(&rules, id, !wide.iter().any(|&wide| rules.counts_with(wide, id)))
        };
        match asked {
            Ok(findings) => {
                let opens = |finding: &Finding| {
                    matches!(finding, Finding::OpensEverything { chosen_port: false, .. })
                };
                wide.extend(findings.iter().any(opens).then_some(id));
                lints.findings.extend(findings.into_iter().rev());
            }
            Err(Undecided) => lints.undecided.push(Question::Rule(id)),
        }
    }
    lints.findings.reverse();
    lints.undecided.reverse();
    for hook in ruleset.policy.hooks().iter() {
        match policy::policy_never_reached(&rules, hook) {
            Ok(finding) => lints.findings.extend(finding),
            Err(Undecided) => lints.undecided.push(Question::Policy(hook)),
        }
    }
    // Nobody is told what the reference does not confirm.
    lints.findings.retain(|finding| finding.is_confirmed(&rules));
    lints
}

fn one_rule(rules: &Rules<'_>, id: RuleId, may_be_redundant: bool) -> Result<Vec<Finding>, Undecided> {
    let rule = rules.ruleset.rule(id);
    if rule.standing == Standing::Expired {
        return Ok(vec![Finding::Expired { rule: id }]);
    }
    if rules.regions(id).is_empty() {
        return Ok(vec![impossible::impossible(rules, id)]);
    }
    let meeting = rules.meeting(id);
    let (earlier, later) = meeting.split_at(meeting.partition_point(|&other| other < id));
    let mut work = Work(WORK);
    let mut findings = Vec::new();
    findings.extend(open::opens_everything(rules, id, earlier, &mut work)?);
    if rule.failsafe {
        // The kernel asks it before all others, and decides by it where they would say something else.
        return Ok(findings);
    }
    let alive = match decided_by(rules, id, earlier).next() {
        Some(packet) => packet,
        None => match shadowed::all_taken(rules, id, earlier, &mut work)? {
            Ok(packet) => packet,
            Err(finding) => return Ok(vec![finding]),
        },
    };
    findings.extend(contradicted::in_part(rules, id, earlier));
    if may_be_redundant {
        findings.extend(redundant::redundant(rules, id, earlier, later, alive, &mut work)?);
    }
    Ok(findings)
}

/// Some packets that `id` decides about: corners of it that no earlier rule matches.
fn decided_by(rules: &Rules<'_>, id: RuleId, earlier: &[RuleId]) -> impl Iterator<Item = Key> {
    let ordinary = rules.regions(id).iter().filter_map(|region| rules.space.witness(region));
    let corners = (0..CORNERS).flat_map(move |number| {
        rules.regions(id).iter().filter_map(move |region| rules.space.corner(region, number))
    });
    let is_free = move |key: &Key| rules.decides(key, earlier.iter().copied()) == Cause::Policy;
    ordinary.chain(corners).filter(is_free)
}
