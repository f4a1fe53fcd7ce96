//! Scenes: who does what, and what is concluded.

mod scenes;

use jiff::SignedDuration;
use proptest::prelude::*;

use self::scenes::{Scene, TARGET, concluded, patterns};
use super::*;
use crate::detect::{Pattern, Phase, Severity};

#[test]
fn a_port_scan_is_found_by_its_sixth_door() {
    let mut scene = Scene::default();
    for port in 1..=100 {
        scene.syn("203.0.113.9", TARGET, port).every(10);
    }
    let records = scene.play();
    let [start, end] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((start.incident.phase, end.incident.phase), (Phase::Start, Phase::End));
    assert_eq!(end.incident.pattern, Pattern::PortScan);
    assert_eq!((end.incident.probes, end.incident.distinct_ports), (100, 100));
    assert_eq!((end.incident.first_packet, end.incident.severity), (1, Severity::High));
    assert!(end.incident.deciding_packet <= 8, "{}", end.incident.deciding_packet);
}

#[test]
fn crafted_packets_are_found_sooner() {
    let mut scene = Scene::default();
    for port in 1..=10 {
        scene.crafted("203.0.113.9", TARGET, port).every(10);
    }
    assert!(concluded(&scene.play())[0].incident.deciding_packet <= 3);
}

#[test]
fn a_door_an_hour_is_found_within_ten() {
    // Ports that belong to nobody in particular, as a careful scanner's own stack would ask for them.
    for ports in
        [[21, 22, 23, 25, 53, 79, 110, 111, 113, 119, 135, 139], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]
    {
        let mut scene = Scene::default();
        for port in ports {
            scene.syn("203.0.113.9", TARGET, port).every(3_600_000);
        }
        let records = scene.play();
        let incident = &concluded(&records)[0].incident;
        assert_eq!(incident.pattern, Pattern::SlowScan);
        assert!(incident.deciding_packet <= 10, "{}", incident.deciding_packet);
    }
}

#[test]
fn the_slow_one_is_found_among_forged_sources() {
    let mut scene = Scene::default();
    let mut detector = Detector::new(Detect::default(), [3, 4]);
    let mut found = None;
    for hour in 0..10 {
        for forged in 0..40_000_u32 {
            let source = std::net::Ipv4Addr::from(
                0x1000_0000 + (hour * 40_000 + forged).wrapping_mul(2_654_435_761) % 0xc000_0000,
            );
            let port = 1 + u16::try_from(forged % 40_000).unwrap();
            scene.syn(&source.to_string(), TARGET, port).every(90);
        }
        scene.syn("203.0.113.9", TARGET, 20 + u16::try_from(hour).unwrap()).every(0);
        for contact in scene.contacts.drain(..) {
            for record in detector.observe(&contact) {
                if record.incident.source == "203.0.113.9" {
                    found.get_or_insert(hour + 1);
                }
            }
        }
    }
    for record in detector.finish(scene.now) {
        if record.incident.source == "203.0.113.9" {
            found.get_or_insert(10);
        }
    }
    assert!(found.is_some());
    assert!(detector.most_bytes() <= 4 << 20, "{}", detector.most_bytes());
}

#[test]
fn decoys_are_one_record() {
    let mut scene = Scene::default();
    for port in 1..=50 {
        for decoy in 1..=11 {
            scene.crafted(&format!("198.51.{decoy}.7"), TARGET, port).every(1);
        }
    }
    let records = scene.play();
    assert!(records.len() <= 2, "{records:#?}");
    assert_eq!(patterns(&records), [Pattern::DecoyScan]);
    assert_eq!(records[0].incident.notes, ["attribution uncertain"]);
}

#[test]
fn many_sources_with_a_door_each_are_one_scan() {
    // Of one network, and from everywhere.
    for network in [true, false] {
        let mut scene = Scene::default();
        for port in 1..=150_u16 {
            let source = if network {
                format!("198.51.100.{port}")
            } else {
                format!("{}.20.{port}.9", 20 + port % 100)
            };
            scene.syn(&source, TARGET, 100 + port).every(50);
        }
        let records = scene.play();
        assert_eq!(patterns(&records), [Pattern::DistributedScan], "{network}");
        assert!(records.len() <= 2);
        let sources = records.last().unwrap().incident.sources;
        assert!((90..300).contains(&sources), "{sources}");
    }
}

#[test]
fn a_botnet_at_one_door_is_one_record() {
    let mut scene = Scene::default();
    for bot in 1..=120 {
        scene.crafted(&format!("{}.9.{bot}.77", 20 + bot % 100), TARGET, 23).every(300);
    }
    assert_eq!(patterns(&scene.play()), [Pattern::DistributedPortProbe]);
}

