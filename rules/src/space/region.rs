//! A region of the space of packets: a set of values along each dimension.

use std::sync::Arc;

use super::part::{Extent, Part};
use crate::{AddressSet, ByteSet, Hook, HookSet, Protocol, StateSet};

/// A product of sets: the packets that have a value of each of them. Not every product of values is
/// a packet, since ICMP has no ports and no packet changes the family on its way; where a part does
/// not exist, "absent" is its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    pub(super) hooks: HookSet,
    pub(super) protocol: ByteSet,
    pub(super) port: Part<u16>,
    /// 256 times the type, plus the code.
    pub(super) icmp: Part<u16>,
    pub(super) icmpv6: Part<u16>,
    pub(super) destination: Arc<AddressSet>,
    pub(super) source: Arc<AddressSet>,
    pub(super) source_port: Part<u16>,
    pub(super) tcp_flags: Part<u8>,
    pub(super) state: StateSet,
    pub(super) user: Part<u32>,
    /// Classes of interfaces.
    pub(super) in_interface: Part<u32>,
    pub(super) out_interface: Part<u32>,
}

/// Does something for each dimension; those first that make the plainest pieces when cut.
macro_rules! for_each_dimension {
    ($macro:ident) => {
        $macro!(hooks protocol port icmp icmpv6 destination source source_port tcp_flags state user in_interface out_interface)
    };
}

/// TCP, UDP, SCTP, DCCP and UDP-Lite: what has ports.
pub(super) const fn with_ports() -> ByteSet {
    const WITH_PORTS: ByteSet = {
        let mut set = ByteSet::EMPTY;
        let mut number = 0;
        // 255 is reserved.
        while number < u8::MAX {
            if Protocol(number).has_ports() {
                set.insert(number);
            }
            number += 1;
        }
        set
    };
    WITH_PORTS
}

pub(super) const fn only(protocol: Protocol) -> ByteSet {
    let mut set = ByteSet::EMPTY;
    set.insert(protocol.0);
    set
}

impl Region {
    /// Every packet at `hooks`.
    pub(super) fn all(hooks: HookSet) -> Self {
        Self {
            hooks,
            protocol: ByteSet::FULL,
            port: Part::any(),
            icmp: Part::any(),
            icmpv6: Part::any(),
            destination: Arc::new(AddressSet::full()),
            source: Arc::new(AddressSet::full()),
            source_port: Part::any(),
            tcp_flags: Part::any(),
            state: StateSet::default().complement(),
            user: Part::any(),
            in_interface: Part::any(),
            out_interface: Part::any(),
        }
    }

    /// The packets of both; `None` when there are none.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        if !self.meets(other) {
            return None;
        }
        let mut both = self.clone();
        macro_rules! and { ($($dimension:ident)*) => {$(
            both.$dimension = self.$dimension.and(&other.$dimension);
        )*}; }
        for_each_dimension!(and);
        Some(both)
    }

    /// Whether every packet of this region is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        macro_rules! within { ($($dimension:ident)*) => { $(self.$dimension.is_within(&other.$dimension))&&* }; }
        for_each_dimension!(within)
    }

    /// The packets that `other` lacks, as disjoint regions; they are added to `pieces`.
    pub fn minus(&self, other: &Self, pieces: &mut Vec<Self>) {
        if !self.meets(other) {
            pieces.push(self.clone());
            return;
        }
        let mut rest = self.clone();
        macro_rules! cut { ($($dimension:ident)*) => {$(
            if !rest.$dimension.is_within(&other.$dimension) {
                let outside = rest.$dimension.minus(&other.$dimension);
                let piece = Self { $dimension: outside, ..rest.clone() };
                if piece.is_possible() {
                    pieces.push(piece);
                }
                rest.$dimension = rest.$dimension.and(&other.$dimension);
            }
        )*}; }
        for_each_dimension!(cut);
    }

    /// One region of the packets of both, where there is one: they differ in one dimension only.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        let mut joined = self.clone();
        let mut differing = 0;
        macro_rules! join { ($($dimension:ident)*) => {$(
            if self.$dimension != other.$dimension {
                differing += 1;
                if differing > 1 {
                    return None;
                }
                joined.$dimension = self.$dimension.or(&other.$dimension);
            }
        )*}; }
        for_each_dimension!(join);
        Some(joined)
    }

    /// Whether a packet is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let hooks = self.hooks.and(&other.hooks);
        let protocol = self.protocol.and(&other.protocol);
        // Most that don't meet are told apart by these, which cost next to nothing.
        if hooks.is_empty()
            || protocol.is_empty()
            || !(self.port.absent && other.port.absent || self.port.values_meet(&other.port))
        {
            return false;
        }
        macro_rules! both { ($($part:ident)*) => {
            Possible {
                hooks,
                protocol,
                state: !self.state.and(&other.state).is_empty(),
                $($part: (self.$part.values_meet(&other.$part), self.$part.absent && other.$part.absent),)*
                v4: self.source.v4().meets(other.source.v4()) && self.destination.v4().meets(other.destination.v4()),
                v6: self.source.v6().meets(other.source.v6()) && self.destination.v6().meets(other.destination.v6()),
            }
        }; }
        let both = both!(port icmp icmpv6 source_port tcp_flags user in_interface out_interface);
        both.any()
    }

    /// About how much it takes to compare it with another, in comparisons of small ones.
    pub(super) fn weight(&self) -> usize {
        let ranges = |set: &AddressSet| set.v4().ranges().len() + set.v6().ranges().len();
        1 + (ranges(&self.source) + ranges(&self.destination)) / 64
    }

    /// Whether there is any packet in it.
    pub(super) fn is_possible(&self) -> bool {
        self.possible().any()
    }

    /// The same packets, with every dimension as small as it can be. Equal sets of packets that are
    /// products are equal then.
    pub(super) fn tightened(mut self) -> Option<Self> {
        let possible = self.possible();
        self.hooks = possible.possible_hooks();
        self.protocol = possible.possible_protocols();
        if !possible.any() {
            return None;
        }
        let has = |protocols: ByteSet| !self.protocol.and(&protocols).is_empty();
        let (ports, tcp) = (with_ports(), only(Protocol::TCP));
        let (icmp, icmpv6) = (only(Protocol::ICMP), only(Protocol::ICMPV6));
        let shrink = |part: &mut bool, with: ByteSet| *part = has(with.complement());
        for part in [&mut self.port, &mut self.source_port] {
            shrink(&mut part.absent, ports);
            if !has(ports) {
                *part = Part::none();
            }
        }
        for (part, with) in [(&mut self.icmp, icmp), (&mut self.icmpv6, icmpv6)] {
            shrink(&mut part.absent, with);
            if !has(with) {
                *part = Part::none();
            }
        }
        shrink(&mut self.tcp_flags.absent, tcp);
        if !has(tcp) {
            self.tcp_flags = Part::none();
        }
        let at = |hook| self.hooks.contains(hook);
        for (part, with) in [
            (&mut self.in_interface, [Hook::Input, Hook::Forward]),
            (&mut self.out_interface, [Hook::Output, Hook::Forward]),
        ] {
            let without = self.hooks.iter().any(|hook| !with.contains(&hook));
            part.absent = without;
            if !with.into_iter().any(at) {
                *part = Part::none();
            }
        }
        if !at(Hook::Output) {
            self.user = Part::none();
        }
        if at(Hook::Input) || at(Hook::Forward) {
            // There it is always absent; on output it may be.
            debug_assert!(self.user.absent, "it is possible at these hooks");
        }
        for end in [&mut self.source, &mut self.destination] {
            let keeps = [(possible.v4, !end.v4().is_empty()), (possible.v6, !end.v6().is_empty())];
            if keeps.iter().any(|(possible, there)| *there && !possible) {
                *end = Arc::new(end.of_families(possible.v4, possible.v6));
            }
        }
        Some(self)
    }

    fn possible(&self) -> Possible {
        macro_rules! own { ($($part:ident)*) => {
            Possible {
                hooks: self.hooks,
                protocol: self.protocol,
                state: !self.state.is_empty(),
                $($part: (self.$part.has_values(), self.$part.absent),)*
                v4: !self.source.v4().is_empty() && !self.destination.v4().is_empty(),
                v6: !self.source.v6().is_empty() && !self.destination.v6().is_empty(),
            }
        }; }
        own!(port icmp icmpv6 source_port tcp_flags user in_interface out_interface)
    }
}

