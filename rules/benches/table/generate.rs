//! Rules that look like those of real networks, and rules that nobody would write.

use crate::set::{Line, Set};

/// What kind of place the rules are for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Family {
    /// Single servers and their ports, for networks of clients; few rules are wide.
    Servers,
    /// Wide on one side, by source port as often as by port.
    Gateway,
    /// Networks of all sizes on both sides, many without ports.
    Backbone,
}

/// A small generator of random numbers: `SplitMix64`.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

const ANY_PORT: (u16, u16) = (0, u16::MAX);
pub(crate) const SERVICES: [u16; 24] = [
    20, 21, 22, 23, 25, 53, 80, 88, 110, 123, 135, 139, 143, 161, 389, 443, 445, 993, 1433, 1521, 1723, 3306,
    5432, 8080,
];
const RANGES: [(u16, u16); 6] =
    [(1024, u16::MAX), (0, 1023), (6000, 6063), (30000, 32767), (137, 139), (2000, 2100)];

/// `count` different rules of a family, the same ones each time; a rule that a later one contains
/// comes first.
pub(crate) fn set(family: Family, count: usize) -> Set {
    let mut random = Random::new(family as u64 * 1_000_003 + count as u64);
    // Addresses come in clusters: a few networks, with hosts in them.
    let networks: Vec<u32> = (0..4 + count / 40).map(|_| random.next() as u32 & 0xffff_ff00).collect();
    let mut seen = std::collections::HashSet::new();
    let mut rules = Vec::with_capacity(count);
    while rules.len() < count {
        let rule = line(family, &networks, &mut random);
        let Line { source, destination, source_port, port, protocol } = rule;
        if seen.insert((source, destination, source_port, port, protocol)) {
            rules.push(rule);
        }
    }
    rules.sort_by_key(|line| std::cmp::Reverse(line.source.1 + line.destination.1));
    let name = match family {
        Family::Servers => "servers",
        Family::Gateway => "gateway",
        Family::Backbone => "backbone",
    };
    Set::new(format!("{name} {count}"), rules)
}

fn line(family: Family, networks: &[u32], random: &mut Random) -> Line {
    let percent = random.below(100);
    let (source_length, length) = match family {
        Family::Servers if percent < 3 => (0, random.one_of(&[0, 8, 16, 24])),
        Family::Servers => (random.one_of(&[16, 24, 24, 28, 32, 32]), random.one_of(&[24, 32, 32, 32])),
        Family::Gateway if percent < 5 => (0, 0),
        Family::Gateway if percent < 60 => (random.one_of(&[0, 0, 4, 8]), random.one_of(&[24, 28, 29, 32])),
        Family::Gateway if percent < 85 => (random.one_of(&[24, 28, 29, 32]), random.one_of(&[0, 0, 8])),
        Family::Gateway => (28, 29),
        Family::Backbone if percent < 15 => (random.one_of(&[0, 8, 12]), random.one_of(&[16, 24, 32])),
        Family::Backbone => {
            (random.one_of(&[15, 19, 22, 24, 27, 32, 32]), random.one_of(&[16, 20, 23, 26, 32, 32]))
        }
    };
    let mut prefix = |length: u32| {
        let host = random.one_of(networks) | random.below(256) as u32;
        (host & u32::MAX.checked_shl(32 - length).unwrap_or(0), length)
    };
    let (source, destination) = (prefix(source_length), prefix(length));
    let protocol = random.one_of(&[Some(6), Some(6), Some(6), Some(17), Some(17), Some(1), None]);
    let mut ports = |named: u64, ranges: u64| match random.below(100) {
        _ if !matches!(protocol, Some(6 | 17)) => ANY_PORT,
        percent if percent < named => {
            let port = random.one_of(&SERVICES);
            (port, port)
        }
        percent if percent < named + ranges => random.one_of(&RANGES),
        _ => ANY_PORT,
    };
    let (source_port, port) = match family {
        Family::Servers => (ANY_PORT, ports(75, 20)),
        Family::Gateway => (ports(35, 10), ports(50, 20)),
        Family::Backbone => (ports(20, 10), ports(30, 15)),
    };
    Line { source, destination, source_port, port, protocol }
}

/// Sets that some structure or other can't stand.
pub(crate) fn adversarial() -> Vec<Set> {
    const EVERYTHING: Line =
        Line { source: (0, 0), destination: (0, 0), source_port: ANY_PORT, port: ANY_PORT, protocol: None };
    let random = &mut Random::new(1);
    let mut some = |name: &str, count: usize, make: fn(Line, &mut Random) -> Line| {
        let lines = (0..count).map(|_| make(EVERYTHING, random)).collect();
        Set::new(name.to_owned(), lines)
    };
    fn ports(random: &mut Random) -> (u16, u16) {
        let (a, b) = (random.next() as u16, random.next() as u16);
        (a.min(b), a.max(b))
    }
    vec![
        some("port ranges 1k", 1000, |any, random| Line {
            source_port: ports(random),
            port: ports(random),
            ..any
        }),
        some("port ranges 10k", 10_000, |any, random| Line {
            source_port: ports(random),
            port: ports(random),
            ..any
        }),
        some("hosts 100k", 100_000, |any, random| Line { source: (random.next() as u32, 32), ..any }),
        some("pairs of hosts 100k", 100_000, |any, random| Line {
            source: (random.next() as u32, 32),
            destination: (random.next() as u32, 32),
            ..any
        }),
        some("short prefixes 10k", 10_000, |any, random| {
            let mut prefix = || (random.next() as u32, random.below(9) as u32);
            let (source, destination) = (prefix(), prefix());
            Line { source, destination, port: ports(random), ..any }
        }),
        some("everything 10k", 10_000, |any, _| any),
    ]
}
