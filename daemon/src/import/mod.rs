//! `import`: rules of iptables and ufw, as a configuration of ours.
//!
//! What can't be said in our language is never left out silently: it stands as a comment where it would
//! have been, and in a list of its own. What is translated means the same, for both families that are
//! in the input; a family that isn't is not opened by rules that were written for the other.

mod iptables;
mod line;
mod matches;
mod rule;
mod toml;
mod ufw;

use std::fmt;

pub use rule::{Family, Translated, Verb};

/// A configuration made of somebody else's rules.
#[derive(Debug, Default)]
pub struct Imported {
    /// What came out of it, in order, by hook: input, output, forward.
    pub chains: [Chain; 3],
    /// What is not in it, or not in the same way.
    pub left: Vec<Left>,
}

/// A hook's rules.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Chain {
    /// What becomes of the rest; `None`: nothing was said of this hook.
    pub policy: Option<Verb>,
    /// Rules, and what could not be one, in order.
    pub items: Vec<Item>,
}

/// A rule, or what could not be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A rule.
    Rule(Translated),
    /// Why there is none.
    Left(Left),
}

/// Something that was not translated, or not in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its line in the input, from 1.
    pub line: usize,
    /// What is written there.
    pub text: String,
    /// Why it is not there, or what is different.
    pub why: Why,
}

/// Why something was not translated, or what is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The language has nothing like it.
    NoSuchMatch(String),
    /// The target is none of accept, drop, reject and a chain.
    NoSuchTarget(String),
    /// A value that can't be read.
    Value(String),
    /// A return under a condition, so that what follows in its chain is uncertain.
    Return,
    /// Its chain is left under a condition before this.
    AfterReturn(usize),
    /// Chains that call each other, or too many of them.
    TooDeep,
    /// A table that is not about filtering.
    Table(String),
    /// It is logged here anyway, so nothing is missing.
    Log,
    /// Loopback is never judged.
    Loopback,
    /// Connections that are open already need no rule.
    Established,
    /// A limit on how often became a rate.
    LimitAsRate,
    /// The input has rules for one family only.
    OneFamily(Family),
    /// The other family's policy is another one; a rule says so.
    PolicyOfFamily,
    /// What ufw adds to every set of rules.
    UfwDefaults,
    /// This can't be read at all.
    Syntax,
}

impl Why {
    /// Whether the result means the same without it.
    pub const fn is_harmless(&self) -> bool {
        matches!(
            self,
            Self::Log
                | Self::Loopback
                | Self::Established
                | Self::PolicyOfFamily
                | Self::LimitAsRate
                | Self::OneFamily(_)
                | Self::UfwDefaults
        )
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMatch(what) => write!(f, "there is no match like {}", shown(what)),
            Self::NoSuchTarget(what) => write!(f, "there is no action like {}", shown(what)),
            Self::Value(what) => write!(f, "{} can't be read", shown(what)),
            Self::Return => f.write_str("a return under a condition"),
            Self::AfterReturn(line) => write!(f, "its chain may be left at line {line}"),
            Self::TooDeep => f.write_str("chains that call each other"),
            Self::Table(name) => write!(f, "the table {} is not about filtering", shown(name)),
            Self::Log => f.write_str("not needed: what is blocked is recorded anyway"),
            Self::Loopback => f.write_str("not needed: loopback always passes"),
            Self::Established => f.write_str("not needed: open connections go on by themselves"),
            Self::LimitAsRate => f.write_str("its limit is a rate here: what exceeds it is dropped, where ufw rejects it"),
            Self::OneFamily(family) => write!(f, "only rules for {family} were given: the other family has the policy"),
            Self::PolicyOfFamily => f.write_str("the families have different policies: the looser one is a rule at the end"),
            Self::UfwDefaults => f.write_str(
                "ufw itself also lets in ping, multicast DNS (udp 5353) and UPnP discovery (udp 1900): write rules for \
                 those that are wanted",
            ),
            Self::Syntax => f.write_str("this is neither of iptables-save nor of ufw"),
        }
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, text, why } = self;
        match (line, text.as_str()) {
            (0, _) => write!(f, "{why}"),
            (line, "") => write!(f, "line {line}: {why}"),
            (line, text) => write!(f, "line {line}: {why}: {}", shown(text)),
        }
    }
}

/// Translates what `iptables-save` and `ip6tables-save` print, one after the other, or ufw's user.rules
/// and user6.rules, with /etc/default/ufw before them for its policies.
pub fn import(text: &str) -> Imported {
    if ufw::is_ufw(text) { ufw::import(text) } else { iptables::import(text) }
}

impl Imported {
    /// As the text of a configuration.
    pub fn to_toml(&self) -> String {
        toml::written(self)
    }
}
