//! Captures: whatever is in them, they are read to their end or to where they break.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use portcullis::replay;
use portcullis_rules::{RuleTable, Ruleset};

fuzz_target!(|file: &[u8]| {
    let mut packets = 0;
    let outcome = replay::capture::read(file, |frame| {
        packets += 1;
        assert_eq!(frame.number, packets);
        if let Ok(packet) = replay::link::ip(&frame) {
            assert!(packet.bytes.len() <= frame.bytes.len());
        }
        Ok(())
    });
    match outcome.expect("nothing is refused") {
        Ok(read) => assert_eq!(read, packets),
        Err(broken) => assert!(broken.packets == packets && broken.offset <= file.len() as u64),
    }
    let table = RuleTable::compile(Arc::new(Ruleset::default()));
    let local = vec!["10.66.0.0/16".parse().expect("a prefix")];
    replay::records(file, table, true, local, |record| {
        assert!(record.incident.score.is_finite());
        assert!(record.incident.first_packet <= packets);
    });
});
