//! What rules ask of a packet besides addresses and ports, answered at once with a small number.
//!
//! A packet's *kind* is everything that tells its protocol, interfaces, state, flags, user, and
//! membership in long sets apart as far as any rule does. Each of these facts has classes
//! ([`Classes`]); the classes of the first two are crossed to a class of both, that one with the third,
//! and so on, as in Gupta, McKeown: Packet Classification on Multiple Fields (SIGCOMM 1999). To
//! the rest of the table, the kind is one more number of which rules take ranges.
//!
//! Nothing is lost: two packets have the same kind only if every rule says the same of both, as far
//! as these facts go. Where a fact has too many classes, neighbours become one, and rules that name it are asked
//! themselves, but only those of the packet's class.

mod ask;
mod build;
mod list;
mod rank;
mod rough;

use self::list::List;
pub(super) use self::{
    ask::{Ask, LONG},
    build::Taken,
};
use super::{axis::Address, steps::Steps};
use crate::{Fact as Known, Key};

/// From the facts of a key to its kind.
#[derive(Debug, Clone)]
pub(super) struct Kinds<A> {
    /// By protocol number, with ports and without.
    protocols: Box<[u16; 512]>,
    facts: Vec<Fact<A>>,
    count: usize,
}

/// A fact that some rule names.
#[derive(Debug, Clone)]
struct Fact<A> {
    ask: Ask,
    classes: Classes<A>,
    /// By the kind so far and the class of this fact.
    kinds: Box<[u16]>,
    columns: u16,
}

/// From what a key has to its class.
#[derive(Debug, Clone)]
enum Classes<A> {
    Numbers { known: Steps<u32, u16>, absent: u16, unknown: u16 },
    Names { known: Steps<u128, u16>, absent: u16, unknown: u16 },
    Addresses(List<A>),
}

impl<A: Address> Kinds<A> {
    /// Whether a packet's kind hangs on its protocol, and nothing else.
    #[inline]
    pub(super) fn are_protocols(&self) -> bool {
        self.facts.is_empty()
    }

    /// The kind of a packet, as far as its protocol tells.
    #[inline]
    pub(super) fn by_protocol(&self, key: &Key) -> u16 {
        self.protocols[usize::from(key.protocol.0) | usize::from(key.ports.is_some()) << 8]
    }

    /// The kind of a packet.
    #[inline]
    pub(super) fn of(&self, key: &Key, source: A, destination: A) -> u16 {
        self.facts.iter().fold(self.by_protocol(key), |kind, fact| {
            let class = fact.class(key, source, destination);
            fact.kinds[usize::from(kind) * usize::from(fact.columns) + usize::from(class)]
        })
    }

    /// How many kinds there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn bytes(&self) -> usize {
        let facts = self.facts.iter().map(|fact| fact.classes.bytes() + size_of_val(&*fact.kinds));
        size_of_val(&*self.protocols) + facts.sum::<usize>()
    }
}

impl<A: Address> Fact<A> {
    #[inline]
    fn class(&self, key: &Key, source: A, destination: A) -> u16 {
        match &self.classes {
            Classes::Numbers { known, absent, unknown } => match self.ask.number(key) {
                Known::Known(number) => known.at(number),
                Known::Absent => *absent,
                Known::Unknown => *unknown,
            },
            Classes::Names { known, absent, unknown } => match self.ask.name(key) {
                Known::Known(name) => known.at(name),
                Known::Absent => *absent,
                Known::Unknown => *unknown,
            },
            Classes::Addresses(known) => known.at(if self.ask == Ask::Source { source } else { destination }),
        }
    }
}

impl<A: Address> Classes<A> {
    fn bytes(&self) -> usize {
        match self {
            Self::Numbers { known, .. } => known.bytes(),
            Self::Names { known, .. } => known.bytes(),
            Self::Addresses(known) => known.bytes(),
        }
    }
}
