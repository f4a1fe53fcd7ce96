//! `rate`.

use portcullis_rules::{Action, Rate, RatePeriod, RateScope};

use super::{decimal, one::text};
use crate::{
    problem::{Problem, RuleProblem, Wanted},
    written::Scalar,
};

/// `COUNT/PERIOD [per source][, burst COUNT]`; the burst is the count unless it is written.
pub(super) fn rate(value: &Scalar, action: Option<Action>) -> Result<Rate, Problem> {
    let written = text(Wanted::Rate)(value)?;
    let rate = parse(written).ok_or_else(|| Wanted::Rate.word(written))?;
    if action == Some(Action::Drop) {
        return Err(RuleProblem::RateOfNothing.into());
    }
    if rate.count > Rate::MOST {
        return Err(RuleProblem::RateTooHigh { count: rate.count }.into());
    }
    if rate.refill() > Rate::LONGEST {
        return Err(RuleProblem::BurstTooLarge { burst: rate.burst }.into());
    }
    Ok(rate)
}

fn parse(text: &str) -> Option<Rate> {
    let (limit, burst) = match text.split_once(',') {
        Some((limit, burst)) => (limit, Some(number(burst.trim().strip_prefix("burst")?)?)),
        None => (text, None),
    };
    let mut words = limit.split_whitespace();
    let (count, period) = words.next()?.split_once('/')?;
    let count = number(count)?;
    let period = match period {
        "s" | "sec" | "second" => RatePeriod::Second,
        "min" | "minute" => RatePeriod::Minute,
        "h" | "hour" => RatePeriod::Hour,
        _ => return None,
    };
    let scope = match words.collect::<Vec<_>>()[..] {
        [] => RateScope::Rule,
        ["per", "source"] => RateScope::Source,
        _ => return None,
    };
    Some(Rate { count, period, burst: burst.unwrap_or(count), scope })
}

fn number(text: &str) -> Option<u32> {
    decimal(text.trim()).filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_back_as_it_is_shown() {
        let cases = [
            ("10/s per source, burst 20", "10/s per source, burst 20"),
            ("10/s", "10/s, burst 10"),
            ("5/minute,burst 1", "5/min, burst 1"),
            (" 100/h  per  source ", "100/h per source, burst 100"),
        ];
        for (written, shown) in cases {
            let rate = parse(written).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(rate.to_string(), shown);
            assert_eq!(parse(shown), Some(rate));
        }
        for wrong in [
            "",
            "10",
            "10/",
            "0/s",
            "-1/s",
            "10/d",
            "10/s per port",
            "10/s burst 20",
            "10/s, burst 0",
            "10/s, burst",
            "10/s, 20",
            "1.5/s",
            "10/s per source, burst 20, burst 30",
            "99999999999/s",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
