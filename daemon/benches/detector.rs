//! What a contact costs the detector, and whether millions of forged sources hide a slow scanner.
//!
//! `cargo bench -p portcullis --bench detector`

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use jiff::{SignedDuration, Timestamp};
use portcullis::detect::{Contact, Detector, IncidentRecord, News};
use portcullis_config::Detect;
use portcullis_rules::{Ports, Protocol, TcpFlags};

const SCANNER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

fn syn(time: Timestamp, source: IpAddr, port: u16) -> Contact {
    Contact {
        time,
        packet: 0,
        source,
        destination: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
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
    let mixed = number.wrapping_mul(2_654_435_761);
    let octets = mixed.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(20 + octets[0] % 100, octets[1], octets[2], octets[3]))
}

/// Four million forged sources over ten hours, and a scanner that tries a door an hour. Prints which of
/// its probes it is found by.
fn flood(name: &str, port: impl Fn(u32) -> u16) {
    const SOURCES: u32 = 4_000_000;
    const HOURS: u32 = 12;
    let start = Timestamp::from_second(1_800_000_000).expect("a time");
    let mut detector = Detector::new(Detect::default(), [0x5ca1_ab1e, 0x00de_c0de]);
    let mut found = None;
    let mut spent = std::time::Duration::ZERO;
    let about = |records: &[IncidentRecord]| {
        records.iter().any(|record| record.incident.source == SCANNER.to_string())
    };
    let each = SOURCES / HOURS;
    for hour in 0..HOURS {
        let begin = start + SignedDuration::from_hours(hour.into());
        let probe = syn(begin, SCANNER, 20 + u16::try_from(hour).expect("small"));
        let mut records = detector.observe(&probe);
        let clock = Instant::now();
        for number in 0..each {
            let number = hour * each + number;
            let time =
                begin + SignedDuration::from_millis(i64::from(number % each) * 3_600_000 / i64::from(each));
            let more = detector.observe(&syn(time, forged(number), port(number)));
            if !more.is_empty() {
                records.extend(more);
            }
        }
        spent += clock.elapsed();
        if about(&records) {
            found.get_or_insert(hour + 1);
        }
    }
    let nanos = spent.as_nanos() / u128::from(SOURCES);
    let found = found.map_or_else(|| "not found".to_owned(), |probe| format!("found by its probe {probe}"));
    println!("{name}: {nanos} ns a contact; the slow scanner is {found}");
}

fn main() {
    let port = |number: u32| u16::try_from(1 + number % 60_000).expect("small");
    flood("4 million forged sources, all ports", port);
    flood("4 million forged sources, one port ", |_| 4444);
    let detector = Detector::new(Detect::default(), [1, 2]);
    println!("state: at most {} KiB", detector.most_bytes() >> 10);
}
