//! `mode` and `[queue]`.

use std::ops::RangeInclusive;

use super::{
    decimal,
    one::{choice, flag, one},
};
use crate::{
    Backend, Inspect, Mode, Queue, Unjudged,
    problem::{Choice, FileErrors, Problem, SettingsProblem, ValueProblem, Wanted},
    written::{self, One, Scalar, Stanza},
};

/// One worker thread each; more than this many CPUs do nothing for a firewall.
const MOST_QUEUES: usize = 64;

/// The mode, and whether it waits for `portcullis enable`: until then it is monitor mode, but the
/// other settings are those of enforce mode.
pub(super) fn mode(written: Option<&One>, errors: FileErrors<'_>) -> (Mode, bool) {
    let named = |word: &str| match word {
        "enforce" => Some((Mode::Enforce, false)),
        "monitor" => Some((Mode::Monitor, false)),
        "when-enabled" => Some((Mode::Enforce, true)),
        _ => None,
    };
    one(written, errors, choice(&Choice::MODE, named)).unwrap_or_default()
}

pub(super) fn queue(written: Option<&Stanza<written::Queue>>, mode: Mode, errors: FileErrors<'_>) -> Queue {
    let absent = written::Queue::default();
    let written::Queue { numbers, inspect, on_overload, on_exit, backend, gso } =
        written.map_or(&absent, |stanza| &stanza.body);
    let inspected = |word: &str| match word {
        "new" => Some(Inspect::New),
        "all" => Some(Inspect::All),
        _ => None,
    };
    let backend_named = |word: &str| match word {
        "batched" => Some(Backend::Batched),
        "nfq" => Some(Backend::Nfq),
        _ => None,
    };
    Queue {
        numbers: one(numbers.as_ref(), errors, queue_numbers),
        inspect: one(inspect.as_ref(), errors, choice(&Choice::INSPECT, inspected)).unwrap_or_default(),
        on_overload: unjudged("on-overload", on_overload.as_ref(), mode, errors),
        on_exit: unjudged("on-exit", on_exit.as_ref(), mode, errors),
        backend: one(backend.as_ref(), errors, choice(&Choice::BACKEND, backend_named)).unwrap_or_default(),
        gso: one(gso.as_ref(), errors, flag).unwrap_or(true),
    }
}

/// Drop unless written otherwise; but in monitor mode nothing is dropped.
fn unjudged(key: &'static str, written: Option<&One>, mode: Mode, errors: FileErrors<'_>) -> Unjudged {
    let named = |word: &str| match word {
        "drop" => Some(Unjudged::Drop),
        "accept" => Some(Unjudged::Accept),
        _ => None,
    };
    let read = |value: &Scalar| match choice(&Choice::UNJUDGED, named)(value)? {
        Unjudged::Drop if mode == Mode::Monitor => Err(SettingsProblem::DropInMonitor { key }.into()),
        other => Ok::<_, Problem>(other),
    };
    one(written, errors, read).unwrap_or(match mode {
        Mode::Enforce => Unjudged::Drop,
        Mode::Monitor => Unjudged::Accept,
    })
}

fn queue_numbers(value: &Scalar) -> Result<RangeInclusive<u16>, Problem> {
    let wanted = Wanted::QueueNumbers;
    let text = match value {
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
        other => return Err(wanted.kind(other.kind()).into()),
    };
    let number = |part: &str| decimal::<u16>(part.trim()).ok_or_else(|| wanted.word(&*text));
    let (first, last) = match text.split_once('-') {
        Some((first, last)) if !first.is_empty() => (number(first)?, number(last)?),
        _ => (number(&text)?, number(&text)?),
    };
    if last < first {
        return Err(ValueProblem::Backwards { first: first.to_string(), last: last.to_string() }.into());
    }
    let numbers = first..=last;
    match numbers.len() {
        count if count > MOST_QUEUES => Err(SettingsProblem::TooManyQueues { count }.into()),
        _ => Ok(numbers),
    }
}
