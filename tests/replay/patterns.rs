//! Every pattern, from packets that show it, by its name.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Play,
    made_up::{
        ACK, Capture, FIN, HOST, HOST_V6, PSH, Posture, RST, SYN, URG, behind, half, outside, spread, udp,
    },
};

/// A pattern, how its doors are tried (or nothing to say of it), and what shows it.
type Case = (&'static str, &'static str, fn(&mut Capture));

const CASES: [Case; 42] = [
    ("port scan", "connect", |capture| {
        (1..=40).for_each(|port| capture.connect(outside(1), HOST, port).after(20));
    }),
    ("port scan", "syn", |capture| (30..=60).for_each(|port| capture.syn(outside(1), HOST, port).after(20))),
    ("port scan", "fin", |capture| with_flags(capture, &[FIN])),
    ("port scan", "null", |capture| with_flags(capture, &[0])),
    ("port scan", "xmas", |capture| with_flags(capture, &[FIN | PSH | URG])),
    ("port scan", "ack or window", |capture| with_flags(capture, &[ACK])),
    ("port scan", "maimon", |capture| with_flags(capture, &[FIN | ACK])),
    ("port scan", "odd flags", |capture| {
        with_flags(capture, &[SYN | FIN, SYN | RST, PSH, URG, SYN | FIN | PSH])
    }),
    ("port scan", "udp", |capture| (1..=40).for_each(|port| capture.udp(outside(1), HOST, port).after(50))),
    ("protocol scan", "ip protocol", |capture| {
        (90..=120).for_each(|protocol| capture.protocol(outside(1), HOST, protocol).after(50));
    }),
    ("host sweep", "syn", |capture| {
        (1..=40).for_each(|host| capture.syn(outside(1), behind(host), 445).after(20));
    }),
    ("block scan", "syn", |capture| {
        for host in 1..=20 {
            [23, 445, 3389, 5900]
                .into_iter()
                .for_each(|port| capture.syn(outside(1), behind(host), port).after(20));
        }
    }),
    ("icmp sweep", "ping", |capture| {
        (1..=40).for_each(|host| capture.ping(outside(1), behind(host)).after(20));
    }),
    ("icmp sweep", "icmp query", |capture| {
        // Timestamp requests.
        let question = [13, 0, 0, 0, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        (1..=40).for_each(|host| capture.ip(outside(1), behind(host), 1, 60, &question).after(20));
    }),
    ("slow scan", "connect", |capture| {
        [21, 23, 79, 111, 113, 119, 135, 139, 161, 389, 512, 513, 514, 636, 873, 990]
            .into_iter()
            .for_each(|port| capture.connect(outside(1), HOST, port).after(3_600_000));
    }),
    ("decoy scan", "syn", |capture| {
        for port in 200..=240 {
            (1..=8).for_each(|decoy| capture.syn(outside(decoy), HOST, port).after(1));
        }
    }),
    ("distributed scan", "syn", |capture| {
        for source in 0..150 {
            capture.connect(outside(source), HOST, 200 + u16::try_from(source).expect("small")).after(200);
        }
    }),
    ("distributed scan", "", |capture| {
        // Out of one /24.
        for host in 1..=80_u8 {
            capture.connect([91, 3, 7, host], HOST, 300 + u16::from(host)).after(300);
        }
    }),
    ("distributed port probe", "syn", |capture| {
        (0..150).for_each(|bot| capture.syn(outside(bot), HOST, 23).after(300));
    }),
    ("coordinated scan", "syn", |capture| {
        for port in 0..40 {
            for scanner in 0..5 {
                capture.syn(outside(u32::from(scanner)), HOST, 100 + scanner * 100 + port).after(30);
            }
        }
    }),
    ("ipv6 rotation", "", |capture| {
        for port in 100..=160 {
            let [a, b] = [spread(port.into()), spread(u32::from(port) + 1000)].map(half);
            capture.connect([0x2a01, 0x4f8, 7, 9, a, b, 1, 2], HOST_V6, port).after(100);
        }
    }),
    ("ipv6 rotation", "", |capture| {
        // Another /64 of a /48 for each door.
        for port in 100..=160 {
            capture
                .connect([0x2a01, 0x4f8, 7, half(spread(port.into())), 0, 0, 0, 1], HOST_V6, port)
                .after(100);
        }
    }),
    ("malformed probe", "", |capture| {
        // TCP's data offset is too small, too large; the IP header is longer than the packet; UDP's length.
        for round in 0..6 {
            for offset in [0x10, 0xf0] {
                let header = [0x9c, 0x40, 0, 80, 0, 0, 0, round, 0, 0, 0, 0, offset, SYN, 4, 0, 0, 0, 0, 0];
                capture.ip(outside(1), HOST, 6, 60, &header).after(20);
            }
            let mut datagram = udp(40_000, 99, 4);
            datagram[5] = 3;
            capture.ip(outside(1), HOST, 17, 60, &datagram).after(20);
        }
    }),
    ("malformed probe", "", |capture| {
        for _ in 0..12 {
            // A hop-by-hop header after another header (RFC 8200, 4.1).
            let body = [&[0, 0, 1, 4, 0, 0, 0, 0][..], &[6, 0, 1, 4, 0, 0, 0, 0], &segment(80)].concat();
            capture.ip([0x2a01, 0x4f8, 0, 0, 0, 0, 0, 9].into(), HOST_V6, 60, 60, &body).after(20);
        }
    }),
    ("os fingerprinting", "", |capture| {
        (30..=50).for_each(|port| capture.syn(outside(1), HOST, port).after(20));
        for (window, flags) in [
            (1, SYN),
            (63, SYN),
            (4, SYN),
            (16, SYN),
            (3, SYN | 0xc0),
            (128, 0),
            (256, SYN | FIN | URG | PSH),
            (1024, ACK),
            (32_768, ACK),
            (65_535, FIN | PSH | URG),
        ] {
            let from = (outside(1), 50_000 + window % 100);
            capture
                .tcp(
                    from,
                    (HOST, 22),
                    flags,
                    window,
                    &[3, 3, 10, 1, 2, 4, 5, 180, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 4, 2],
                )
                .after(100);
        }
        let echo = [&[8, 9, 0, 0, 1, 2, 1, 39][..], &[0; 120]].concat();
        capture.ip(outside(1), HOST, 1, 60, &echo).after(20);
        capture.datagram((outside(1), 50_100), (HOST, 40_125), 300).after(20);
    }),
    ("tiny fragments", "", |capture| {
        for id in 0..20 {
            // Never more than a part of a header.
            let header = segment(80);
            capture.fragment(outside(1), HOST, id, (0, true), &header[..8]).after(20);
        }
    }),
    ("port scan", "syn", |capture| {
        // The same, and the rest follows (nmap -f): what is behind counts.
        for id in 0..30 {
            let header = segment(100 + id);
            capture.fragment(outside(1), HOST, id, (0, true), &header[..8]);
            capture.fragment(outside(1), HOST, id, (8, true), &header[8..16]);
            capture.fragment(outside(1), HOST, id, (16, false), &header[16..]).after(20);
        }
    }),
    ("overlapping fragments", "", |capture| {
        for id in 0..6 {
            let header = segment(80);
            capture.fragment(outside(1), HOST, id, (0, true), &header);
            capture.fragment(outside(1), HOST, id, (8, false), &header[8..]).after(20);
        }
    }),
    ("extension-header evasion", "", |capture| {
        for port in 100..=130 {
            // Destination options that say nothing, before the transport header.
            let body = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &segment(port)].concat();
            capture.ip([0x2a01, 0x4f8, 0, 0, 0, 0, 0, 9].into(), HOST_V6, 60, 60, &body).after(50);
        }
    }),
    ("brute force", "", |capture| {
        (0..40).for_each(|_| capture.session(outside(1), HOST, 22).after(3000));
    }),
    ("connection flood", "", |capture| {
        (0..1500).for_each(|_| capture.session(outside(1), HOST, 443).after(3));
    }),
    ("syn flood", "", |capture| {
        // From everywhere, and nobody completes a handshake.
        (0..4000).for_each(|forged| capture.syn(outside(forged), HOST, 443).after(1));
    }),
    ("syn flood", "", |capture| {
        // One source, which does not hide.
        (0..4000).for_each(|_| capture.syn(outside(1), HOST, 443).after(1));
    }),
    ("udp flood", "", |capture| {
        (0..6000).for_each(|_| capture.udp(outside(1), HOST, 7777).after(1));
    }),
    ("land", "", |capture| capture.syn(HOST, HOST, 80).after(20)),
    ("port zero", "", |capture| (0..20).for_each(|_| capture.syn(outside(1), HOST, 0).after(1000))),
    ("bogon source", "", |capture| {
        for source in [[0, 1, 2, 3], [127, 0, 0, 9], [240, 3, 2, 1], [224, 0, 0, 7], [255, 255, 255, 255]] {
            capture.syn(source, HOST, 4000).after(100);
        }
    }),
    ("scanned, then connected", "", |capture| {
        (30..=60).for_each(|port| capture.syn(outside(1), HOST, port).after(20));
        capture.after(60_000);
        capture.session(outside(1), HOST, 443).after(20);
    }),
    ("backscatter", "", |capture| {
        for number in 0..60 {
            let from = (outside(1), 443);
            capture.tcp(from, (HOST, 1024 + number), SYN | ACK, 65_535, &[2, 4, 5, 180]);
            capture.tcp(from, (HOST, 2024 + number), RST | ACK, 0, &[]).after(100);
        }
    }),
    ("late reply", "", |capture| {
        // The host asks for names, and gives up; the answers come after a minute.
        for number in 0..20 {
            capture.datagram((HOST, 40_000 + number), (outside(1), 53), 30).after(20);
        }
        capture.after(60_000);
        for number in 0..20 {
            capture.datagram((outside(1), 53), (HOST, 40_000 + number), 90).after(20);
        }
    }),
    ("traceroute", "", |capture| {
        for hop in 0..30_u8 {
            let datagram = udp(40_000, 33_434 + u16::from(hop), 24);
            capture.ip(outside(1), HOST, 17, 1 + hop / 3, &datagram).after(20);
        }
    }),
    ("port knocking", "", |capture| {
        [7000, 8123, 9123].into_iter().for_each(|port| capture.connect(outside(1), HOST, port).after(500));
        capture.session(outside(1), HOST, 22).after(20);
    }),
];

