//! Rules and packets in ClassBench's terms, and the same in ours.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use portcullis_rules::{
    Action, AddressSet, Fact, Hook, Key, Match, Policy, Ports, Protocol, RangeSet, Rule, Ruleset, State,
};

use crate::generate::Random;

/// Rules of one family, and packets to look up among them.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) v6: bool,
    pub(crate) ruleset: Arc<Ruleset>,
    pub(crate) keys: Vec<Key>,
    /// The rule that decides each packet, where somebody else says so.
    pub(crate) expected: Option<Vec<Option<usize>>>,
}

/// Rules in ClassBench's terms, and packets to look up among them.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) rules: Vec<Line>,
    pub(crate) packets: Vec<Packet>,
    /// The rule that decides each packet, where somebody else says so.
    pub(crate) expected: Option<Vec<Option<usize>>>,
}

/// A rule as ClassBench writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Address and prefix length.
    pub(crate) source: (u32, u32),
    pub(crate) destination: (u32, u32),
    pub(crate) source_port: (u16, u16),
    pub(crate) port: (u16, u16),
    pub(crate) protocol: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) source: u32,
    pub(crate) destination: u32,
    pub(crate) source_port: u16,
    pub(crate) port: u16,
    pub(crate) protocol: u8,
}

impl Set {
    /// Nine of ten packets in a random rule, often in a corner of it; one anywhere.
    pub(crate) fn new(name: String, rules: Vec<Line>) -> Self {
        let mut random = Random::new(rules.len() as u64);
        let packets = (0..100_000).map(|_| packet(&rules, &mut random)).collect();
        Self { name, rules, packets, expected: None }
    }

    /// The same rules in another order.
    pub(crate) fn shuffled(&self) -> Self {
        let mut random = Random::new(7);
        let mut rules = self.rules.clone();
        for last in (1..rules.len()).rev() {
            rules.swap(last, random.below(last as u64 + 1) as usize);
        }
        Self::new(format!("{}, shuffled", self.name), rules)
    }

    /// Every `n`th rule.
    pub(crate) fn every(&self, n: usize) -> Self {
        Self::new(format!("{}, every {n}th", self.name), self.rules.iter().step_by(n).copied().collect())
    }

    pub(crate) fn scene(&self, v6: bool) -> Scene {
        let Self { name, expected, .. } = self;
        let (ruleset, keys) = (self.ruleset(v6), self.keys(v6));
        Scene { name: name.clone(), v6, ruleset, keys, expected: expected.clone() }
    }

    pub(crate) fn ruleset(&self, v6: bool) -> Arc<Ruleset> {
        ruleset(self.rules.iter().map(|line| line.matches(v6)))
    }

    pub(crate) fn keys(&self, v6: bool) -> Vec<Key> {
        self.packets.iter().map(|packet| packet.key(v6)).collect()
    }
}

/// Rules for these, which accept and drop by turns.
pub(crate) fn ruleset(matches: impl Iterator<Item = Match>) -> Arc<Ruleset> {
    let rules = matches.enumerate().map(|(number, matches)| {
        let action = if number % 2 == 0 { Action::Accept } else { Action::Drop };
        let hooks = [Hook::Forward].into_iter().collect();
        Rule { hooks, matches, ..Rule::new(&format!("rule {number}"), action) }
    });
    let policy = Policy { forward: Some(Action::Drop), ..Policy::default() };
    Arc::new(Ruleset { rules: rules.collect(), policy })
}

/// A forwarded packet.
pub(crate) fn key(source: IpAddr, destination: IpAddr, protocol: u8, ports: Option<Ports>) -> Key {
    Key {
        hook: Hook::Forward,
        in_interface: Fact::Absent,
        out_interface: Fact::Absent,
        source,
        destination,
        protocol: Protocol(protocol),
        ports,
        icmp: None,
        tcp_flags: None,
        state: State::New,
        user: Fact::Absent,
    }
}

fn packet(rules: &[Line], random: &mut Random) -> Packet {
    if rules.is_empty() || random.below(10) == 0 {
        return Packet {
            source: random.next() as u32,
            destination: random.next() as u32,
            source_port: random.next() as u16,
            port: random.next() as u16,
            protocol: [6, 17, 1][random.below(3) as usize],
        };
    }
    let line = rules[random.below(rules.len() as u64) as usize];
    let mut within = |first: u64, last: u64| match random.below(4) {
        0 => first,
        1 => last,
        _ => first + random.below(last - first + 1),
    };
    let (source, destination) = (range(line.source), range(line.destination));
    Packet {
        source: within(source.0.into(), source.1.into()) as u32,
        destination: within(destination.0.into(), destination.1.into()) as u32,
        source_port: within(line.source_port.0.into(), line.source_port.1.into()) as u16,
        port: within(line.port.0.into(), line.port.1.into()) as u16,
        protocol: line.protocol.unwrap_or_else(|| [6, 17, 47][random.below(3) as usize]),
    }
}

/// From the first to the last address of a prefix.
pub(crate) fn range((address, length): (u32, u32)) -> (u32, u32) {
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    (address & mask, address | !mask)
}

/// An IPv4 address as it is, or as the end of an IPv6 address.
fn address(v4: u32, v6: bool) -> IpAddr {
    if v6 {
        Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(v4)).into()
    } else {
        Ipv4Addr::from_bits(v4).into()
    }
}

impl Line {
    fn matches(&self, v6: bool) -> Match {
        let addresses = |prefix: (u32, u32)| {
            let (first, last) = range(prefix);
            let set = || AddressSet::from_ranges([(address(first, v6), address(last, v6))]);
            (prefix.1 > 0).then(|| Arc::new(set()))
        };
        let ports = |ports: (u16, u16)| (ports != (0, u16::MAX)).then(|| RangeSet::from_iter([ports]));
        Match {
            source: addresses(self.source),
            destination: addresses(self.destination),
            source_port: ports(self.source_port),
            port: ports(self.port),
            protocol: self.protocol.map(|protocol| [protocol].into_iter().collect()),
            ..Match::default()
        }
    }
}

impl Packet {
    fn key(&self, v6: bool) -> Key {
        // ClassBench has ports in every packet.
        let ports = Ports { source: self.source_port, destination: self.port };
        key(address(self.source, v6), address(self.destination, v6), self.protocol, Some(ports))
    }
}
