//! `[[test]]`.

use std::ops::Range;

use portcullis_rules::{Action, Place, parse_packet};

use super::{
    one::{choice, one, text},
    time,
};
use crate::{
    PolicyTest,
    names::Lookup,
    problem::{Choice, FileErrors, KeyProblem, TestProblem, Wanted},
    written::{self, Section, Stanza},
};

/// What a test says; `None` when something is wrong with it. `source` is the file's text.
pub(super) fn test(
    stanza: &Stanza<written::Test>,
    place: Place,
    source: &str,
    names: &Lookup<'_>,
    errors: FileErrors<'_>,
) -> Option<PolicyTest> {
    let written::Test { packet, expect, at } = &stanza.body;
    for (key, written) in [("packet", packet), ("expect", expect)] {
        if written.is_none() && !stanza.has_strangers {
            errors.report(stanza.header.range.clone(), KeyProblem::Missing { section: Section::Test, key });
        }
    }
    let expect = one(expect.as_ref(), errors, choice(&Choice::ACTION, Action::from_name));
    let at = one(at.as_ref(), errors, time::moment);
    let span = packet.as_ref()?.span();
    let packet = one(packet.as_ref(), errors, |value| text(Wanted::Packet)(value).map(String::from))?;
    match parse_packet(&packet, names) {
        Ok(key) => Some(PolicyTest { packet, key, expect: expect?, at, place }),
        Err(error) => {
            let within = within(&source[span.clone()], &packet, &error.span).unwrap_or_else(|| 0..span.len());
            errors.report(span.start + within.start..span.start + within.end, TestProblem(error));
            None
        }
    }
}

/// Where a part of a text stands in what was written for it: known when it was written without
/// escapes.
fn within(written: &str, text: &str, part: &Range<usize>) -> Option<Range<usize>> {
    let start = written.find(text)?;
    Some(start + part.start..start + part.end.max(part.start).min(text.len()))
}
