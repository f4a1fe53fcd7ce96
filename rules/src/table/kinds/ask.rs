//! The facts of which kinds are made, besides protocol and presence of ports.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    AddressSet, Fact, IcmpSet, InterfaceName, InterfacePattern, InterfaceSet, Key, Match, Protocol, RangeSet,
    table::axis::Address,
};

/// A set of more ranges than this is a fact of its own, instead of as many areas.
pub(in crate::table) const LONG: usize = 24;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::table) enum Ask {
    Interface,
    InInterface,
    OutInterface,
    IcmpType,
    TcpFlags,
    State,
    User,
    /// In which of the long sets an address or a port is.
    Source,
    Destination,
    SourcePort,
    Port,
}

/// What a rule names, as a set of numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Named<'a> {
    Numbers(RangeSet<u32>),
    Names(RangeSet<u128>),
    Addresses(Same<'a>),
}

/// A set is the same only where it is one in memory: comparing long ones would take long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Same<'a>(pub(super) &'a Arc<AddressSet>);

impl Ask {
    pub(super) const ALL: [Self; 11] = [
        Self::Interface,
        Self::InInterface,
        Self::OutInterface,
        Self::IcmpType,
        Self::TcpFlags,
        Self::State,
        Self::User,
        Self::Source,
        Self::Destination,
        Self::SourcePort,
        Self::Port,
    ];

    /// What a rule names of this.
    pub(super) fn named<'a, A: Address>(self, matches: &'a Match) -> Option<Named<'a>> {
        let address = |set: &'a Option<Arc<AddressSet>>| {
            let long = set.as_ref().filter(|set| A::ranges(set).len() > LONG);
            long.map(|set| Named::Addresses(Same(set)))
        };
        let port = |set: &Option<RangeSet<u16>>| {
            let long = set.as_ref().filter(|set| set.ranges().len() > LONG);
            long.map(|set| Named::Numbers(wide(set, 0).collect()))
        };
        let interface = |set: &Option<InterfaceSet>| set.as_ref().map(|set| Named::Names(names(set)));
        let one = |number: u32| (number, number);
        match self {
            Self::Interface => interface(&matches.interface),
            Self::InInterface => interface(&matches.in_interface),
            Self::OutInterface => interface(&matches.out_interface),
            Self::IcmpType => matches.icmp_type.as_ref().map(|set| Named::Numbers(messages(set))),
            Self::TcpFlags => matches
                .tcp_flags
                .map(|flags| Named::Numbers(flags.iter().map(|flags| one(flags.into())).collect())),
            Self::State => matches.state.map(|states| {
                let states = crate::State::ALL.into_iter().filter(|&state| states.contains(state));
                Named::Numbers(states.map(|state| one(state as u32)).collect())
            }),
            Self::User => matches.user.as_ref().map(|users| Named::Numbers(users.clone())),
            Self::Source => address(&matches.source),
            Self::Destination => address(&matches.destination),
            Self::SourcePort => port(&matches.source_port),
            Self::Port => port(&matches.port),
        }
    }

    /// The number that `key` has for this, where it is one of [`Named::Numbers`].
    #[inline]
    pub(super) fn number(self, key: &Key) -> Fact<u32> {
        let part = |part: Option<u32>| part.map_or(Fact::Absent, Fact::Known);
        match self {
            Self::IcmpType => part(key.icmp.and_then(|icmp| {
                let number = u32::from(u16::from_be_bytes([icmp.kind, icmp.code]));
                match key.protocol {
                    Protocol::ICMP => Some(number),
                    Protocol::ICMPV6 => Some(V6 | number),
                    _ => None,
                }
            })),
            Self::TcpFlags => part(key.tcp_flags.map(|flags| flags.0.into())),
            Self::State => Fact::Known(key.state as u32),
            Self::User => key.user,
            Self::SourcePort => part(key.ports.map(|ports| ports.source.into())),
            Self::Port => part(key.ports.map(|ports| ports.destination.into())),
            Self::Interface | Self::InInterface | Self::OutInterface | Self::Source | Self::Destination => {
                Fact::Absent
            }
        }
    }

    /// The interface that `key` has for this.
    #[inline]
    pub(super) fn name(self, key: &Key) -> Fact<u128> {
        let name = match self {
            Self::InInterface => key.in_interface,
            Self::OutInterface => key.out_interface,
            _ => key.interface(),
        };
        match name {
            Fact::Known(name) => Fact::Known(number(&name)),
            Fact::Absent => Fact::Absent,
            Fact::Unknown => Fact::Unknown,
        }
    }
}

/// ICMPv6 messages are counted after those of ICMP.
const V6: u32 = 1 << 16;

fn messages(set: &IcmpSet) -> RangeSet<u32> {
    wide(&set.v4, 0).chain(wide(&set.v6, V6)).collect()
}

fn wide(set: &RangeSet<u16>, from: u32) -> impl Iterator<Item = (u32, u32)> {
    set.ranges().iter().map(move |&(first, last)| (from + u32::from(first), from + u32::from(last)))
}

/// A name's bytes as a number: names with the same beginning are neighbours. No name has a byte 0.
#[inline]
fn number(name: &InterfaceName) -> u128 {
    u128::from_be_bytes(name.padded())
}

fn names(set: &InterfaceSet) -> RangeSet<u128> {
    let range = |pattern: &InterfacePattern| match pattern {
        InterfacePattern::Name(name) => (number(name), number(name)),
        InterfacePattern::Prefix(prefix) => {
            let rest = u128::MAX.checked_shr(8 * u32::from(prefix.length())).unwrap_or(0);
            (number(prefix), number(prefix) | rest)
        }
        InterfacePattern::Any => (0, u128::MAX),
    };
    let InterfaceSet { any_of, none_of } = set;
    let any_of =
        if any_of.is_empty() { RangeSet::full() } else { any_of.iter().map(range).collect::<RangeSet<_>>() };
    any_of.difference(&none_of.iter().map(range).collect())
}

impl PartialEq for Same<'_> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.0, other.0)
    }
}

impl Eq for Same<'_> {}

impl Hash for Same<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(self.0).hash(state);
    }
}
