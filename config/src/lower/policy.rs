//! `[policy]`.

use portcullis_rules::{Action, HookSet, Policy};

use super::one::{choice, one};
use crate::{
    problem::{Choice, FileErrors, SettingsProblem},
    written::{self, Stanza},
};

/// Each hook's default action; at least one hook has to have one.
pub(super) fn policy(written: Option<&Stanza<written::Policy>>, errors: FileErrors<'_>) -> Policy {
    let Some(stanza) = written else {
        errors.report(0..0, SettingsProblem::NoHook);
        return Policy::default();
    };
    let written::Policy { input, output, forward } = &stanza.body;
    if [input, output, forward].into_iter().all(Option::is_none) && !stanza.has_strangers {
        errors.report(stanza.header.range.clone(), SettingsProblem::NoHook);
    }
    // A wrong action still says that the hook is ours.
    let action = |written: &Option<written::One>| {
        let written = written.as_ref()?;
        one(Some(written), errors, choice(&Choice::ACTION, Action::from_name)).or(Some(Action::Drop))
    };
    Policy { input: action(input), output: action(output), forward: action(forward) }
}

/// The hooks that are ours; `None` while it is not certain which the user meant.
pub(super) fn hooks(written: Option<&Stanza<written::Policy>>, policy: &Policy) -> Option<HookSet> {
    let hooks = policy.hooks();
    let is_certain = written.is_some_and(|stanza| !stanza.has_strangers) && !hooks.is_empty();
    is_certain.then_some(hooks)
}
