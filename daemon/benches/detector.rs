//! What a contact costs the detector, and whether millions of forged sources hide a slow scanner.
//!
//! `cargo bench -p portcullis --bench detector [-- WORD]`: the scenes whose names have the word in them.

use std::{
    env,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use portcullis::detect::{Contact, Detector, News};
use portcullis_config::Detect;
use portcullis_rules::{IcmpType, Ports, Protocol, TcpFlags};

const SCANNER: IpAddr = IpAddr::V4(Ipv4Addr::new(193, 0, 14, 129));
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(185, 7, 4, 1));
/// Contacts that are made before the clock runs, so that it runs for the detector alone.
const BATCH: u32 = 256;

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

fn syn(time: Timestamp, source: IpAddr, port: u16) -> Contact {
    Contact {
        time,
        packet: 0,
        source,
        destination: HOST,
        protocol: Protocol::TCP,
        ports: Some(Ports { source: 40_000, destination: port }),
        flags: TcpFlags::SYN,
        window: 64240,
        icmp: None,
        ttl: 60,
        length: 60,
        news: News::Refused,
    }
}

/// A different address for each number, none of them reserved.
fn forged(number: u32) -> IpAddr {
    let octets = number.wrapping_mul(2_654_435_761).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(20 + octets[0] % 100, octets[1], octets[2], octets[3]))
}

/// Shows `many` contacts to a detector, and tells what one costs.
fn time(detector: &mut Detector, many: u32, contact: impl Fn(u32) -> Contact) -> Duration {
    let mut spent = Duration::ZERO;
    let mut batch = Vec::with_capacity(BATCH as usize);
    for first in (0..many).step_by(BATCH as usize) {
        batch.clear();
        batch.extend((first..many.min(first + BATCH)).map(&contact));
        let clock = Instant::now();
        for contact in &batch {
            black_box(detector.observe(contact));
        }
        spent += clock.elapsed();
    }
    spent / many
}

fn detector() -> Detector {
    Detector::new(Detect::default(), [0x5ca1_ab1e, 0x00de_c0de])
}

/// Four million forged sources over twelve hours, and a scanner that tries a door an hour.
fn flood(port: impl Fn(u32) -> u16) -> String {
    const SOURCES: u32 = 4_000_000;
    const HOURS: u32 = 12;
    let each = SOURCES / HOURS;
    let mut detector = detector();
    let mut spent = Duration::ZERO;
    let mut found = None;
    for hour in 0..HOURS {
        let begin = start() + SignedDuration::from_hours(hour.into());
        let probe = syn(begin, SCANNER, 20 + u16::try_from(hour).expect("small"));
        detector.observe(&probe);
        let settled = detector.tick(begin + SignedDuration::from_secs(1));
        if settled.iter().any(|record| record.incident.source == SCANNER.to_string()) {
            found.get_or_insert(hour + 1);
        }
        spent += time(&mut detector, each, |number| {
            let millis = 1000 + i64::from(number) * 3_590_000 / i64::from(each);
            let number = hour * each + number;
            syn(begin + SignedDuration::from_millis(millis), forged(number), port(number))
        });
    }
    let found = found.map_or_else(|| "not found".to_owned(), |probe| format!("found by its probe {probe}"));
    format!("{} ns a contact; the slow scanner is {found}", (spent / HOURS).as_nanos())
}

/// A million contacts, a tenth of a millisecond apart.
fn million(contact: impl Fn(u32, Timestamp) -> Contact) -> String {
    let at = |number: u32| start() + SignedDuration::from_micros(i64::from(number) * 100);
    let spent = time(&mut detector(), 1_000_000, |number| contact(number, at(number)));
    format!("{} ns a contact", spent.as_nanos())
}

fn small(number: u32) -> u16 {
    u16::try_from(number % 60_000).expect("small")
}

/// What a busy server hears: 3000 clients of its services, told of twice, some of whom are wrong now and
/// then; its own questions; late answers; the Internet's background.
fn mixed(number: u32, time: Timestamp) -> Contact {
    let mixed = number.wrapping_mul(2_654_435_761) >> 7;
    let client = forged(mixed % 3000);
    let port = [443, 80, 443, 993, 25, 443, 443, 22][(mixed / 3000 % 8) as usize];
    let known = Contact {
        ports: Some(Ports { source: 1024 + small(number / 2), destination: port }),
        ..syn(time, client, port)
    };
    match number % 20 {
        0..=8 => Contact { news: News::Accepted, ..known },
        9..=16 => Contact { news: News::Completed(1), ..known },
        17 => Contact {
            source: HOST,
            destination: client,
            protocol: Protocol::UDP,
            flags: TcpFlags(0),
            news: News::Sent,
            ..known
        },
        18 => Contact { flags: TcpFlags(TcpFlags::RST.0 | TcpFlags::ACK.0), news: News::Refused, ..known },
        _ if number.is_multiple_of(3) => Contact {
            protocol: Protocol::ICMP,
            ports: None,
            icmp: Some(IcmpType { kind: 8, code: 0 }),
            news: News::Accepted,
            ..known
        },
        _ => syn(time, client, [8443, 445, 8080][(mixed % 3) as usize]),
    }
}

fn main() {
    // Cargo adds `--bench`.
    let word = env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let scenes: [(&str, &dyn Fn() -> String); 6] = [
        ("4 million forged sources, all ports", &|| flood(|number| 1 + small(number))),
        ("4 million forged sources, one port", &|| flood(|_| 4444)),
        ("forged sources, 10,000 a second", &|| {
            million(|number, time| syn(time, forged(number), 1 + small(number)))
        }),
        ("one scanner, all ports of a host", &|| {
            million(|number, time| syn(time, SCANNER, 1 + small(number)))
        }),
        ("one scanner, a block of hosts", &|| {
            million(|number, time| {
                let [.., net, host] = (number & 0x1fff | 1).to_be_bytes();
                let host = IpAddr::V4(Ipv4Addr::new(185, 7, net, host));
                Contact { destination: host, ..syn(time, SCANNER, 1 + small(number / 8192)) }
            })
        }),
        ("a busy server's honest clients", &|| million(mixed)),
    ];
    for (name, scene) in scenes.iter().filter(|(name, _)| name.contains(&word)) {
        println!("{name:36} {}", scene());
    }
    println!("state: at most {} KiB", detector().most_bytes() >> 10);
}
