//! `[detect]`.

use super::{
    Vocabulary, address, list,
    one::{choice, flag, one},
    units::duration,
};
use crate::{
    Ban, Detect, Severity,
    problem::{Choice, FileErrors, SettingsProblem, ValueProblem, Wanted},
    written::{self, Scalar, Stanza},
};

pub(super) fn detect(
    written: Option<&Stanza<written::Detect>>,
    ban_written: Option<&Stanza<written::Ban>>,
    vocabulary: &Vocabulary<'_>,
    errors: FileErrors<'_>,
) -> Detect {
    let absent = written::Detect::default();
    let written::Detect { threshold: doors, window, ban: _, allow } =
        written.map_or(&absent, |stanza| &stanza.body);
    let usual = Detect::default();
    let addresses = |word: list::Word<'_>| address::addresses(word, vocabulary);
    Detect {
        threshold: one(doors.as_ref(), errors, threshold).unwrap_or(usual.threshold),
        window: one(window.as_ref(), errors, duration).unwrap_or(usual.window),
        ban: ban(ban_written, errors),
        allow: allow.as_ref().and_then(|list| list::set(list, errors, addresses)).unwrap_or(usual.allow),
    }
}

fn threshold(value: &Scalar) -> Result<u32, ValueProblem> {
    match value {
        Scalar::Number(number) => u32::try_from(*number)
            .ok()
            .filter(|&doors| doors > 0)
            .ok_or_else(|| Wanted::Threshold.word(number.to_string())),
        other => Err(Wanted::Threshold.kind(other.kind())),
    }
}

fn ban(written: Option<&Stanza<written::Ban>>, errors: FileErrors<'_>) -> Ban {
    let absent = written::Ban::default();
    let written::Ban { enable, first, longest, severity: least } =
        written.map_or(&absent, |stanza| &stanza.body);
    let usual = Ban::default();
    let ban = Ban {
        enable: one(enable.as_ref(), errors, flag).unwrap_or(usual.enable),
        first: one(first.as_ref(), errors, duration).unwrap_or(usual.first),
        longest: one(longest.as_ref(), errors, duration).unwrap_or(usual.longest),
        severity: one(least.as_ref(), errors, choice(&Choice::SEVERITY, severity)).unwrap_or(usual.severity),
    };
    if ban.longest < ban.first
        && let Some(written) = longest.as_ref().or(first.as_ref())
    {
        errors.report(written.span(), SettingsProblem::LongestBelowFirst);
    }
    ban
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "low" => Some(Severity::Low),
        "medium" => Some(Severity::Medium),
        "high" => Some(Severity::High),
        _ => None,
    }
}
