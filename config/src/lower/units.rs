//! Quantities with a unit.

use std::time::Duration;

use crate::{
    problem::{ValueProblem, Wanted},
    written::Scalar,
};

const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1000 * 1000),
    ("GB", 1000 * 1000 * 1000),
    ("TB", 1000 * 1000 * 1000 * 1000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

const TIMES: [(&str, u64); 13] = [
    ("s", 1),
    ("sec", 1),
    ("second", 1),
    ("seconds", 1),
    ("min", 60),
    ("minute", 60),
    ("minutes", 60),
    ("h", 3600),
    ("hour", 3600),
    ("hours", 3600),
    ("d", 86_400),
    ("day", 86_400),
    ("days", 86_400),
];

/// A size in bytes, above 0.
pub(super) fn size(value: &Scalar) -> Result<u64, ValueProblem> {
    quantity(value, Wanted::Size, |unit| {
        SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|&(_, bytes)| bytes)
    })
}

/// A time above 0.
pub(super) fn duration(value: &Scalar) -> Result<Duration, ValueProblem> {
    let seconds = quantity(value, Wanted::Duration, |unit| {
        TIMES.iter().find(|(name, _)| *name == unit).map(|&(_, seconds)| seconds)
    })?;
    Ok(Duration::from_secs(seconds))
}

/// The time above 0 that `text` writes as a configuration would: `10 min`, `1h`, `7 d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    duration(&Scalar::Text(text.into())).ok()
}

fn quantity(value: &Scalar, wanted: Wanted, unit: impl Fn(&str) -> Option<u64>) -> Result<u64, ValueProblem> {
    let text = match value {
        Scalar::Text(text) => text.trim(),
        Scalar::Number(number) => return Err(wanted.word(number.to_string())),
        other => return Err(wanted.kind(other.kind())),
    };
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, name) = text.split_at(digits);
    let total = number.parse().ok().and_then(|number: u64| number.checked_mul(unit(name.trim())?));
    total.filter(|&total| total > 0).ok_or_else(|| wanted.word(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_a_unit() {
        let text = |text: &str| Scalar::Text(text.into());
        assert_eq!(size(&text("64 MiB")).unwrap(), 64 << 20);
        assert_eq!(size(&text("5GB")).unwrap(), 5_000_000_000);
        assert_eq!(duration(&text("10 min")).unwrap(), Duration::from_secs(600));
        assert_eq!(duration(&text("1 d")).unwrap(), Duration::from_secs(86_400));
        for wrong in ["", "64", "MiB", "0 MiB", "-1 MiB", "1.5 GiB", "1 XiB", "99999999999999 TiB"] {
            assert!(size(&text(wrong)).is_err(), "{wrong}");
        }
        for wrong in ["10", "10 m", "0 s", "1 fortnight"] {
            assert!(duration(&text(wrong)).is_err(), "{wrong}");
        }
        assert!(size(&Scalar::Number(64)).is_err());
    }
}
