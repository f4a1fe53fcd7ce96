//! Rules that match nothing.

use super::Finding;
use crate::{
    Rule, RuleId,
    space::{part::Extent as _, rules::Rules},
};

/// No packet is as the rule wants it: which fields are to blame.
pub(super) fn impossible(rules: &Rules<'_>, id: RuleId) -> Finding {
    let rule = rules.ruleset.rule(id);
    let ours = rules.ruleset.policy.hooks();
    let mut fields = Vec::new();
    for (field, matches) in rule.matches.each_left_out() {
        let without = rules.space.matched(&Rule { matches, ..rule.clone() });
        if without.iter().any(|region| !region.hooks.and(&ours).is_empty()) {
            fields.push(field);
        }
    }
    Finding::Impossible { rule: id, fields }
}
