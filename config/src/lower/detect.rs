//! `[detect]`.

use std::time::Duration;

use super::{one::one, units::duration};
use crate::{
    Detect,
    problem::{FileErrors, ValueProblem, Wanted},
    written::{self, Scalar, Stanza},
};

pub(super) fn detect(written: Option<&Stanza<written::Detect>>, errors: FileErrors<'_>) -> Detect {
    let absent = written::Detect::default();
    let written::Detect { threshold: doors, window } = written.map_or(&absent, |stanza| &stanza.body);
    Detect {
        threshold: one(doors.as_ref(), errors, threshold).unwrap_or(6),
        window: one(window.as_ref(), errors, duration).unwrap_or(Duration::from_secs(600)),
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
