//! Network interfaces, by name.

use std::fmt;

/// An interface's name: 1 to 15 bytes (`IFNAMSIZ`, `linux/if.h`), kept in place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceName {
    bytes: [u8; 15],
    length: u8,
}

impl InterfaceName {
    /// The name `name`, or `None` where the kernel would not accept it (`dev_valid_name`,
    /// `net/core/dev.c`): empty, longer than 15 bytes, `.` or `..`, or with a slash, a colon or what
    /// the kernel's `isspace` calls white space in it.
    pub fn new(name: &str) -> Option<Self> {
        let valid = !matches!(name, "" | "." | "..")
            && !name.bytes().any(|byte| matches!(byte, 0 | b'/' | b':' | b' ' | b'\t'..=b'\r' | 0xa0));
        let mut bytes = [0; 15];
        bytes.get_mut(..name.len()).filter(|_| valid)?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, length: u8::try_from(name.len()).ok()? })
    }

    /// The name, and zeros up to 16 bytes.
    pub(crate) fn padded(&self) -> [u8; 16] {
        let mut padded = [0; 16];
        padded[..15].copy_from_slice(&self.bytes);
        padded
    }

    pub(crate) const fn length(&self) -> u8 {
        self.length
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A name, or the beginning of one: `eth0`, `wg*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InterfacePattern {
    /// This interface.
    Name(InterfaceName),
    /// Every interface whose name begins so.
    Prefix(InterfaceName),
    /// Every interface: `*`.
    Any,
}

impl InterfacePattern {
    /// The pattern that `text` writes: a name, optionally ending in `*`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('*') {
            Some("") => Some(Self::Any),
            Some(prefix) if !prefix.contains('*') => InterfaceName::new(prefix).map(Self::Prefix),
            None if !text.contains('*') => InterfaceName::new(text).map(Self::Name),
            _ => None,
        }
    }

    /// Whether `name` fits the pattern.
    pub fn matches(&self, name: &InterfaceName) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Prefix(prefix) => name.as_str().starts_with(prefix.as_str()),
            Self::Any => true,
        }
    }
}

impl fmt::Display for InterfacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.pad(name.as_str()),
            Self::Prefix(prefix) => f.pad(&format!("{prefix}*")),
            Self::Any => f.pad("*"),
        }
    }
}

/// Which interfaces a rule speaks of: those that fit one of `any_of` (all, when that is empty) and
/// none of `none_of`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct InterfaceSet {
    /// Patterns of which one has to fit.
    pub any_of: Vec<InterfacePattern>,
    /// Patterns of which none may fit: the negated ones.
    pub none_of: Vec<InterfacePattern>,
}

impl InterfaceSet {
    /// Whether `name` is in the set.
    pub fn contains(&self, name: &InterfaceName) -> bool {
        let Self { any_of, none_of } = self;
        (any_of.is_empty() || any_of.iter().any(|pattern| pattern.matches(name)))
            && !none_of.iter().any(|pattern| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{InterfaceName, InterfacePattern};

    #[test]
    fn names_that_the_kernel_accepts() {
        for name in ["e", "eth0", "enp0s31f6.100", "fifteen-letters", "wg0@if3", "br-é", "*"] {
            assert_eq!(InterfaceName::new(name).as_ref().map(InterfaceName::as_str), Some(name));
        }
        // The last but one is `à`, whose second byte the kernel takes for Latin-1's no-break space.
        for name in ["", ".", "..", "sixteen-letters-", "a/b", "a:1", "a b", "a\u{b}", "a\0", "à", "\n"] {
            assert_eq!(InterfaceName::new(name), None, "{name:?}");
        }
    }

    #[test]
    fn patterns() {
        let cases = [("eth0", "eth0", true), ("eth0", "eth01", false), ("eth*", "eth01", true)]
            .into_iter()
            .chain([("eth*", "eth", true), ("eth*", "wg0", false), ("*", "wg0", true)]);
        for (pattern, name, fits) in cases {
            let parsed = InterfacePattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(&InterfaceName::new(name).unwrap()), fits, "{pattern} {name}");
            assert_eq!(parsed.to_string(), pattern);
        }
        for text in ["", "e*h", "eth**", "*0", "a b*"] {
            assert_eq!(InterfacePattern::parse(text), None, "{text}");
        }
        assert_eq!(format!("{:<6}|", InterfacePattern::parse("wg*").unwrap()), "wg*   |");
    }
}
