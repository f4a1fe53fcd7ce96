//! A packet's bytes, after two bytes that say how many more the packet has than were copied.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_rules::{Fact, Headers, Hook, Malformed, Protocol, State};

fuzz_target!(|data: &[u8]| {
    let Some((more, bytes)) = data.split_first_chunk() else { return };
    let Ok(copied) = u32::try_from(bytes.len()) else { return };
    let length = copied.saturating_add(u16::from_be_bytes(*more).into());
    let parsed = Headers::parse(bytes, length);

    // A shorter copy of the same packet is judged alike, or is too short for the headers.
    let shorter = Headers::parse(&bytes[..bytes.len() / 2], length);
    assert!(shorter == parsed || shorter == Err(Malformed::HeadersTooLong), "{shorter:?} {parsed:?}");

    if let Ok(headers) = parsed {
        let key = headers.key(Hook::Forward, Fact::Unknown, Fact::Unknown, State::New, Fact::Absent);
        assert_eq!(headers.length, length);
        assert_eq!(key.source.is_ipv4(), key.destination.is_ipv4());
        assert_eq!(key.ports.is_some(), key.protocol.has_ports());
        assert_eq!(key.icmp.is_some(), key.protocol.is_icmp());
        assert_eq!(key.tcp_flags.is_some(), key.protocol == Protocol::TCP);
    }
});
