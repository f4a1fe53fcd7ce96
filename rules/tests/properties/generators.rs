//! A small universe, so that random rules and random keys meet.

use std::{fmt::Debug, net::IpAddr, sync::Arc};

use portcullis_rules::{
    Action, AddressSet, ByteSet, Fact, Hook, IcmpSet, IcmpType, InterfaceName, InterfacePattern,
    InterfaceSet, Key, Match, Policy, Ports, Protocol, RangeSet, Rule, Ruleset, Standing, State, StateSet,
    TcpFlags,
};
use proptest::{
    collection::vec,
    option::weighted,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{select, subsequence},
};

const INTERFACES: [&str; 4] = ["eth0", "eth1", "wg0", "lan"];
const PATTERNS: [&str; 4] = ["eth0", "eth*", "wg0", "*"];
const USERS: [u32; 3] = [0, 1000, u32::MAX];
const PORTS: [u16; 4] = [0, 22, 443, u16::MAX];
const FLAGS: [u8; 5] = [0, 0x02, 0x12, 0x42, 0xff];
const ICMP: [(u8, u8); 5] = [(8, 0), (3, 1), (3, 4), (128, 0), (255, 255)];
const PROTOCOLS: [Protocol; 7] = [
    Protocol::TCP,
    Protocol::UDP,
    Protocol::SCTP,
    Protocol::ICMP,
    Protocol::ICMPV6,
    Protocol(47),
    Protocol(255),
];
const V4: [IpAddr; 3] = [v4(0), v4(1), v4(255)];
const V6: [IpAddr; 3] = [v6(0), v6(1), v6(0xffff)];

const fn v4(last: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(last, 0, 2, last))
}

const fn v6(last: u16) -> IpAddr {
    IpAddr::V6(std::net::Ipv6Addr::new(last, 0, 0, 0, 0, 0, 0, last))
}

/// Ranges of IPv6 addresses as firewalls name them, in each other and far apart.
const V6_PLACES: [(u128, u32); 12] = [
    (0, 0),
    (0, 128),
    (0xffff << 32, 96),
    (0xfc00 << 112, 7),
    (0xfe80 << 112, 10),
    (0xff00 << 112, 8),
    (SITE, 48),
    (SITE, 64),
    (SITE, 128),
    (SITE | 0xff_fe00_0001, 128),
    (SITE | 1 << 64, 64),
    (u128::MAX, 128),
];
const SITE: u128 = 0x2001_0db8_0005 << 80;

/// Rules that name such places, and addresses near their ends.
pub(crate) fn v6_places(number: std::ops::Range<usize>) -> impl Strategy<Value = (Arc<Ruleset>, Vec<Key>)> {
    let range = |(first, length): (u128, u32)| (first, first | u128::MAX.checked_shr(length).unwrap_or(0));
    let address = |bits: u128| IpAddr::V6(bits.into());
    let set = move || {
        let places = prop_oneof![9 => 1..3usize, 1 => 30..40usize]
            .prop_flat_map(|count| (vec((select(&V6_PLACES[..]), 0..4u128), count), any::<u8>()));
        let set = places.prop_map(move |(places, negated)| {
            // Some end in the midst of another, or begin there.
            let places = places.into_iter().map(|(place, shift)| {
                let (first, last) = range(place);
                let off = (last - first) / 4 * shift;
                (address(first + off), address(last.saturating_add(if shift == 3 { off } else { 0 })))
            });
            let set = AddressSet::from_ranges(places);
            Arc::new(if negated < 25 { set.complement() } else { set })
        });
        weighted(0.7, set)
    };
    let rule =
        (set(), set(), ports(), select(&Action::ALL[..])).prop_map(|(source, destination, port, action)| {
            Rule {
                matches: Match { source, destination, port, ..Match::default() },
                ..Rule::new("rule", action)
            }
        });
    let near = move || {
        (select(&V6_PLACES[..]), 0..8u128, 0..3u128).prop_map(move |(place, eighth, near)| {
            let (first, last) = range(place);
            let end = if eighth == 7 { last } else { first + (last - first) / 4 * (eighth % 4) };
            address(end.wrapping_add(near).wrapping_sub(1))
        })
    };
    let key = (known_key(), near(), near()).prop_map(|(key, source, destination)| Key {
        source,
        destination,
        ..key
    });
    (vec(rule, number), vec(key, 60)).prop_map(|(rules, keys)| {
        let policy = Policy { input: Some(Action::Drop), ..Policy::default() };
        let keys = keys.into_iter().map(|key| Key { hook: Hook::Input, ..key }).collect();
        (Arc::new(Ruleset { rules, policy }), keys)
    })
}

