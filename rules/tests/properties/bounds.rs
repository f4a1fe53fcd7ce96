//! Rules that are made to blow a table up: what it takes is counted, not timed.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use portcullis_rules::{Action, AddressSet, Match, Policy, RangeSet, Rule, RuleTable, Ruleset, TablePart};

/// Numbers that look random, and are the same each time (Steele, Lea, Flood: splitmix64).
struct Random(u64);

impl Random {
    fn number(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }

    fn ports(&mut self) -> Option<RangeSet<u16>> {
        let (a, b) = ((self.number() >> 16) as u16, (self.number() >> 16) as u16);
        Some([(a.min(b), a.max(b))].into_iter().collect())
    }

    /// A prefix of an IPv4 address and, with the same bits, of an IPv6 address.
    fn prefix(&mut self, length: u32) -> Option<Arc<AddressSet>> {
        let (mask, number) = (u32::MAX.checked_shr(length).unwrap_or(0), self.number());
        let v4 = [number & !mask, number | mask].map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
        let high = [u128::from(number & !mask) << 96, (u128::from(number | mask) << 96) | (u128::MAX >> 32)];
        let v6 = high.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
        Some(Arc::new(AddressSet::from_ranges([v4, v6].map(|[first, last]| (first, last)))))
    }
}

/// The table's parts for so many rules.
fn parts(rules: usize, matches: impl Fn(&mut Random) -> Match) -> Vec<TablePart> {
    let mut random = Random(rules as u64);
    let rules =
        (0..rules).map(|_| Rule { matches: matches(&mut random), ..Rule::new("rule", Action::Accept) });
    let policy = Policy { input: Some(Action::Drop), ..Policy::default() };
    let ruleset = Ruleset { rules: rules.collect(), policy };
    RuleTable::compile(Arc::new(ruleset)).summary().parts
}

/// Bytes for each rule, and the rules that a lookup compares at worst, in either family.
fn at_most(parts: &[TablePart], bytes: usize, compared: usize) {
    for part in parts {
        let each = part.bytes / part.rules;
        assert!(each <= bytes && part.compared <= compared, "{each} bytes a rule: {part:?}");
    }
}

#[test]
fn overlapping_port_ranges() {
    let both =
        |random: &mut Random| Match { source_port: random.ports(), port: random.ports(), ..Match::default() };
    at_most(&parts(1000, both), 4096, 256);
    at_most(&parts(5000, both), 512, 5000);
}

#[test]
fn very_many_hosts() {
    let one = |random: &mut Random| Match { source: random.prefix(32), ..Match::default() };
    let two = |random: &mut Random| Match { destination: random.prefix(32), ..one(random) };
    at_most(&parts(30_000, one), 200, 128);
    at_most(&parts(30_000, two), 200, 128);
}

#[test]
fn short_prefixes_that_overlap() {
    let short = |random: &mut Random| {
        let (source, destination) = (random.number() % 9, random.number() % 9);
        Match {
            source: random.prefix(source),
            destination: random.prefix(destination),
            port: random.ports(),
            ..Match::default()
        }
    };
    at_most(&parts(5000, short), 512, 5000);
}

#[test]
fn everything_matches_everything() {
    at_most(&parts(20_000, |_| Match::default()), 200, 8);
}

#[test]
fn many_pairs_of_addresses_of_which_each_is_for_many_rules() {
    let mixed = |random: &mut Random| {
        let either = random.number() % 4;
        Match {
            source: if either == 0 { random.prefix(24) } else { None },
            destination: if either == 1 { random.prefix(24) } else { None },
            port: random.ports(),
            ..Match::default()
        }
    };
    at_most(&parts(600, mixed), 4096, 64);
    at_most(&parts(4000, mixed), 1024, 4000);
}

#[test]
fn sets_of_ranges_on_both_sides() {
    let ports = |random: &mut Random| -> Option<RangeSet<u16>> {
        Some((0..20).map(|_| (random.number() >> 16) as u16).map(|port| (port, port)).collect())
    };
    let both =
        |random: &mut Random| Match { source_port: ports(random), port: ports(random), ..Match::default() };
    // Of a product that is too large, one side stays as it is.
    at_most(&parts(1000, both), 4096, 512);
    let prefixes = |random: &mut Random| -> Option<Arc<AddressSet>> {
        let hosts = (0..30).map(|_| IpAddr::V4(Ipv4Addr::from_bits(random.number())));
        Some(Arc::new(AddressSet::from_ranges(hosts.map(|host| (host, host)))))
    };
    let both = |random: &mut Random| Match {
        source: prefixes(random),
        destination: prefixes(random),
        ..Match::default()
    };
    at_most(&parts(5000, both), 4096, 64);
}
