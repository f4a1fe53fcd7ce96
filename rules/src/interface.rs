//! Network interfaces, by name.

use std::fmt;

/// An interface's name: 1 to 15 bytes (`IFNAMSIZ`, `linux/if.h`), kept in place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceName {
    bytes: [u8; 15],
    length: u8,
}

impl InterfaceName {
    /// The name `name`, or `None` where the kernel would not accept it (`dev_valid_name`): empty,
    /// longer than 15 bytes, `.` or `..`, or with a slash, a colon or white space in it.
    pub fn new(name: &str) -> Option<Self> {
        let valid = !matches!(name, "" | "." | "..")
            && !name.bytes().any(|b| b == b'/' || b == b':' || b.is_ascii_whitespace() || b == 0);
        let mut bytes = [0; 15];
        bytes.get_mut(..name.len()).filter(|_| valid)?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, length: u8::try_from(name.len()).ok()? })
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
            Self::Name(name) => write!(f, "{name}"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Any => f.write_str("*"),
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