/// Rules over all hooks and fields, most of them with few fields, and any policy.
pub(crate) fn ruleset() -> impl Strategy<Value = Arc<Ruleset>> {
    let action = || weighted(0.8, select(&Action::ALL[..]));
    let policy =
        [action(), action(), action()].prop_map(|[input, output, forward]| Policy { input, output, forward });
    (vec(rule(), 0..12), policy).prop_map(|(rules, policy)| Arc::new(Ruleset { rules, policy }))
}

/// The same for no time in particular, where half of the rules count at some times only.
pub(crate) fn timeless_ruleset() -> impl Strategy<Value = Ruleset> {
    (ruleset(), vec(any::<bool>(), 12)).prop_map(|(ruleset, timed)| {
        let mut ruleset = Ruleset::clone(&ruleset);
        for (rule, _) in ruleset.rules.iter_mut().zip(timed).filter(|(_, timed)| *timed) {
            rule.standing = Standing::Sometimes;
        }
        ruleset
    })
}

/// As many rules of the same kind: enough for every way of looking them up.
pub(crate) fn many_rules(number: std::ops::Range<usize>) -> impl Strategy<Value = Arc<Ruleset>> {
    let policy =
        Policy { input: Some(Action::Drop), output: Some(Action::Reject), forward: Some(Action::Accept) };
    vec(rule(), number).prop_map(move |rules| Arc::new(Ruleset { rules, policy }))
}

fn rule() -> impl Strategy<Value = Rule> {
    let hooks = subsequence(&Hook::ALL[..], 1..=3).prop_map(|hooks| hooks.into_iter().collect());
    (hooks, matches(), select(&Action::ALL[..]), standing()).prop_map(|(hooks, matches, action, standing)| {
        Rule { hooks, matches, standing, ..Rule::new("rule", action) }
    })
}

/// Most rules count.
fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        20 => Just(Standing::InForce),
        1 => Just(Standing::Expired),
        2 => Just(Standing::Resting),
    ]
}

fn matches() -> impl Strategy<Value = Match> {
    let interfaces = [interfaces(), interfaces(), interfaces()];
    let addresses = [addresses(), addresses()];
    let ports = [ports(), ports()];
    (interfaces, addresses, ports, protocols(), icmp_types(), tcp_flags(), states(), users()).prop_map(
        |(interfaces, addresses, ports, protocol, icmp_type, tcp_flags, state, user)| {
            let [interface, in_interface, out_interface] = interfaces;
            let [source, destination] = addresses;
            let [source_port, port] = ports;
            Match {
                interface,
                in_interface,
                out_interface,
                protocol,
                source,
                destination,
                source_port,
                port,
                icmp_type,
                tcp_flags,
                state,
                user,
            }
        },
    )
}

/// A field that few rules name: some of `all`, and whether they are negated.
fn field<T: Copy + Debug>(all: &'static [T]) -> impl Strategy<Value = Option<(Vec<T>, bool)>> {
    weighted(0.15, (subsequence(all, 1..all.len()), any::<bool>()))
}

fn interfaces() -> impl Strategy<Value = Option<InterfaceSet>> {
    let patterns = || {
        subsequence(&PATTERNS[..], 0..3)
            .prop_map(|texts| texts.into_iter().filter_map(InterfacePattern::parse).collect())
    };
    weighted(0.15, (patterns(), patterns()).prop_map(|(any_of, none_of)| InterfaceSet { any_of, none_of }))
}

fn addresses() -> impl Strategy<Value = Option<Arc<AddressSet>>> {
    let both: &'static [IpAddr] = const { &[V4[0], V4[1], V4[2], V6[0], V6[1], V6[2]] };
    field(both).prop_map(|field| {
        let (addresses, negated) = field?;
        let set = AddressSet::from_ranges(addresses.into_iter().map(|address| (address, address)));
        Some(Arc::new(if negated { set.complement() } else { set }))
    })
}

fn ports() -> impl Strategy<Value = Option<RangeSet<u16>>> {
    field(&PORTS).prop_map(|field| {
        let (ports, negated) = field?;
        let set: RangeSet<u16> = ports.into_iter().map(|port| (port, port)).collect();
        Some(if negated { set.complement() } else { set })
    })
}

fn users() -> impl Strategy<Value = Option<RangeSet<u32>>> {
    field(&USERS).prop_map(|field| {
        let (users, negated) = field?;
        let set: RangeSet<u32> = users.into_iter().map(|user| (user, user)).collect();
        Some(if negated { set.complement() } else { set })
    })
}

fn protocols() -> impl Strategy<Value = Option<ByteSet>> {
    field(&PROTOCOLS).prop_map(|field| {
        let (protocols, negated) = field?;
        let set: ByteSet = protocols.into_iter().map(|protocol| protocol.0).collect();
        Some(if negated { set.complement() } else { set })
    })
}

