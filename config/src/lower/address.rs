//! Addresses, prefixes and ranges of them.

use std::{cell::RefCell, collections::HashMap, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use portcullis_rules::AddressSet;

use super::{Vocabulary, decimal, list::Word};
use crate::problem::{Problem, ValueProblem, Wanted};

/// Sets of one range each, which rules share that name the same: thousands of rules name few addresses.
#[derive(Debug, Default)]
pub(crate) struct Literals(RefCell<HashMap<(IpAddr, IpAddr), Arc<AddressSet>>>);

impl Literals {
    fn set(&self, range: (IpAddr, IpAddr)) -> Arc<AddressSet> {
        let mut known = self.0.borrow_mut();
        Arc::clone(known.entry(range).or_insert_with(|| Arc::new(AddressSet::from_ranges([range]))))
    }
}

/// The addresses that a member of a list names.
pub(super) fn addresses(word: Word<'_>, vocabulary: &Vocabulary<'_>) -> Result<Arc<AddressSet>, Problem> {
    let text = match word {
        Word::Text(text) => text,
        Word::Number(number) => return Err(Wanted::Address.word(number.to_string()).into()),
        Word::Other(kind) => return Err(Wanted::Address.kind(kind).into()),
    };
    match text.strip_prefix('@') {
        Some(name) => Ok(vocabulary.sets.addresses(name)?),
        None => match range(text) {
            Ok(range) => Ok(vocabulary.literals.set(range)),
            Err(problem) => Err(meant(text, vocabulary).unwrap_or(problem).into()),
        },
    }
}

/// What somebody probably meant who wrote words instead of an address.
fn meant(text: &str, vocabulary: &Vocabulary<'_>) -> Option<ValueProblem> {
    if let Some(set) = vocabulary.sets.near_reference(text) {
        return Some(Wanted::Address.word_near(text, Some(set)));
    }
    let is_name = text.contains(|letter: char| matches!(letter, 'g'..='z' | 'G'..='Z'))
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.'));
    is_name.then(|| ValueProblem::HostName { written: text.into() })
}

/// The first and the last address that a text names: an address, a prefix (host bits are left out
/// of it), or a range.
pub(super) fn range(text: &str) -> Result<(IpAddr, IpAddr), ValueProblem> {
    let address = |part: &str| part.trim().parse::<IpAddr>().map_err(|_| Wanted::Address.word(text));
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (address(first)?, address(last)?);
        if first.is_ipv4() != last.is_ipv4() {
            return Err(ValueProblem::MixedFamilies { written: text.into() });
        }
        if last < first {
            return Err(ValueProblem::Backwards { first: first.to_string(), last: last.to_string() });
        }
        return Ok((first, last));
    }
    if let Some((start, length)) = text.split_once('/') {
        let start = address(start)?;
        let length = decimal(length).ok_or_else(|| Wanted::Address.word(text))?;
        let longest = if start.is_ipv4() { 32 } else { 128 };
        let prefix = IpNet::new(start, length)
            .map_err(|_| ValueProblem::PrefixLength { written: text.into(), longest })?;
        return Ok((prefix.network(), prefix.broadcast()));
    }
    let only = address(text)?;
    Ok((only, only))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_a_prefix_or_a_range() {
        let cases = [
            ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("192.0.2.77/24", "192.0.2.0", "192.0.2.255"),
            ("2001:db8::/126", "2001:db8::", "2001:db8::3"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9"),
            ("2001:db8::1 - 2001:db8::9", "2001:db8::1", "2001:db8::9"),
        ];
        for (text, first, last) in cases {
            assert_eq!(range(text).unwrap(), (first.parse().unwrap(), last.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "localhost",
            "192.0.2",
            "192.0.2.1/33",
            "192.0.2.1/+8",
            "192.0.2.1/",
            "::1-192.0.2.1",
            "192.0.2.9-192.0.2.1",
        ] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
