//! Any rules, compiled: the table answers every key as the rules do one by one.
#![no_main]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use libfuzzer_sys::fuzz_target;
use portcullis_rules::{
    Action, AddressSet, ByteSet, Fact, Hook, HookSet, IcmpSet, IcmpType, InterfaceName, InterfacePattern,
    InterfaceSet, Key, Match, Policy, Ports, Protocol, RangeSet, Rule, RuleTable, Ruleset, State, StateSet,
    Strategy, TcpFlags,
};

/// Keys that are looked up for each set of rules.
const KEYS: usize = 32;

/// What follows these is not looked at: an instrumented compilation of more takes long, and tells little more.
const MOST_RULES: usize = 16;

/// The bytes decide everything, and are 0 after their end.
struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.byte().is_multiple_of(count)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// Most fields of most rules are not named.
    fn named<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.one_in(4)).then(|| make(self))
    }

    /// Few different numbers, ends and neighbours among them.
    fn number(&mut self) -> u32 {
        let byte = u32::from(self.byte());
        match byte % 4 {
            0 => byte / 4,
            1 => u32::MAX - byte / 4,
            2 => byte << 24,
            _ => 0x0a00_0000 | byte << 6,
        }
    }

    fn port(&mut self) -> u16 {
        let byte = u16::from(self.byte());
        if byte.is_multiple_of(2) { byte / 2 } else { u16::MAX - byte / 2 }
    }

    fn address(&mut self, v6: bool) -> IpAddr {
        if v6 {
            let (site, host) = (u128::from(self.number()), u128::from(self.number()));
            Ipv6Addr::from_bits(site << 96 | host).into()
        } else {
            Ipv4Addr::from_bits(self.number()).into()
        }
    }

    fn addresses(&mut self) -> Arc<AddressSet> {
        let many = if self.byte() == 0 { 40 } else { usize::from(self.byte() % 4) };
        let ranges = (0..many).map(|_| {
            let v6 = self.one_in(3);
            let (a, b) = (self.address(v6), self.address(v6));
            if self.one_in(2) { (a, a) } else { (a.min(b), a.max(b)) }
        });
        let set = AddressSet::from_ranges(ranges);
        Arc::new(if self.one_in(4) { set.complement() } else { set })
    }

    fn ports(&mut self) -> RangeSet<u16> {
        let many = if self.byte() == 0 { 40 } else { usize::from(self.byte() % 4) };
        (0..many)
            .map(|_| {
                let (a, b) = (self.port(), self.port());
                if self.one_in(2) { (a, a) } else { (a.min(b), a.max(b)) }
            })
            .collect()
    }

    fn bytes(&mut self, all: &[u8]) -> ByteSet {
        let set: ByteSet = (0..self.byte() % 3).map(|_| self.one_of(all)).collect();
        if self.one_in(4) { set.complement() } else { set }
    }

    fn interfaces(&mut self) -> InterfaceSet {
        let patterns = |bytes: &mut Self| -> Vec<InterfacePattern> {
            let names = ["eth0", "eth*", "eth1", "e*", "wg0", "*"];
            (0..bytes.byte() % 3).filter_map(|_| InterfacePattern::parse(bytes.one_of(&names))).collect()
        };
        InterfaceSet { any_of: patterns(self), none_of: patterns(self) }
    }

    fn rule(&mut self) -> Rule {
        let hooks: HookSet = (0..3).filter_map(|_| self.named(|bytes| bytes.one_of(&Hook::ALL))).collect();
        let states = |bytes: &mut Self| -> StateSet { (0..2).map(|_| bytes.one_of(&State::ALL)).collect() };
        let users = |bytes: &mut Self| {
            let (a, b) = (bytes.number(), bytes.number());
            RangeSet::from_iter([(a.min(b), a.max(b)), (0, 0)])
        };
        let messages = |bytes: &mut Self| {
            let set = IcmpSet::parse(bytes.one_of(&["echo-request", "3", "3/4", "packet-too-big"]));
            let set = set.unwrap_or_default();
            if bytes.one_in(2) { set.complement() } else { set }
        };
        let matches = Match {
            interface: self.named(Self::interfaces),
            in_interface: self.named(Self::interfaces),
            out_interface: self.named(Self::interfaces),
            protocol: self.named(|bytes| bytes.bytes(&PROTOCOLS)),
            source: self.named(Self::addresses),
            destination: self.named(Self::addresses),
            source_port: self.named(Self::ports),
            port: self.named(Self::ports),
            icmp_type: self.named(messages),
            tcp_flags: self.named(|bytes| bytes.bytes(&[0, 2, 18, 255])),
            state: self.named(states),
            user: self.named(users),
        };
        let hooks = if hooks == HookSet::EMPTY { Hook::ALL.into_iter().collect() } else { hooks };
        Rule { hooks, matches, ..Rule::new("rule", self.one_of(&Action::ALL)) }
    }

    fn fact<T>(&mut self, make: impl FnOnce(&mut Self) -> Option<T>) -> Fact<T> {
        match self.byte() % 4 {
            0 => Fact::Absent,
            1 => Fact::Unknown,
            _ => make(self).map_or(Fact::Absent, Fact::Known),
        }
    }

    fn key(&mut self) -> Key {
        let name =
            |bytes: &mut Self| InterfaceName::new(bytes.one_of(&["eth0", "eth1", "ethernet", "e", "lo"]));
        let v6 = self.one_in(3);
        Key {
            hook: self.one_of(&Hook::ALL),
            in_interface: self.fact(name),
            out_interface: self.fact(name),
            source: self.address(v6),
            destination: self.address(v6),
            protocol: Protocol(self.one_of(&PROTOCOLS)),
            ports: self.named(|bytes| Ports { source: bytes.port(), destination: bytes.port() }),
            icmp: self
                .named(|bytes| IcmpType { kind: bytes.one_of(&[2, 3, 8, 128]), code: bytes.byte() % 6 }),
            tcp_flags: self.named(|bytes| TcpFlags(bytes.one_of(&[0, 2, 18, 255]))),
            state: self.one_of(&State::ALL),
            user: self.fact(|bytes| Some(bytes.number())),
        }
    }
}

const PROTOCOLS: [u8; 7] = [6, 17, 1, 58, 132, 47, 255];

fuzz_target!(|bytes: &[u8]| {
    let bytes = &mut Bytes(bytes.iter());
    let policy = Policy {
        input: Some(bytes.one_of(&Action::ALL)),
        output: bytes.named(|bytes| bytes.one_of(&Action::ALL)),
        forward: Some(bytes.one_of(&Action::ALL)),
    };
    let keys: Vec<Key> = (0..KEYS).map(|_| bytes.key()).collect();
    let mut rules = Vec::new();
    while bytes.0.len() > 0 && rules.len() < MOST_RULES {
        rules.push(bytes.rule());
    }
    let ruleset = Arc::new(Ruleset { rules, policy });
    // So few rules would never be rows of bits, or a tree, by choice.
    for strategy in Strategy::ALL {
        let table = RuleTable::compile_as(Arc::clone(&ruleset), strategy);
        let mut decisions = [ruleset.first_match(&keys[0]); KEYS];
        table.lookup_batch(&keys, &mut decisions);
        for (key, in_batch) in keys.iter().zip(decisions) {
            let expected = ruleset.first_match(key);
            assert_eq!(table.lookup(key), expected, "{key}: {}", table.summary());
            assert_eq!(in_batch, expected, "{key}: {}", table.summary());
        }
    }
});