fn tcp_flags() -> impl Strategy<Value = Option<ByteSet>> {
    field(&FLAGS).prop_map(|field| {
        let (flags, negated) = field?;
        let set: ByteSet = flags.into_iter().collect();
        Some(if negated { set.complement() } else { set })
    })
}

fn states() -> impl Strategy<Value = Option<StateSet>> {
    field(&State::ALL).prop_map(|field| {
        let (states, negated) = field?;
        let set: StateSet = states.into_iter().collect();
        Some(if negated { set.complement() } else { set })
    })
}

fn icmp_types() -> impl Strategy<Value = Option<IcmpSet>> {
    field(&ICMP).prop_map(|field| {
        let (types, negated) = field?;
        let numbers = types.iter().map(|&(kind, code)| u16::from_be_bytes([kind, code]));
        let v4: RangeSet<u16> = numbers.map(|number| (number, number)).collect();
        let set = IcmpSet { v6: v4.clone(), v4 };
        Some(if negated { set.complement() } else { set })
    })
}

/// Keys as packets have them: the parts that the protocol has, the facts that the hook has. Facts
/// that the hook has may also be unknown, or absent, as the user of what the kernel itself sends.
pub(crate) fn key() -> impl Strategy<Value = Key> {
    (known_key(), doubt(), doubt(), doubt()).prop_map(|(key, in_interface, out_interface, user)| Key {
        in_interface: in_interface.of(key.in_interface),
        out_interface: out_interface.of(key.out_interface),
        user: user.of(key.user),
        ..key
    })
}

/// What becomes of a known fact.
#[derive(Debug, Clone, Copy)]
enum Doubt {
    Keep,
    Forget,
    Remove,
}

fn doubt() -> impl Strategy<Value = Doubt> {
    prop_oneof![2 => Just(Doubt::Keep), 2 => Just(Doubt::Forget), 1 => Just(Doubt::Remove)]
}

impl Doubt {
    fn of<T>(self, fact: Fact<T>) -> Fact<T> {
        match (self, fact) {
            (Self::Forget, Fact::Known(_)) => Fact::Unknown,
            (Self::Remove, Fact::Known(_)) => Fact::Absent,
            (_, fact) => fact,
        }
    }
}

/// Keys of which every fact is known that the hook has.
pub(crate) fn known_key() -> impl Strategy<Value = Key> {
    let place =
        (select(&Hook::ALL[..]), select(&INTERFACES[..]), select(&INTERFACES[..]), select(&USERS[..]));
    let addresses = prop_oneof![[select(&V4[..]), select(&V4[..])], [select(&V6[..]), select(&V6[..])]];
    let ports = [select(&PORTS[..]), select(&PORTS[..])];
    let rest = (select(&ICMP[..]), select(&FLAGS[..]), select(&State::ALL[..]));
    (place, addresses, select(&PROTOCOLS[..]), ports, rest).prop_map(
        |((hook, came_in, goes_out, user), [source, destination], protocol, ports, (icmp, flags, state))| {
            Key {
                hook,
                in_interface: if hook == Hook::Output {
                    Fact::Absent
                } else {
                    Fact::Known(interface(came_in))
                },
                out_interface: if hook == Hook::Input {
                    Fact::Absent
                } else {
                    Fact::Known(interface(goes_out))
                },
                source,
                destination,
                protocol,
                ports: protocol.has_ports().then_some(Ports { source: ports[0], destination: ports[1] }),
                icmp: protocol.is_icmp().then_some(IcmpType { kind: icmp.0, code: icmp.1 }),
                tcp_flags: (protocol == Protocol::TCP).then_some(TcpFlags(flags)),
                state,
                user: if hook == Hook::Output { Fact::Known(user) } else { Fact::Absent },
            }
        },
    )
}

/// Every key that `key` may turn out to be, once its unknown facts are known.
pub(crate) fn completions(key: &Key) -> Vec<Key> {
    let interfaces = INTERFACES.map(interface);
    let mut keys = Vec::new();
    for in_interface in values(key.in_interface, &interfaces) {
        for out_interface in values(key.out_interface, &interfaces) {
            for user in values(key.user, &USERS) {
                keys.push(Key { in_interface, out_interface, user, ..*key });
            }
        }
    }
    keys
}

fn values<T: Copy>(fact: Fact<T>, all: &[T]) -> Vec<Fact<T>> {
    match fact {
        Fact::Unknown => all.iter().copied().map(Fact::Known).chain([Fact::Absent]).collect(),
        fact => vec![fact],
    }
}

fn interface(name: &str) -> InterfaceName {
    InterfaceName::new(name).expect("the names here are valid")
}
