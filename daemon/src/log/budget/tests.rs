use proptest::prelude::*;

use super::*;
use crate::log::sample::{EVERY, QUIET, WEB, at, by, later, malformed, tcp, udp};

const US: &str = "192.0.2.1";

/// What becomes of events that come in this order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    written: u64,
    counted: u64,
    silent: u64,
    summaries: u64,
}

fn feed(budget: &mut Budget, events: impl IntoIterator<Item = Event>) -> Told {
    let mut told = Told::default();
    for event in events {
        told.summaries += budget.due(event.time).iter().map(|summary| summary.count).sum::<u64>();
        match budget.admit(&event) {
            Admission::Write => told.written += 1,
            Admission::Counted => told.counted += 1,
            Admission::Silent => told.silent += 1,
        }
    }
    told
}

#[test]
fn the_first_five_are_written_and_the_rest_counted_until_the_minute_ends() {
    let mut budget = Budget::default();
    let knocks = (0..100).map(|n| later(n, tcp("203.0.113.9", 40000, US, 23)));
    let told = feed(&mut budget, knocks);
    assert_eq!(told, Told { written: 5, counted: 95, ..Told::default() });
    // The sample time is 08:26:45.
    let end = at(0).as_second() + 15;
    assert_eq!(budget.deadline(), Some(Timestamp::from_second(end).unwrap()));
    assert!(budget.due(at(14_000)).is_empty());
    let summaries = budget.due(at(15_000));
    assert_eq!(
        summaries.iter().map(|summary| (summary.count, summary.last)).collect::<Vec<_>>(),
        [(95, at(99))]
    );
    assert_eq!(budget.deadline(), None);
    let told = feed(&mut budget, [later(15_001, tcp("203.0.113.9", 40000, US, 23))]);
    assert_eq!(told.written, 1, "a new minute");
}

#[test]
fn sources_doors_rules_and_reasons_are_kept_apart() {
    let mut budget = Budget::default();
    let knock = || tcp("203.0.113.9", 40000, US, 23);
    let returning = Event { reason: Some(Reason::FlowCut), ..knock() };
    let kinds = [
        knock(),
        tcp("203.0.113.10", 40000, US, 23),
        tcp("203.0.113.9", 40000, US, 24),
        udp("203.0.113.9", 40000, US, 23),
        Event { hook: Hook::Forward, ..knock() },
        returning,
        malformed(),
    ];
    let told = feed(&mut budget, kinds.iter().flat_map(|event| vec![event.clone(); 7]));
    assert_eq!((told.written, told.counted), (7 * 5, 7 * 2));
    assert_eq!(budget.flush().len(), 7);
}

#[test]
fn a_rule_says_how_much_it_wants() {
    let told = |rule| {
        let knocks = (0..20).map(|n| by(rule, later(n, tcp("203.0.113.9", 40000, US, 80))));
        feed(&mut Budget::default(), knocks)
    };
    assert_eq!(told(QUIET), Told { silent: 20, ..Told::default() });
    assert_eq!(told(EVERY), Told { written: 20, ..Told::default() });
    assert_eq!(told(WEB), Told { written: 20, ..Told::default() });
    let accepted = Event { action: Action::Accept, reason: None, ..tcp("203.0.113.9", 40000, US, 80) };
    assert_eq!(feed(&mut Budget::default(), [accepted]), Told { silent: 1, ..Told::default() });
}

#[test]
fn a_flood_is_counted_and_not_written() {
    let mut budget = Budget::default();
    let flood = (0..100_000_u32).map(|n| {
        let source = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
        later(i64::from(n / 10_000), tcp(&source, 40000, US, 23))
    });
    let told = feed(&mut budget, flood);
    assert_eq!(told.written, u64::from(PACKETS_A_SECOND));
    assert!(budget.entries.len() <= TABLE);
    let summaries = budget.flush();
    assert!(summaries.len() <= TABLE + 3);
    assert_eq!(summaries.iter().map(|summary| summary.count).sum::<u64>(), told.counted);
    assert_eq!(summaries.iter().filter(|summary| summary.scope == Scope::Various).count(), 1);
    let every = (0..2000).map(|n| by(EVERY, later(60_000 + n / 10, tcp("203.0.113.9", 40000, US, 23))));
    assert_eq!(feed(&mut budget, every).written, u64::from(PACKETS_A_SECOND));
}

#[test]
fn a_long_flood_writes_no_more_in_a_minute_than_a_short_one() {
    let mut budget = Budget::default();
    // 14 seconds of the minute, five of each source's seven packets worth a record of their own.
    let flood = (0..14_000_u32).map(|n| {
        let source = std::net::Ipv4Addr::from(0x0a00_0000 + n % 2000).to_string();
        later(i64::from(n), tcp(&source, 40000, US, 23))
    });
    assert_eq!(feed(&mut budget, flood).written, u64::from(PACKETS_A_MINUTE));
    let next = feed(&mut budget, [later(15_001, tcp("203.0.113.9", 40000, US, 23))]);
    assert_eq!(next.written, 1, "a new minute");
}

#[test]
fn a_clock_that_goes_back_ends_the_minute() {
    let mut budget = Budget::default();
    feed(&mut budget, (0..10).map(|n| later(n, tcp("203.0.113.9", 40000, US, 23))));
    assert!(budget.due(at(-60_000)).is_empty(), "slightly out of order");
    assert_eq!(budget.due(at(-3_600_000)).len(), 1);
}

proptest! {
    #[test]
    fn every_packet_is_written_or_counted_in_a_summary(
        knocks in prop::collection::vec((0_i64..180_000, 0_u8..6, 0_u16..4), 1..400)
    ) {
        let mut knocks = knocks;
        knocks.sort();
        let mut budget = Budget::default();
        let blocked = knocks.len() as u64;
        let told = feed(&mut budget, knocks.into_iter().map(|(time, host, port)| {
            later(time, tcp(&format!("203.0.113.{host}"), 40000, US, port))
        }));
        let last: u64 = budget.flush().iter().map(|summary| summary.count).sum();
        prop_assert_eq!(told.written + told.counted, blocked);
        prop_assert_eq!(told.summaries + last, told.counted);
        prop_assert_eq!(budget.deadline(), None);
    }
}
