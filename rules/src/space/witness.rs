//! A packet of a region.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Space, part::Part, region::Region};
use crate::{AddressSet, Fact, Hook, IcmpType, Key, Ports, Protocol, RangeSet, State, Step, TcpFlags};

/// Addresses for documentation (RFC 5737, RFC 3849): taken where any address will do.
const OTHERS: ([Ipv4Addr; 2], [Ipv6Addr; 2]) = (
    [Ipv4Addr::new(203, 0, 113, 9), Ipv4Addr::new(198, 51, 100, 7)],
    [Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 9), Ipv6Addr::new(0x2001, 0xdb8, 0xfeed, 0, 0, 0, 0, 7)],
);
const OURS: ([Ipv4Addr; 2], [Ipv6Addr; 2]) = (
    [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 1)],
    [Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)],
);
/// Protocols that people think of first.
const PROTOCOLS: [Protocol; 4] = [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6];
/// An ordinary user, and the usual ports of a client.
const USER: u32 = 1000;
const CLIENT_PORT: u16 = 40000;
/// A service, where any port will do.
const SERVICE_PORT: u16 = 4444;

/// Which of a region's packets is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// The one that looks most like an ordinary packet.
    Ordinary,
    /// Another for each number: ends of ranges, most of them.
    Corner(u32),
}

impl Space {
    /// A packet of the region, as ordinary as there is one. Every fact of it is known.
    pub fn witness(&self, region: &Region) -> Option<Key> {
        self.packet(region, Wanted::Ordinary)
    }

    /// A packet of the region, for each number another one as far as there are others.
    pub(crate) fn corner(&self, region: &Region, number: u32) -> Option<Key> {
        self.packet(region, Wanted::Corner(number))
    }

    fn packet(&self, region: &Region, wanted: Wanted) -> Option<Key> {
        let mut chosen = region.clone().tightened()?;
        let mut dice = Dice::new(wanted);
        let hooks: Vec<Hook> = chosen.hooks.iter().collect();
        let hook = *dice.one_of(&hooks)?;
        chosen.hooks = [hook].into_iter().collect();
        let protocols: Vec<Protocol> = chosen.protocol.iter().map(Protocol).collect();
        let usual = PROTOCOLS.into_iter().filter(|usual| {
            // The other family's ICMP would be a strange example.
            let families = (!chosen.source.v4().is_empty(), !chosen.source.v6().is_empty());
            let fits = match *usual {
                Protocol::ICMP => families.0,
                Protocol::ICMPV6 => families.1,
                _ => true,
            };
            fits && protocols.contains(usual)
        });
        let usual: Vec<Protocol> = usual.collect();
        let protocol = *dice.one_of(if usual.is_empty() { &protocols } else { &usual })?;
        chosen.protocol = [protocol.0].into_iter().collect();
        let chosen = chosen.tightened()?;
        let families = (!chosen.source.v4().is_empty(), !chosen.source.v6().is_empty());
        let v6 = match protocol {
            Protocol::ICMPV6 => families.1,
            Protocol::ICMP => !families.0,
            _ => dice.flip(!families.0, families.0 && families.1),
        };
        let states: Vec<State> = chosen.state.iter().collect();
        let interface = |part: &Part<u32>, dice: &mut Dice| {
            if part.absent {
                return Some(Fact::Absent);
            }
            let first = part.values.ranges().first()?.0;
            let number = dice.value(&part.values, first)?;
            self.interfaces.name(number).map(Fact::Known)
        };
        let ports = |dice: &mut Dice| {
            Some(Ports {
                source: dice.value(&chosen.source_port.values, CLIENT_PORT)?,
                destination: dice.value(&chosen.port.values, SERVICE_PORT)?,
            })
        };
        let (from, to) = if hook == Hook::Output { (OURS, OTHERS) } else { (OTHERS, OURS) };
        let echo = u16::from_be_bytes([IcmpType::echo_request(protocol).kind, 0]);
        let icmp = |dice: &mut Dice| {
            let part = if protocol == Protocol::ICMP { &chosen.icmp } else { &chosen.icmpv6 };
            let [kind, code] = dice.value(&part.values, echo)?.to_be_bytes();
            Some(IcmpType { kind, code })
        };
        Some(Key {
            hook,
            in_interface: interface(&chosen.in_interface, &mut dice)?,
            out_interface: interface(&chosen.out_interface, &mut dice)?,
            source: dice.address(&chosen.source, v6, from)?,
            destination: dice.address(&chosen.destination, v6, to)?,
            protocol,
            ports: if protocol.has_ports() { Some(ports(&mut dice)?) } else { None },
            icmp: if protocol.is_icmp() { Some(icmp(&mut dice)?) } else { None },
            tcp_flags: match protocol {
                Protocol::TCP => Some(TcpFlags(dice.value(&chosen.tcp_flags.values, TcpFlags::SYN.0)?)),
                _ => None,
            },
            state: *dice.one_of(&states)?,
            user: match hook {
                Hook::Output if chosen.user.has_values() => {
                    Fact::Known(dice.value(&chosen.user.values, USER)?)
                }
                _ => Fact::Absent,
            },
        })
    }
}

/// Chooses: always what is ordinary, or by a sequence that is the same for the same number.
struct Dice(Option<u64>);

impl Dice {
    const fn new(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Ordinary => Self(None),
            Wanted::Corner(number) => Self(Some(number as u64)),
        }
    }

    /// A number below `count`; `None` for what is ordinary.
    fn roll(&mut self, count: usize) -> Option<usize> {
        let state = self.0.as_mut()?;
        // SplitMix64 (Steele, Lea and Flood 2014).
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(count).ok()?.max(1)).ok()
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let place = self.roll(all.len()).unwrap_or(0);
        all.get(place)
    }

    fn flip(&mut self, ordinary: bool, free: bool) -> bool {
        if free { self.roll(2).map_or(ordinary, |side| side == 1) } else { ordinary }
    }

    /// `ordinary` where the set has it, else the second value of the first range: the first is often
    /// one that is special, such as a network's own address.
    fn value<T: Step>(&mut self, set: &RangeSet<T>, ordinary: T) -> Option<T> {
        let ranges = set.ranges();
        let &(first, last) = match self.roll(ranges.len()) {
            None if set.contains(ordinary) => return Some(ordinary),
            None => ranges.first()?,
            Some(place) => ranges.get(place)?,
        };
        let second = first.next().filter(|second| *second <= last);
        match self.roll(3) {
            None => Some(second.unwrap_or(first)),
            Some(0) => Some(first),
            Some(1) => Some(last),
            Some(_) => Some(second.unwrap_or(first)),
        }
    }

    fn address(
        &mut self,
        set: &AddressSet,
        v6: bool,
        (usual, usual_v6): ([Ipv4Addr; 2], [Ipv6Addr; 2]),
    ) -> Option<IpAddr> {
        if v6 {
            let usual = usual_v6.map(Ipv6Addr::to_bits);
            let ordinary = usual.into_iter().find(|&bits| set.v6().contains(bits)).unwrap_or(usual[0]);
            self.value(set.v6(), ordinary).map(|bits| Ipv6Addr::from_bits(bits).into())
        } else {
            let usual = usual.map(Ipv4Addr::to_bits);
            let ordinary = usual.into_iter().find(|&bits| set.v4().contains(bits)).unwrap_or(usual[0]);
            self.value(set.v4(), ordinary).map(|bits| Ipv4Addr::from_bits(bits).into())
        }
    }
}
