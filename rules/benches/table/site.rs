//! IPv6 as a site writes it, and the lists that it has from others.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use portcullis_rules::{AddressSet, Match, Ports, RangeSet};

use crate::{
    generate::Random,
    set::{Scene, key, ruleset},
};

/// What all hosts of a link, or the whole world, are known by.
const EVERYWHERE: [&str; 7] =
    ["fe80::/10", "ff00::/8", "ff02::/16", "fc00::/7", "::/128", "::ffff:0:0/96", "2001:db8::/32"];

/// A site with as many networks as it has need of, whose rules name its hosts, their peers elsewhere, and what
/// every IPv6 firewall names.
pub(crate) fn site(count: usize) -> Scene {
    let random = &mut Random::new(count as u64);
    let site = 0x3fff_00c0_0005_u128 << 80;
    let networks: Vec<u128> =
        (0..2 + count as u128 / 50).map(|_| site | u128::from(random.below(1 << 12)) << 64).collect();
    let mut hosts: Vec<(u128, u32)> = (0..2 + count / 3)
        .map(|_| {
            let host = match random.below(4) {
                0 => u128::from(random.next()),
                // Made of a hardware address.
                1 => u128::from(random.next() & !(0xffff << 24) | 0xfffe << 24),
                _ => u128::from(random.below(512)),
            };
            (random.one_of(&networks) | host, 128)
        })
        .collect();
    hosts.extend(networks.iter().map(|&network| (network, 64)));
    let peers: Vec<(u128, u32)> = (0..1 + count / 10).map(|_| elsewhere(random)).collect();
    let everywhere = EVERYWHERE.map(|text| {
        let prefix: ipnet::Ipv6Net = text.parse().expect("a prefix");
        (prefix.network().to_bits(), u32::from(prefix.prefix_len()))
    });
    let mut sides = vec![[Some(everywhere[0]), Some(everywhere[2])], [Some(everywhere[0]); 2]];
    sides.extend(everywhere[3..].iter().map(|&bogon| [Some(bogon), None]));
    sides.truncate(count - 2);
    while sides.len() < count - 2 {
        let peer = match random.below(10) {
            0..4 => None,
            4..7 => Some(random.one_of(&peers)),
            _ => Some(random.one_of(&hosts)),
        };
        let sides_of = [peer, Some(random.one_of(&hosts))];
        sides.push(if random.below(4) == 0 { [sides_of[1], sides_of[0]] } else { sides_of });
    }
    sides.extend([[None, Some(everywhere[1])], [Some((site, 48)), None]]);
    let keys = (0..100_000).map(|_| {
        let addresses = random.one_of(&sides).map(|side| match side {
            _ if random.below(10) == 0 => host_in(elsewhere(random), random),
            Some(prefix) => host_in(prefix, random),
            None => host_in(elsewhere(random), random),
        });
        let [source, destination] = addresses.map(|address| IpAddr::V6(address.into()));
        key(source, destination, 6, Some(ports(random)))
    });
    let keys = keys.collect();
    let matches = sides.iter().map(|&[source, destination]| Match {
        source: source.map(set_of),
        destination: destination.map(set_of),
        port: (random.below(3) > 0).then(|| one_port(random)),
        protocol: Some([6].into_iter().collect()),
        ..Match::default()
    });
    Scene { name: format!("IPv6 site {count}"), v6: true, ruleset: ruleset(matches), keys, expected: None }
}

/// `lists` blocklists, with so many lines in all of them; and a few more rules.
pub(crate) fn blocklists(lists: usize, lines: usize, v6: bool) -> Scene {
    blocked(format!("{lists} lists of {}k lines", lines / lists / 1000), lists, lines, v6, line)
}

/// A set of so many single addresses.
pub(crate) fn hosts(count: usize, v6: bool) -> Scene {
    blocked(format!("set of {}k hosts", count / 1000), 1, count, v6, |random, v6| {
        let (first, _) = line(random, v6);
        (first, first)
    })
}

