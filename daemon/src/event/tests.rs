use std::{sync::atomic::Ordering::Relaxed, thread};

use super::*;
use crate::{
    counters::Counters,
    log::sample::{WEB, by, echo, later, malformed, monitored, tcp, udp},
};

struct Way {
    reporter: Reporter,
    reports: Reports,
    counters: Arc<Counters>,
}

impl Way {
    fn new() -> Self {
        let (ring, reports) = ring();
        let counters = Arc::<Counters>::default();
        let reporter = Reporter::new(ring, thread::current(), Arc::clone(&counters));
        Self { reporter, reports, counters }
    }

    fn tell(&mut self, event: Event) {
        let (event, generation) = event.without();
        self.reporter.report(event, &generation);
    }

    fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.reports.take()).collect()
    }
}

fn accepted(event: Event) -> Event {
    Event { action: Action::Accept, reason: None, ..event }
}

#[test]
fn an_event_arrives_with_the_generation_that_judged_it() {
    let mut way = Way::new();
    let numbers = [7, 8, 8, 7];
    for number in numbers {
        let generation =
            if number == 7 { tcp("203.0.113.9", 1, "192.0.2.1", 22) } else { monitored(malformed()) };
        way.tell(generation);
    }
    let modes: Vec<_> = way.told().iter().map(|event| event.generation.mode).collect();
    use portcullis_config::Mode::{Enforce, Monitor};
    assert_eq!(modes, [Enforce, Monitor, Monitor, Enforce]);
}

#[test]
fn whoever_gets_in_is_told_once_per_contact() {
    let mut way = Way::new();
    let first = [
        accepted(tcp("203.0.113.9", 40000, "192.0.2.1", 22)),
        accepted(tcp("203.0.113.9", 40001, "192.0.2.1", 22)),
        accepted(tcp("203.0.113.9", 40001, "192.0.2.1", 23)),
        accepted(tcp("203.0.113.8", 40001, "192.0.2.1", 23)),
        accepted(udp("203.0.113.8", 40001, "192.0.2.1", 23)),
        accepted(echo("203.0.113.8", "192.0.2.1")),
        accepted(Event { hook: Hook::Forward, ..udp("203.0.113.8", 40001, "192.0.2.1", 23) }),
    ];
    for _ in 0..3 {
        first.iter().for_each(|event| way.tell(event.clone()));
    }
    assert_eq!(way.told().len(), first.len());
    way.tell(later(11_000, first[0].clone()));
    assert_eq!(way.told().len(), 1, "after a while it is a contact again");
    way.tell(Event { returning: true, ..accepted(tcp("203.0.113.7", 40000, "192.0.2.1", 22)) });
    assert_eq!(way.told().len(), 0, "a flow from before a reload");
    assert_eq!(way.counters.contacts_left_out.load(Relaxed), 0, "nothing was missed");
}

#[test]
fn refused_packets_are_told_each_and_so_is_what_a_rule_wants_recorded() {
    let mut way = Way::new();
    for _ in 0..3 {
        way.tell(tcp("203.0.113.9", 40000, "192.0.2.1", 22));
        way.tell(by(WEB, tcp("203.0.113.9", 40000, "192.0.2.1", 80)));
    }
    assert_eq!(way.told().len(), 6);
}

#[test]
fn under_load_what_was_accepted_is_left_out_first() {
    let mut way = Way::new();
    let port = |n: u32| u16::try_from(n).unwrap();
    for n in 0..6000 {
        way.tell(accepted(tcp("203.0.113.9", port(n), "192.0.2.1", 22)));
    }
    let left_out = way.counters.contacts_left_out.load(Relaxed);
    assert!((1800..2100).contains(&left_out), "{left_out}");
    for n in 0..6000 {
        way.tell(tcp("203.0.113.9", port(n), "192.0.2.1", 23));
    }
    let lost = way.counters.events_lost.load(Relaxed);
    assert!((1800..2100).contains(&lost), "{lost}");
    assert_eq!(u64::try_from(way.told().len()).unwrap(), 12_000 - left_out - lost);
}

#[test]
fn a_second_has_so_many_events() {
    let mut way = Way::new();
    let mut told = 0;
    for _ in 0..70_000 {
        way.tell(tcp("203.0.113.9", 40000, "192.0.2.1", 22));
        told += way.told().len();
    }
    assert_eq!(told, 65_536);
    way.tell(later(1000, tcp("203.0.113.9", 40000, "192.0.2.1", 22)));
    assert_eq!(way.told().len(), 1);
}
