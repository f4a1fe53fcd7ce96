//! Numbers in text.

use std::str::FromStr;

/// The number that `text` writes with the digits 0 to 9 and nothing else: `str::parse` would also
/// take a leading `+`.
pub(crate) fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}
