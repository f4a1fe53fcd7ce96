//! Files of addresses: one address, prefix or range a line.

use std::fmt;

use portcullis_rules::{AddressSet, address_range};

use super::address::range;
use crate::problem::{FileErrors, FileProblem, Problem, ValueProblem};

/// How many wrong lines of a file are shown.
const SHOWN: usize = 5;

/// The addresses in a file. Remarks begin with `#` or `;`, as in Spamhaus' and FireHOL's lists.
///
/// # Errors
/// All lines that are none.
pub(crate) fn addresses(text: &str) -> Result<AddressSet, BadLines<'_>> {
    let mut wrong = Vec::new();
    let (mut offset, mut right) = (0, 0);
    let ranges = text.split_inclusive('\n').filter_map(|line| {
        let start = offset;
        offset += line.len();
        let written = line.split(['#', ';']).next().unwrap_or_default();
        let written = written.trim_start_matches('\u{feff}').trim();
        if written.is_empty() {
            return None;
        }
        let range = range(written);
        if range.is_ok() {
            right += 1;
        } else {
            wrong.push((start + (written.as_ptr() as usize - line.as_ptr() as usize), written));
        }
        range.ok()
    });
    // Not collected before: lists are long.
    let set = AddressSet::from_ranges(ranges);
    if wrong.is_empty() { Ok(set) } else { Err(BadLines { wrong, right }) }
}

/// Lines of a file of addresses that are none: where what is wrong begins, and what it is.
#[derive(Debug)]
pub(crate) struct BadLines<'a> {
    wrong: Vec<(usize, &'a str)>,
    /// How many others there are.
    right: usize,
}

impl BadLines<'_> {
    /// Reports the first few, and how many more there are.
    pub(crate) fn report(&self, errors: FileErrors<'_>) {
        let Self { wrong, right } = self;
        let span = |(start, written): (usize, &str)| start..start + written.len();
        for &(start, written) in wrong.iter().take(SHOWN) {
            let problem = match range(written) {
                // It is an address, with something wrong about it.
                Err(
                    problem @ (ValueProblem::PrefixLength { .. }
                    | ValueProblem::Backwards { .. }
                    | ValueProblem::MixedFamilies { .. }),
                ) => problem.into(),
                _ => Problem::from(FileProblem::BadLine { written: written.into() }),
            };
            errors.report(span((start, written)), problem);
        }
        if let Some(&next) = wrong.get(SHOWN) {
            errors.report(
                span(next),
                FileProblem::MoreBadLines { count: wrong.len() - SHOWN, mostly: wrong.len() > *right },
            );
        }
    }
}

/// A set of addresses as such a file: what [`addresses`] reads as the same set.
#[derive(Debug)]
pub(crate) struct Netset<'a>(pub(crate) &'a AddressSet);

impl fmt::Display for Netset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.ranges().try_for_each(|range| writeln!(f, "{}", address_range(range)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        problem::Problems,
        sources::{Contents, Sources},
    };

    fn read(text: &str) -> AddressSet {
        addresses(text).expect("a list")
    }

    fn wrong(text: &str) -> Vec<(usize, String)> {
        let file = Sources::default().add("list".as_ref(), Contents::Text(text.into()));
        let problems = Problems::default();
        addresses(text).expect_err("no list").report(FileErrors { file, problems: &problems });
        let found = problems.into_found().into_iter();
        found.map(|found| (found.at.unwrap().range.start, found.problem.to_string())).collect()
    }

    #[test]
    fn remarks_and_blank_lines_are_passed_over() {
        let text = "\u{feff}; list\r\n\r\n192.0.2.77/24 ; SBL1\n  2001:db8::1\t# one\n192.0.3.0-192.0.3.255";
        let set = read(text);
        let v4: Vec<String> = set.v4_ranges().map(|(first, last)| format!("{first}-{last}")).collect();
        assert_eq!(v4, ["192.0.2.0-192.0.3.255"]);
        assert_eq!(set.v6_ranges().count(), 1);
    }

    #[test]
    fn wrong_lines_are_shown_up_to_a_limit() {
        let wrong_at = wrong("192.0.2.1\n  host.example # x\n");
        assert_eq!(wrong_at, [(12, "`host.example` is not an address, a prefix or a range".into())]);
        let wrong = wrong(&"no\n".repeat(1000));
        assert_eq!(wrong.len(), SHOWN + 1);
        assert_eq!(wrong[SHOWN].1, "995 more lines of this file are wrong");
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let text = "192.0.2.1\n192.0.2.3-192.0.2.9\n198.51.100.0/24\n0.0.0.0\n255.255.255.255\n2001:db8::/33\n::1-::7\n";
        for text in ["", text, "0.0.0.0/0\n::/0"] {
            let set = read(text);
            assert_eq!(read(&Netset(&set).to_string()), set);
        }
        assert_eq!(
            Netset(&read("192.0.2.3-192.0.2.9\n198.51.100.0/25\n192.0.2.1")).to_string(),
            "192.0.2.1\n192.0.2.3-192.0.2.9\n198.51.100.0/25\n"
        );
    }
}
