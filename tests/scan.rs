//! One scan, one incident.

use std::time::Duration;

use crate::bed::{Bed, Daemon, GATE, PEER, eventually};

#[test]
fn a_scan_of_thirty_doors_is_one_incident() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.sh(&format!("nmap -n -Pn -sS -p 1-30 --max-retries 0 {}", GATE[0]));
    let started = || {
        let incidents = daemon.incidents();
        (!incidents.is_empty()).then_some(incidents)
    };
    let incidents = eventually(Duration::from_secs(5), started).expect("it is noticed");
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    assert!(incidents[0].to_string().contains(&PEER[0].to_string()));
}

#[test]
fn a_few_closed_doors_are_no_incident() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    for port in 1..=3 {
        bed.peer.udp((GATE[0], port));
    }
    daemon.record(|r| r["dest_port"] == 3);
    assert!(daemon.incidents().is_empty());
}
