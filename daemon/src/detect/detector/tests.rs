use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    detect::{Pattern, Severity},
    log::sample::{at, later, tcp, udp},
};

const US: &str = "192.0.2.1";
fn settings() -> Detect {
    Detect { window: Duration::from_secs(120), ..Detect::default() }
}

fn run(events: impl IntoIterator<Item = Event>) -> Vec<IncidentRecord> {
    let mut detector = Detector::new(settings());
    let mut records: Vec<_> = events.into_iter().flat_map(|event| detector.observe(&event)).collect();
    records.extend(detector.tick(Timestamp::MAX));
    assert_eq!(detector.next_deadline(), None);
    records
}

fn phases(records: &[IncidentRecord]) -> Vec<(Phase, i64)> {
    let seconds = |record: &IncidentRecord| record.timestamp.duration_since(at(0)).as_secs();
    records.iter().map(|record| (record.incident.phase, seconds(record))).collect()
}

#[test]
fn a_scan_is_one_incident() {
    let ports = (1..=1000_u16).map(|port| later(i64::from(port) * 10, tcp("203.0.113.9", 40000, US, port)));
    let records = run(ports);
    assert_eq!(phases(&records), [(Phase::Start, 0), (Phase::Update, 60), (Phase::End, 130)]);
    let end = &records[2].incident;
    assert_eq!((end.packets, end.distinct_ports, end.distinct_hosts), (1000, 1000, 1));
    assert_eq!((end.pattern, end.severity, end.sample_ports.len()), (Pattern::PortScan, Severity::High, 16));
    assert_eq!((end.first_seen, end.last_seen), (at(10), at(10_000)));
    assert_eq!(records[0].incident.id, end.id);
    assert_eq!(
        records[2].summary,
        "port scan is over: 203.0.113.9 tried 1000 closed ports of 192.0.2.1, 1000 packets in 9 s"
    );
}

#[test]
fn shapes() {
    let sweep = (1..=20).map(|host| later(host, tcp("203.0.113.9", 40000, &format!("192.0.2.{host}"), 22)));
    let records = run(sweep);
    assert_eq!(records[2].incident.pattern, Pattern::HostSweep);
    assert!(records[2].summary.contains("tried port 22/tcp of 20 hosts"), "{}", records[2].summary);
    let block = (0..20).map(|n| {
        later(i64::from(n), tcp("2001:db8::7", 40000, &format!("2001:db8:1::{}", n % 4), 22 + n % 5))
    });
    let records = run(block);
    assert_eq!(records[2].incident.pattern, Pattern::BlockScan);
    assert_eq!(records[2].incident.source, "2001:db8::/64");
}

#[test]
fn what_is_new_is_told_after_1_10_and_60_minutes() {
    let minutes = |n: u16| i64::from(n) * 60_000;
    let probes = (0..90_u16).flat_map(|minute| {
        (0..10).map(move |port| later(minutes(minute), tcp("203.0.113.9", 40000, US, minute * 10 + port)))
    });
    let expected = [
        (Phase::Start, 0),
        (Phase::Update, 60),
        (Phase::Update, 600),
        (Phase::Update, 3600),
        (Phase::End, 89 * 60 + 120),
    ];
    assert_eq!(phases(&run(probes)), expected);
}

#[test]
fn addresses_of_one_ipv6_prefix_are_one_source() {
    let probe = |n: u16| later(i64::from(n), tcp(&format!("2001:db8::{n}"), 40000, "2001:db8:1::1", n));
    assert_eq!(run((1..=6).map(probe)).len(), 2);
    let probe = |n: u16| later(i64::from(n), tcp(&format!("203.0.113.{n}"), 40000, US, n));
    assert!(run((1..=60).map(probe)).is_empty());
}

