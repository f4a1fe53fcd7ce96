//! Rules as areas: one range of each thing that most rules name.

use crate::{AddressSet, Match, Protocol, RangeSet, RuleId, Ruleset, Standing, Step};

use super::intervals::{Coordinate, Intervals};

/// An address of one family, and how trees count it.
pub(super) trait Address: Coordinate {
    /// Turns an address into a number of 32 bits that keeps the order.
    type Axis: std::fmt::Debug + Clone;

    /// The set's ranges of this family.
    fn ranges(set: &AddressSet) -> &[(Self, Self)];

    /// An axis on which ranges with these ends can still be told apart.
    fn axis(ranges: impl Iterator<Item = (Self, Self)>) -> Self::Axis;

    /// Where the address is on the axis.
    fn on(self, axis: &Self::Axis) -> u32;

    /// How large the axis is.
    fn axis_bytes(axis: &Self::Axis) -> usize;
}

/// Counted as it is.
impl Address for u32 {
    type Axis = ();

    fn ranges(set: &AddressSet) -> &[(Self, Self)] {
        set.v4().ranges()
    }

    fn axis(_: impl Iterator<Item = (Self, Self)>) -> Self::Axis {}

    #[inline]
    fn on(self, (): &Self::Axis) -> u32 {
        self
    }

    fn axis_bytes((): &Self::Axis) -> usize {
        0
    }
}

/// Counted by how many ends of ranges there are before it.
impl Address for u128 {
    type Axis = Intervals<Self>;

    fn ranges(set: &AddressSet) -> &[(Self, Self)] {
        set.v6().ranges()
    }

    fn axis(ranges: impl Iterator<Item = (Self, Self)>) -> Self::Axis {
        let ends = ranges.flat_map(|(first, last)| [Some(first), last.next()]).flatten();
        let mut starts: Vec<Self> = ends.chain([Self::MIN]).collect();
        starts.sort_unstable();
        starts.dedup();
        Intervals::new(starts.into_iter().zip(0..))
    }

    #[inline]
    fn on(self, axis: &Self::Axis) -> u32 {
        axis.value(self)
    }

    fn axis_bytes(axis: &Self::Axis) -> usize {
        axis.bytes()
    }
}

/// What a packet has in these dimensions. A packet without ports has the ports 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<A> {
    pub(super) source: A,
    pub(super) destination: A,
    pub(super) source_port: u16,
    pub(super) port: u16,
    /// Its rank.
    pub(super) protocol: u8,
}

/// A part of a rule, by one range in each dimension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area<A> {
    pub(super) source: (A, A),
    pub(super) destination: (A, A),
    pub(super) source_port: (u16, u16),
    pub(super) port: (u16, u16),
    /// Ranks.
    pub(super) protocol: (u8, u8),
    pub(super) rule: RuleId,
    /// Every key in the area is one that the rule matches. Where this is false the rule itself has
    /// to be asked.
    pub(super) exact: bool,
}

/// A rule's dimensions, each as the ranges that it allows.
#[derive(Debug, Clone)]
pub(super) struct Extent<'a, A> {
    pub(super) rule: RuleId,
    pub(super) source: Ranges<'a, A>,
    pub(super) destination: Ranges<'a, A>,
    pub(super) source_port: Ranges<'a, u16>,
    pub(super) port: Ranges<'a, u16>,
    pub(super) protocol: RangeSet<u8>,
    /// The rule matches everything in its extent.
    pub(super) exact: bool,
}

/// The ranges of a field; `None` where the rule does not name it.
pub(super) type Ranges<'a, T> = Option<&'a [(T, T)]>;