/// What there is along each dimension: for parts, whether there are values and whether the part may
/// be absent. Which packets exist is said here.
struct Possible {
    hooks: HookSet,
    protocol: ByteSet,
    state: bool,
    port: (bool, bool),
    icmp: (bool, bool),
    icmpv6: (bool, bool),
    source_port: (bool, bool),
    tcp_flags: (bool, bool),
    user: (bool, bool),
    in_interface: (bool, bool),
    out_interface: (bool, bool),
    v4: bool,
    v6: bool,
}

impl Possible {
    fn any(&self) -> bool {
        self.state
            && (self.v4 || self.v6)
            && !self.possible_hooks().is_empty()
            && !self.possible_protocols().is_empty()
    }

    /// A packet has the interfaces that its hook has. One that is sent may have no user: the kernel's.
    fn possible_hooks(&self) -> HookSet {
        let (came_in, goes_out, user) = (self.in_interface, self.out_interface, self.user);
        let possible = |hook: &Hook| match hook {
            Hook::Input => came_in.0 && goes_out.1 && user.1,
            Hook::Output => came_in.1 && goes_out.0 && (user.0 || user.1),
            Hook::Forward => came_in.0 && goes_out.0 && user.1,
        };
        self.hooks.iter().filter(possible).collect()
    }

    fn possible_protocols(&self) -> ByteSet {
        let mut possible = ByteSet::EMPTY;
        let mut allow = |protocols: ByteSet, yes: bool| {
            if yes {
                possible = possible.union(&protocols);
            }
        };
        let (tcp, icmp, icmpv6) = (only(Protocol::TCP), only(Protocol::ICMP), only(Protocol::ICMPV6));
        let ports = with_ports().difference(&tcp);
        let others = with_ports().union(&icmp).union(&icmpv6).complement();
        let ((has_port, no_port), (has_source_port, no_source_port)) = (self.port, self.source_port);
        let (has_ports, no_ports) = (has_port && has_source_port, no_port && no_source_port);
        let (no_icmp, no_icmpv6, no_flags) = (self.icmp.1, self.icmpv6.1, self.tcp_flags.1);
        allow(tcp, has_ports && self.tcp_flags.0 && no_icmp && no_icmpv6);
        allow(ports, has_ports && no_flags && no_icmp && no_icmpv6);
        allow(icmp, no_ports && no_flags && self.icmp.0 && no_icmpv6);
        allow(icmpv6, no_ports && no_flags && no_icmp && self.icmpv6.0);
        allow(others, no_ports && no_flags && no_icmp && no_icmpv6);
        self.protocol.and(&possible)
    }
}
