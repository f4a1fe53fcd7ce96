//! What the written form means.

mod address;
mod checks;
mod detect;
mod fields;
mod hook;
mod interface;
mod list;
mod log;
mod members;
mod netset;
mod one;
mod policy;
mod port;
mod queue;
mod rate;
mod rule;
mod sets;
mod test;
mod time;
mod units;

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use jiff::Timestamp;
use portcullis_rules::{Place, RuleId, Ruleset};

pub(crate) use address::Literals;
pub(crate) use netset::{Netset, addresses as list};
pub(crate) use sets::{Sets, sets};
#[cfg(test)]
pub(crate) use time::hours;
pub use time::{BadTime, parse_time};
pub use units::parse_duration;

use crate::{
    Config, Mode,
    names::Lookup,
    problem::{FileErrors, Problems, RuleProblem},
    sources::Sources,
    written::File,
};

/// What words in rules may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vocabulary<'a> {
    pub(crate) names: &'a Lookup<'a>,
    pub(crate) sets: &'a Sets,
    pub(crate) literals: &'a Literals,
}

/// What the files say at `time`, the main file first. Where a problem is reported, something harmless stands
/// in for what was wrong.
pub(crate) fn config(
    files: &[File],
    vocabulary: &Vocabulary<'_>,
    sources: &Sources,
    time: Timestamp,
    problems: &Problems,
) -> Config {
    let main = &files[0];
    let errors = FileErrors { file: main.id, problems };
    let (mode, when_enabled) = queue::mode(main.mode.as_ref(), errors);
    let policy = policy::policy(main.policy.as_ref(), errors);
    let ours = policy::hooks(main.policy.as_ref(), &policy);

    let (mut rules, mut tests, mut validities) = (Vec::new(), Vec::new(), Vec::new());
    let mut names = BTreeMap::new();
    for file in files {
        let errors = FileErrors { file: file.id, problems };
        let source = sources.get(file.id);
        let place = |line| Place { file: source.path.clone(), line };
        for stanza in &file.rules {
            let rule = rule::rule(stanza, place(stanza.line), ours, vocabulary, errors);
            if let Some(written) = stanza.body.name.as_ref().filter(|_| !rule.name.is_empty()) {
                let first = names.entry(rule.name.clone()).or_insert_with(|| errors.span(written.span()));
                if *first != errors.span(written.span()) {
                    let (name, first) = (rule.name.to_string(), first.clone());
                    errors.report(written.span(), RuleProblem::NameTaken { name, first });
                }
            }
            let id = RuleId(u32::try_from(rules.len()).unwrap_or(u32::MAX));
            validities.extend(rule::validity(&stanza.body, errors).map(|validity| (id, validity)));
            rules.push(rule);
        }
        let lowered = file.tests.iter().filter_map(|stanza| {
            test::test(stanza, place(stanza.line), source.text(), vocabulary.names, errors)
        });
        tests.extend(lowered);
    }
    rules.shrink_to_fit();
    let config = Config {
        time,
        sets: vocabulary.sets.named_by(&rules),
        validities,
        mode: if when_enabled { Mode::Monitor } else { mode },
        when_enabled,
        ruleset: Arc::new(Ruleset { rules, policy }),
        queue: queue::queue(main.queue.as_ref(), mode, errors),
        hook: hook::hook(main.hook.as_ref(), errors),
        log: log::log(main.log.as_ref(), errors),
        detect: detect::detect(main.detect.as_ref(), main.ban.as_ref(), vocabulary, errors),
        tests,
    };
    config.at(time)
}

/// The number that `text` writes with digits and nothing else: `str::parse` would also take a `+`.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_decimal)
}