impl<'a, A: Address> Extent<'a, A> {
    /// The extent of the rule with this id; none where it matches no key of the family. No key
    /// outside a rule's extent is one that it matches, nor one on which it depends.
    pub(super) fn of(ruleset: &'a Ruleset, rule: RuleId) -> Option<Self> {
        // Destructured, so that a new field does not compile until it is placed here: in the extent,
        // or among those for which the rule has to be asked.
        let Match {
            protocol,
            source,
            destination,
            source_port,
            port,
            interface,
            in_interface,
            out_interface,
            icmp_type,
            tcp_flags,
            state,
            user,
        } = &ruleset.rule(rule).matches;
        let elsewhere = ruleset.rule(rule).standing != Standing::InForce
            || interface.is_some()
            || in_interface.is_some()
            || out_interface.is_some()
            || icmp_type.is_some()
            || tcp_flags.is_some()
            || state.is_some()
            || user.is_some();
        // A packet without ports looks as if its ports were 0.
        let takes_absent = [source_port, port].into_iter().flatten().any(|ports| ports.contains(0));
        let protocols = protocol.map(|set| set.iter().map(rank).map(|rank| (rank, rank)).collect());
        let extent = Self {
            rule,
            source: source.as_deref().map(A::ranges),
            destination: destination.as_deref().map(A::ranges),
            source_port: source_port.as_ref().map(RangeSet::ranges),
            port: port.as_ref().map(RangeSet::ranges),
            protocol: protocols.unwrap_or_else(RangeSet::full),
            exact: !elsewhere && !takes_absent,
        };
        let empty = extent.protocol.is_empty()
            || [extent.source, extent.destination].contains(&Some(&[]))
            || [extent.source_port, extent.port].contains(&Some(&[]));
        (!empty).then_some(extent)
    }

    /// How many areas it takes to write the extent exactly.
    pub(super) fn parts(&self) -> usize {
        let Self { source, destination, source_port, port, protocol, .. } = self;
        let addresses = [source, destination].map(|ranges| ranges.map_or(1, <[_]>::len));
        let ports = [source_port, port].map(|ranges| ranges.map_or(1, <[_]>::len));
        let factors = [addresses[0], addresses[1], ports[0], ports[1], protocol.ranges().len()];
        factors.into_iter().fold(1, usize::saturating_mul)
    }

    /// The extent as areas, at most `most` of them: what would take more is put in one area that is
    /// wider than the extent, of which the rule is asked.
    pub(super) fn areas(&self, most: usize, areas: &mut Vec<Area<A>>) {
        let Self { rule, source, destination, source_port, port, protocol, exact } = self;
        if self.parts() > most {
            areas.push(Area {
                source: hull(*source),
                destination: hull(*destination),
                source_port: hull(*source_port),
                port: hull(*port),
                protocol: hull(Some(protocol.ranges())),
                rule: *rule,
                exact: false,
            });
            return;
        }
        let (rule, exact) = (*rule, *exact);
        for &source in source.unwrap_or(&[(A::MIN, A::MAX)]) {
            for &destination in destination.unwrap_or(&[(A::MIN, A::MAX)]) {
                for &source_port in source_port.unwrap_or(&[(0, u16::MAX)]) {
                    for &port in port.unwrap_or(&[(0, u16::MAX)]) {
                        for &protocol in protocol.ranges() {
                            areas.push(Area {
                                source,
                                destination,
                                source_port,
                                port,
                                protocol,
                                rule,
                                exact,
                            });
                        }
                    }
                }
            }
        }
    }
}

/// From the first to the last of the ranges.
fn hull<T: Step>(ranges: Ranges<'_, T>) -> (T, T) {
    match ranges {
        Some([first, .., last]) => (first.0, last.1),
        Some([only]) => *only,
        Some([]) | None => (T::MIN, T::MAX),
    }
}

/// A protocol's place in an order in which the protocols that rules often name together are
/// neighbours: first those with ports, then the ICMPs.
#[inline]
pub(super) const fn rank(protocol: u8) -> u8 {
    RANKS[protocol as usize]
}

#[expect(clippy::cast_possible_truncation, reason = "there are 256 protocols")]
const RANKS: [u8; 256] = {
    const FIRST: [Protocol; 7] = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::SCTP,
        Protocol::DCCP,
        Protocol::UDPLITE,
        Protocol::ICMP,
        Protocol::ICMPV6,
    ];
    let mut ranks = [u8::MAX; 256];
    let mut next = 0;
    while next < FIRST.len() {
        ranks[FIRST[next].0 as usize] = next as u8;
        next += 1;
    }
    let mut protocol = 0;
    while protocol < ranks.len() {
        if ranks[protocol] == u8::MAX && next < ranks.len() {
            ranks[protocol] = next as u8;
            next += 1;
        }
        protocol += 1;
    }
    ranks
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::rank;

    #[test]
    fn every_protocol_has_a_rank_of_its_own() {
        assert_eq!((0..=u8::MAX).map(rank).collect::<BTreeSet<_>>().len(), 256);
        assert_eq!([6, 17, 132].map(rank), [0, 1, 2]);
    }
}