fn blocked(
    name: String,
    lists: usize,
    lines: usize,
    v6: bool,
    line: impl Fn(&mut Random, bool) -> (u128, u128),
) -> Scene {
    let random = &mut Random::new(lines as u64);
    let ranges: Vec<(u128, u128)> = (0..lines).map(|_| line(random, v6)).collect();
    let address = |bits: u128| -> IpAddr {
        if v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4((bits as u32).into()) }
    };
    let ours = if v6 { "3fff:c0:5::/48" } else { "198.51.100.0/24" };
    let ours: IpNet = ours.parse().expect("a prefix");
    let mut matches: Vec<Match> = ranges
        .chunks(lines.div_ceil(lists))
        .enumerate()
        .map(|(number, ranges)| Match {
            source: Some(Arc::new(AddressSet::from_ranges(
                ranges.iter().map(|&(first, last)| (address(first), address(last))),
            ))),
            port: (number > 0).then(|| one_port(random)),
            ..Match::default()
        })
        .collect();
    matches.extend((0..10).map(|_| Match {
        destination: Some(Arc::new(AddressSet::from_prefixes([ours]))),
        port: Some(one_port(random)),
        ..Match::default()
    }));
    let keys = (0..100_000).map(|_| {
        let (first, last) = random.one_of(&ranges);
        let source = match random.below(4) {
            0 | 1 => random_in(first, last, random),
            2 => first ^ u128::from(random.below(256)),
            _ => line(random, v6).0,
        };
        key(address(source), ours.network(), 6, Some(ports(random)))
    });
    let keys = keys.collect();
    Scene { name, v6, ruleset: ruleset(matches.into_iter()), keys, expected: None }
}

/// A line of a blocklist: bad hosts come in bad neighbourhoods.
fn line(random: &mut Random, v6: bool) -> (u128, u128) {
    let neighbourhoods = 256 << random.below(7);
    let mut near = Random::new(random.below(neighbourhoods));
    let ((network, length), bits, shorter) = if v6 {
        (elsewhere(&mut near), 128, [128, 128, 64, 64, 56, 48])
    } else {
        ((u128::from(near.below(0xdf00) << 16 | 1 << 24), 16), 32, [32, 32, 32, 24, 24, 22])
    };
    let first = host_in((network, length.min(bits - 16)), random);
    if random.below(10) == 0 {
        return (first, first + u128::from(random.below(200)));
    }
    let host = u128::MAX.checked_shr(128 - bits + random.one_of(&shorter)).unwrap_or(0);
    (first & !host, first | host)
}

/// A network, or a host, that is somebody's.
fn elsewhere(random: &mut Random) -> (u128, u32) {
    let allocated: [u16; 9] = [0x2001, 0x2400, 0x2600, 0x2607, 0x2804, 0x2a00, 0x2a01, 0x2a02, 0x2a0e];
    let network = u128::from(random.one_of(&allocated)) << 112 | u128::from(random.next() >> 16) << 64;
    let length = random.one_of(&[32, 40, 48, 48, 56, 64, 64]);
    if random.below(4) == 0 {
        return (network | u128::from(random.below(1000)), 128);
    }
    (network & !(u128::MAX >> length), length)
}

fn host_in((network, length): (u128, u32), random: &mut Random) -> u128 {
    let last = network | u128::MAX.checked_shr(length).unwrap_or(0);
    random_in(network, last, random)
}

fn random_in(first: u128, last: u128, random: &mut Random) -> u128 {
    let any = u128::from(random.next()) << 64 | u128::from(random.next());
    match last - first {
        u128::MAX => any,
        between => first + any % (between + 1),
    }
}

fn set_of((network, length): (u128, u32)) -> Arc<AddressSet> {
    let last = network | u128::MAX.checked_shr(length).unwrap_or(0);
    Arc::new(AddressSet::from_ranges([(IpAddr::V6(network.into()), IpAddr::V6(last.into()))]))
}

fn one_port(random: &mut Random) -> RangeSet<u16> {
    let port = random.one_of(&crate::generate::SERVICES);
    [(port, port)].into_iter().collect()
}

fn ports(random: &mut Random) -> Ports {
    let destination = random.one_of(&crate::generate::SERVICES);
    Ports { source: random.next() as u16, destination }
}
