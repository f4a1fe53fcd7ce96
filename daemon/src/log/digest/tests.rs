use std::fs;

use super::{file::Folded, *};
use crate::log::{
    describe,
    sample::{echo, later, malformed, monitored, tcp, tcp_with, udp},
};
use portcullis_rules::TcpFlags;

fn sample() -> Digest {
    let events = [
        tcp("203.0.113.9", 40000, "192.0.2.1", 23),
        udp("2001:db8::7", 40000, "2001:db8:1::1", 161),
        monitored(echo("198.51.100.4", "192.0.2.1")),
        malformed(),
    ];
    let mut builder = Builder::default();
    builder.block(0, 100);
    for (n, event) in (0..).zip(events) {
        let line = describe(&later(n * 1000, event), format!("id{n}")).line();
        builder.line(&line);
    }
    builder.block(100, 9);
    builder.line(b"not json");
    builder.finish()
}

#[test]
fn a_row_says_what_its_line_says() {
    let digest = sample();
    assert_eq!(digest.len(), 5);
    let door = |row: usize| (digest.rows.door[row], digest.shape(row).door);
    assert_eq!(door(0), (23, Door::Port));
    assert_eq!(door(2), (0x0800, Door::Icmp));
    assert_eq!(door(3), (0, Door::None));
    assert_eq!(digest.address(digest.rows.source[1]), "2001:db8::7".parse().ok());
    assert_eq!(digest.address(digest.rows.source[3]), None);
    assert_eq!(digest.shape(2).would.as_deref(), Some("drop"));
    assert_eq!(digest.shape(4).class, Class::Foreign);
    assert_eq!((digest.rows_of(0), digest.rows_of(1)), (0..4, 4..5));
}

#[test]
fn a_file_gives_back_what_was_put_in_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("digest");
    let digest = sample();
    let bytes = digest.to_file(77).unwrap();
    fs::write(&path, &bytes).unwrap();
    let folded = Folded::open(&path, 77).unwrap();
    assert_eq!(folded.head, digest.head);
    assert_eq!(folded.unfold().unwrap().rows, digest.rows);
    assert!(Folded::open(&path, 78).is_err(), "another archive's");
    for cut in 0..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        assert!(Folded::open(&path, 77).and_then(Folded::unfold).is_err(), "{cut}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        fs::write(&path, &damaged).unwrap();
        // Whatever comes out can be walked over without a panic.
        if let Ok(digest) = Folded::open(&path, 77).and_then(Folded::unfold) {
            let rows = (0..digest.head.blocks.len()).map(|block| digest.rows_of(block).len()).sum::<usize>();
            assert!(rows <= digest.len());
            assert!((0..digest.len()).all(|row| digest.shape(row).rule.len() < 100));
        }
    }
}

#[test]
fn noise_is_told_from_knocks() {
    let class = |event| {
        let mut builder = Builder::default();
        builder.line(&describe(&event, "id".to_owned()).line());
        builder.finish().shape(0).class
    };
    let with = |from, to, flags| tcp_with("203.0.113.9", from, "192.0.2.1", to, flags);
    let both = |a: TcpFlags, b: TcpFlags| TcpFlags(a.0 | b.0);
    for (event, expected) in [
        (with(40000, 22, TcpFlags::SYN), Class::Knock),
        (with(443, 50000, both(TcpFlags::SYN, TcpFlags::ACK)), Class::Backscatter),
        (with(443, 50000, TcpFlags::RST), Class::Backscatter),
        (with(443, 50000, both(TcpFlags::FIN, TcpFlags::ACK)), Class::LateReply),
        (with(40000, 80, TcpFlags::ACK), Class::Knock),
        (with(40000, 80, TcpFlags::FIN), Class::Knock),
        (udp("203.0.113.9", 53, "192.0.2.1", 40000), Class::LateReply),
        (udp("203.0.113.9", 53, "192.0.2.1", 53), Class::Knock),
        (udp("192.0.2.7", 137, "192.0.2.255", 137), Class::Broadcast),
        (udp("fe80::1", 5353, "ff02::fb", 5353), Class::Broadcast),
    ] {
        assert_eq!(class(event.clone()), expected, "{event:?}");
    }
}