#[test]
fn peers_of_a_program_that_has_gone_are_no_botnet() {
    let mut scene = Scene::default();
    for peer in 1..=200 {
        for _ in 0..3 {
            scene.udp(&format!("{}.9.{peer}.77", 20 + peer % 100), TARGET, 51413).every(10);
        }
        scene.syn(&format!("{}.9.{peer}.77", 20 + peer % 100), TARGET, 51413).every(10);
    }
    assert_eq!(patterns(&scene.play()), []);
}

#[test]
fn clients_of_a_service_that_is_down_are_nothing() {
    let mut scene = Scene::default();
    for client in 1..=60 {
        scene.completed(&format!("{}.9.{client}.77", 20 + client % 100), TARGET, 443).every(100);
    }
    for client in 1..=200 {
        scene.turned_down(&format!("{}.8.{client}.77", 20 + client % 100), TARGET, 443).every(100);
    }
    assert_eq!(patterns(&scene.play()), []);
}

#[test]
fn sources_that_scan_together_are_one_incident() {
    let mut scene = Scene::default();
    for port in 0..60_u16 {
        for scanner in 0..5_u16 {
            scene.crafted(&format!("{}.1.2.3", 20 + scanner), TARGET, 1 + scanner * 100 + port).every(20);
        }
    }
    let records = scene.play();
    assert_eq!(patterns(&records), [Pattern::CoordinatedScan], "{records:#?}");
    assert_eq!(records.last().unwrap().incident.distinct_ports, 300);
}

#[test]
fn an_address_for_each_door_is_rotation() {
    let mut scene = Scene::default();
    for port in 1..=60 {
        scene.syn6(&format!("2001:67c:5::{port:x}:77"), "fd66::1", port).every(100);
    }
    assert_eq!(patterns(&scene.play()), [Pattern::Ipv6Rotation]);
    let mut scene = Scene::default();
    for port in 1..=60 {
        scene.syn6(&format!("2001:67c:5:{port:x}::77"), "fd66::1", port).every(100);
    }
    assert_eq!(patterns(&scene.play()), [Pattern::Ipv6Rotation], "of a /48");
}

#[test]
fn guesses_of_passwords_are_brute_force_and_busy_clients_are_not() {
    let mut scene = Scene::default();
    for _ in 0..40 {
        scene.completed("203.0.113.9", TARGET, 22).every(2000);
    }
    assert_eq!(patterns(&scene.play()), [Pattern::BruteForce]);
    let mut scene = Scene::default();
    for round in 0..400 {
        let port = [443, 80, 443, 993, 143, 8080, 443, 22][round % 8];
        scene.completed("203.0.113.9", TARGET, port).every(20);
    }
    assert_eq!(patterns(&scene.play()), []);
}

#[test]
fn floods_name_a_source_only_if_there_is_one() {
    let mut scene = Scene::default();
    for port in 0..2000_u16 {
        scene.unfinished("203.0.113.9", TARGET, 80, port).every(1);
    }
    let records = scene.play();
    assert_eq!(patterns(&records), [Pattern::SynFlood]);
    assert_eq!(records[0].incident.source, "203.0.113.9");
    let mut scene = Scene::default();
    for forged in 0..3000_u32 {
        let source = std::net::Ipv4Addr::from(0x1000_0000 + forged.wrapping_mul(2_654_435_761) % 0xc000_0000);
        scene.syn(&source.to_string(), TARGET, 4444).every(1);
    }
    let records = scene.play();
    assert_eq!(patterns(&records), [Pattern::SynFlood], "{records:#?}");
    assert_eq!(records.last().unwrap().incident.source, "forged");
    let mut scene = Scene::default();
    for _ in 0..2000 {
        scene.completed("203.0.113.9", TARGET, 443).every(2);
    }
    assert_eq!(patterns(&scene.play()), [Pattern::ConnectionFlood]);
}

#[test]
fn who_has_scanned_and_comes_back_is_told_of() {
    let mut scene = Scene::default();
    for port in 1..=20 {
        scene.crafted("203.0.113.9", TARGET, port).every(50);
    }
    scene.wait(60_000);
    scene.completed("203.0.113.9", TARGET, 22).every(50);
    let records = scene.play();
    let last = records.last().unwrap();
    assert_eq!(
        (last.incident.pattern, last.incident.severity),
        (Pattern::ScannedThenConnected, Severity::Critical)
    );
    assert!(last.incident.handshake);
}