#[test]
fn benign_traffic_is_no_incident() {
    let second = |n: i64| n * 1000;
    let retries = (0..3600).map(|n| later(second(n), tcp("203.0.113.9", 40000, US, 3389)));
    assert!(run(retries).is_empty(), "one door, tried for an hour");
    let few = (0..3600_u16).map(|n| later(second(n.into()), tcp("203.0.113.9", 40000, US, 5000 + n % 5)));
    assert!(run(few).is_empty(), "five doors, tried for an hour");
    let slow = (0..100_u16).map(|n| later(second(i64::from(n) * 25), tcp("203.0.113.9", 40000, US, n)));
    assert!(run(slow).is_empty(), "five doors in each window");
    let quic = (0..1000_u16).map(|n| later(n.into(), udp("203.0.113.9", 443, US, 40_000 + n)));
    assert!(run(quic).is_empty(), "late replies");
}

#[test]
fn doors_that_are_known_do_not_count_again_when_they_are_out_of_the_window() {
    let knock = |second: i64, port| later(second * 1000, tcp("203.0.113.9", 40000, US, port));
    let polled = (0..10).flat_map(|round| (1..=3).map(move |port| knock(round * 60, port)));
    let later =
        polled.chain((4..=6).map(|port| knock(600, port))).chain((1..=3).map(|port| knock(601, port)));
    assert!(run(later).is_empty());
}

#[test]
fn memory_is_bounded_and_a_slow_scan_survives_a_flood() {
    let mut detector = Detector::new(settings());
    let mut records = Vec::new();
    for n in 0..60_000_u32 {
        let source = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
        records.extend(detector.observe(&later(i64::from(n), tcp(&source, 40000, US, 23))));
        if n % 10_000 < 2 {
            let port = u16::try_from(n % 10_000 + n / 10_000).unwrap();
            records.extend(detector.observe(&later(i64::from(n), tcp("203.0.113.9", 40000, US, port))));
        }
        assert!(detector.tracks.len() <= MOST_TRACKS);
        assert_eq!(detector.tracks.len(), detector.by_worth.len());
    }
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].src_ip.to_string(), "203.0.113.9");
}

#[test]
fn incidents_are_bounded_and_what_is_pushed_out_is_closed() {
    let mut detector = Detector::new(settings());
    let mut records = Vec::new();
    for n in 0..2000_u32 {
        let source = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
        for port in 1..=6 {
            records.extend(detector.observe(&later(i64::from(n), tcp(&source, 40000, US, port))));
        }
        assert!(detector.scans.len() <= MOST_SCANS);
    }
    records.extend(detector.finish(at(3000)));
    let count = |phase| records.iter().filter(|record| record.incident.phase == phase).count();
    assert_eq!((count(Phase::Start), count(Phase::End)), (2000, 2000));
}

proptest! {
    /// Workers' events interleave by chance: sources are judged as if each were alone.
    #[test]
    fn sources_do_not_influence_each_other(
        probes in prop::collection::vec((0_i64..600_000, 1_u8..5, 0_u16..12), 1..200)
    ) {
        let mut probes = probes;
        probes.sort();
        let event = |&(time, host, port): &(i64, u8, u16)| {
            later(time, tcp(&format!("203.0.113.{host}"), 40000, US, port))
        };
        let by_source = |records: Vec<IncidentRecord>| {
            let mut map = BTreeMap::<String, Vec<IncidentRecord>>::new();
            for record in records {
                map.entry(record.incident.source.clone()).or_default().push(record);
            }
            map
        };
        let together = by_source(run(probes.iter().map(event)));
        let mut alone = BTreeMap::new();
        for host in 1..5 {
            alone.extend(by_source(run(probes.iter().filter(|probe| probe.1 == host).map(event))));
        }
        prop_assert_eq!(&together, &alone);
        for records in together.values() {
            let starts = records.iter().filter(|record| record.incident.phase == Phase::Start).count();
            let ends = records.iter().filter(|record| record.incident.phase == Phase::End).count();
            prop_assert_eq!(starts, ends);
        }
    }
}