/// Segments to forty doors, with each of these flags in turn.
fn with_flags(capture: &mut Capture, flags: &[u8]) {
    for port in 0..40_u16 {
        capture.flags(outside(1), HOST, 100 + port, flags[usize::from(port) % flags.len()]).after(20);
    }
}

/// A SYN without options.
fn segment(port: u16) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    vec![0x9c, 0x40, high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, SYN, 4, 0, 0, 0, 0, 0]
}

#[test]
fn every_pattern_is_told_by_its_name() {
    let play = Play::new();
    let mut wrong = Vec::new();
    for posture in [Posture::Drop, Posture::Open] {
        for (number, (pattern, technique, make)) in CASES.iter().enumerate() {
            let mut capture = Capture::at(posture);
            make(&mut capture);
            let found = play.incidents(&capture, posture, &["--information"]);
            let told: Vec<_> = found.iter().map(told).collect();
            let right = match &found[..] {
                // Where all is let in, a late answer is an answer like any other.
                [] => *pattern == "late reply" && posture == Posture::Open,
                [one] => {
                    one["pattern"] == *pattern && (technique.is_empty() || one["technique"] == *technique)
                }
                _ => false,
            };
            if !right {
                wrong.push(format!("{posture:?} {number}: {pattern} {technique}, not {told:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn told(incident: &Value) -> String {
    format!("{} {} {}", incident["pattern"], incident["technique"], incident["summary"])
}

/// No pattern is told of in the documents that is not shown here, and none is shown that is not told of.
#[test]
fn the_documents_name_the_same_patterns() {
    let document = include_str!("../../packaging/doc/incidents.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let shown: BTreeSet<&str> = CASES.iter().map(|(pattern, ..)| *pattern).collect();
    assert_eq!(rows.collect::<BTreeSet<_>>(), shown);
}

/// Whoever has to be named is, and nobody else.
#[test]
fn sources_are_named_where_they_are_known() {
    let play = Play::new();
    for (pattern, source) in
        [("land", "forged"), ("decoy scan", "many"), ("port zero", &*outside(1).to_string())]
    {
        let case = CASES.iter().find(|(name, ..)| *name == pattern).expect("a case");
        let mut capture = Capture::default();
        case.2(&mut capture);
        let found = play.incidents(&capture, Posture::Drop, &[]);
        assert_eq!(found[0]["source"], source, "{found:#?}");
    }
}

/// Accepted packets are not in the log: this sentence is all that tells where to look.
#[test]
fn the_door_is_told_where_who_scanned_was_let_in() {
    let case = CASES.iter().find(|(name, ..)| *name == "scanned, then connected").expect("a case");
    for posture in [Posture::Drop, Posture::Open] {
        let mut capture = Capture::at(posture);
        case.2(&mut capture);
        let found = Play::new().incidents(&capture, posture, &[]);
        let summary = found[0]["summary"].as_str().expect("a sentence");
        assert!(summary.contains("tried 31 ports of 10.66.0.1, and was let in at 443/tcp, "), "{summary}");
    }
}
