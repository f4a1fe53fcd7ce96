//! Ports.

use portcullis_rules::RangeSet;

use super::{Vocabulary, list::Word};
use crate::{
    problem::{Problem, ValueProblem, Wanted},
    suggest::nearest,
};

/// The ranges of RFC 6335, section 6.
const CLASSES: [(&str, u16, u16); 3] =
    [("well-known", 0, 1023), ("registered", 1024, 49151), ("dynamic", 49152, 65535)];

/// The ports that a member of a list names.
pub(super) fn ports(word: Word<'_>, vocabulary: &Vocabulary<'_>) -> Result<RangeSet<u16>, Problem> {
    let text = match word {
        Word::Text(text) => text,
        Word::Number(number) => {
            let port = u16::try_from(number).map_err(|_| Wanted::Port.word(number.to_string()))?;
            return Ok(only(port));
        }
        Word::Other(kind) => return Err(Wanted::Port.kind(kind).into()),
    };
    if let Some(name) = text.strip_prefix('@') {
        return Ok(vocabulary.sets.ports(name)?);
    }
    if let Some((_, first, last)) = CLASSES.into_iter().find(|(name, ..)| *name == text) {
        return Ok([(first, last)].into_iter().collect());
    }
    let number = |part: &str| part.parse::<u16>().map_err(|_| Wanted::Port.word(text));
    if is_number(text) {
        return Ok(only(number(text)?));
    }
    if let Some((first, last)) = text.split_once('-').map(|(first, last)| (first.trim(), last.trim()))
        && is_number(first)
        && is_number(last)
    {
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(ValueProblem::Backwards { first: first.to_string(), last: last.to_string() }.into());
        }
        return Ok([(first, last)].into_iter().collect());
    }
    vocabulary.names.any_port(text).map(only).ok_or_else(|| {
        let set = vocabulary.sets.near_reference(text);
        let class = || nearest(text, CLASSES.map(|(name, ..)| name));
        Wanted::Port
            .word_near(text, set.or_else(|| vocabulary.names.nearest_port(text)).or_else(class))
            .into()
    })
}

fn only(port: u16) -> RangeSet<u16> {
    [(port, port)].into_iter().collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
