//! Files of addresses: one address, prefix or range a line.

use portcullis_rules::AddressSet;

use super::address::range;
use crate::problem::{FileErrors, FileProblem};

/// How many wrong lines of a file are shown.
const SHOWN: usize = 5;

/// The addresses in a file. Remarks begin with `#` or `;`, as in Spamhaus' and FireHOL's lists.
pub(crate) fn addresses(text: &str, errors: FileErrors<'_>) -> AddressSet {
    let mut wrong = Vec::new();
    let mut offset = 0;
    let mut ranges = Vec::new();
    for line in text.split_inclusive('\n') {
        let written = line.split(['#', ';']).next().unwrap_or_default();
        let written = written.trim_start_matches('\u{feff}').trim();
        if !written.is_empty() {
            match range(written) {
                Ok(range) => ranges.push(range),
                Err(_) => {
                    let start = offset + (written.as_ptr() as usize - line.as_ptr() as usize);
                    wrong.push((start..start + written.len(), written));
                }
            }
        }
        offset += line.len();
    }
    for (span, written) in wrong.iter().take(SHOWN) {
        errors.report(span.clone(), FileProblem::BadLine { written: (*written).into() });
    }
    if let Some((span, _)) = wrong.get(SHOWN) {
        errors.report(span.clone(), FileProblem::MoreBadLines { count: wrong.len() - SHOWN });
    }
    AddressSet::from_ranges(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{problem::Problems, sources::Sources};

    fn read(text: &str) -> (AddressSet, Vec<(usize, String)>) {
        let file = Sources::default().add("list".as_ref(), text.into(), true);
        let problems = Problems::default();
        let set = addresses(text, FileErrors { file, problems: &problems });
        let found = problems.into_found().into_iter();
        (set, found.map(|found| (found.at.unwrap().range.start, found.problem.to_string())).collect())
    }

    #[test]
    fn remarks_and_blank_lines_are_passed_over() {
        let text = "\u{feff}; list\r\n\r\n192.0.2.77/24 ; SBL1\n  2001:db8::1\t# one\n192.0.3.0-192.0.3.255";
        let (set, wrong) = read(text);
        assert!(wrong.is_empty(), "{wrong:?}");
        let v4: Vec<String> = set.v4_ranges().map(|(first, last)| format!("{first}-{last}")).collect();
        assert_eq!(v4, ["192.0.2.0-192.0.3.255"]);
        assert_eq!(set.v6_ranges().count(), 1);
    }

    #[test]
    fn wrong_lines_are_shown_up_to_a_limit() {
        let (_, wrong) = read("192.0.2.1\n  host.example # x\n");
        assert_eq!(wrong, [(12, "`host.example` is not an address, a prefix or a range".into())]);
        let (_, wrong) = read(&"no\n".repeat(1000));
        assert_eq!(wrong.len(), SHOWN + 1);
        assert_eq!(wrong[SHOWN].1, "995 more lines of this file are wrong");
    }
}