#[test]
fn a_service_that_was_not_asked_for_by_mistake() {
    // A mail program looks for its server; a crowd behind one address; a developer.
    let mut scene = Scene::default();
    for port in [143, 993, 110, 995, 25, 465, 587] {
        scene.syn("203.0.113.9", TARGET, port).every(200);
    }
    for door in 0..400 {
        scene.completed("203.0.113.10", TARGET, [443, 80, 8080, 22, 993][door % 5]).every(5);
    }
    for port in [8443, 3306, 8888, 5060, 445, 1723, 8081, 9090, 5432] {
        scene.syn("203.0.113.10", TARGET, port).every(200);
    }
    for port in [3000, 5000, 5173, 8000, 9229] {
        scene.syn("203.0.113.11", TARGET, port).every(200);
    }
    assert_eq!(patterns(&scene.play()), []);
}

#[test]
fn what_is_for_information_is_no_alert() {
    let mut scene = Scene::default();
    for port in 1..=300 {
        scene.flags("203.0.113.9", TARGET, port, 0x12).every(10);
        scene.flags("203.0.113.9", TARGET, port, 0x14).every(10);
        scene.udp_ttl("203.0.113.7", TARGET, 33434 + port % 30, 3).every(10);
        scene.sent("203.0.113.8", 53, 40_000 + port).every(1);
        scene.udp_from("203.0.113.8", 53, TARGET, 40_000 + port).every(1);
    }
    for port in [7000, 8000, 9000] {
        scene.syn("203.0.113.6", TARGET, port).every(100);
    }
    scene.completed("203.0.113.6", TARGET, 22).every(10);
    let records = scene.play();
    assert_eq!(patterns(&records), []);
    let mut told: Vec<&str> = records.iter().map(|record| record.incident.pattern.name()).collect();
    told.sort_unstable();
    assert_eq!(told, ["backscatter", "late reply", "port knocking", "traceroute"]);
}

#[test]
fn source_port_53_is_no_disguise() {
    let mut scene = Scene::default();
    for port in 1..=40 {
        scene.udp_from("203.0.113.8", 53, TARGET, port).every(10);
    }
    assert_eq!(patterns(&scene.play()), [Pattern::PortScan]);
}

#[test]
fn what_is_over_the_threshold_survives_a_restart() {
    let mut scene = Scene::default();
    for port in 1..=7 {
        scene.syn("203.0.113.9", TARGET, port).every(1000);
    }
    let mut detector = Detector::new(Detect::default(), [1, 1]);
    for contact in &scene.contacts {
        detector.observe(contact);
    }
    let saved = detector.save();
    assert_eq!(saved.sources.len(), 1);
    let text = serde_json::to_string(&saved).unwrap();
    let mut heir = Detector::new(Detect::default(), [2, 2]);
    heir.restore(&serde_json::from_str(&text).unwrap(), scene.now);
    scene.contacts.clear();
    for port in 100..=102 {
        scene.syn("203.0.113.9", TARGET, port).every(1000);
    }
    for contact in &scene.contacts {
        heir.observe(contact);
    }
    assert_eq!(patterns(&heir.finish(scene.now)).len(), 1, "a few more doors are enough");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Sources that have nothing to do with each other are judged by themselves: what comes at the same
    /// time may come in any order.
    #[test]
    fn order_among_sources_does_not_matter(
        order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
        doors in prop::collection::vec(1_usize..30, 8),
    ) {
        let play = |order: &[usize]| {
            let mut scene = Scene::default();
            for door in 0..30 {
                for &source in order.iter().filter(|&&source| door < doors[source]) {
                    let port = u16::try_from(1 + source * 100 + door).unwrap();
                    scene.syn(&format!("{}.1.2.3", 20 + source), &format!("10.66.0.{source}"), port);
                }
                scene.wait(1000);
            }
            let mut who: Vec<_> = concluded(&scene.play())
                .iter()
                .map(|record| (record.incident.source.clone(), record.incident.probes, record.incident.pattern.name()))
                .collect();
            who.sort();
            who
        };
        prop_assert_eq!(play(&[0, 1, 2, 3, 4, 5, 6, 7]), play(&order));
    }

    /// Whatever comes in, memory stays what it is, and every incident begins and ends once.
    #[test]
    fn any_contacts_are_taken(contacts in prop::collection::vec(scenes::any_contact(), 0..600)) {
        let mut detector = Detector::new(Detect::default(), [5, 6]);
        let before = detector.most_bytes();
        let mut records = Vec::new();
        for contact in &contacts {
            records.extend(detector.observe(contact));
        }
        let end = contacts.iter().map(|contact| contact.time).max().unwrap_or_default();
        records.extend(detector.finish(end + SignedDuration::from_secs(1)));
        prop_assert!(detector.most_bytes() == before && before <= 4 << 20);
        for end in records.iter().filter(|record| record.incident.phase == Phase::End) {
            let same = records.iter().filter(|r| r.incident.id == end.incident.id && r.incident.phase == Phase::End);
            prop_assert!(same.count() >= 1);
            prop_assert!(end.incident.score.is_finite());
        }
    }
}
