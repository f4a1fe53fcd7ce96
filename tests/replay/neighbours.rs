//! Scenes that are easily taken for others: hostile ones that look like clients' or strangers' business, and
//! benign ones that look like scans.

use std::net::IpAddr;

use super::{
    made_up::{ACK, FIN, HOST, HOST_V6, PSH, Posture, RST, SYN, URG, behind, half, outside, spread},
    scenes::{Benign, Scene, shuffled, small},
};

/// Time stamps (RFC 7323), as sessions have them in every segment.
const STAMPS: [u8; 12] = [1, 1, 8, 10, 0, 1, 2, 3, 0, 4, 5, 6];

pub(super) const HOSTILE: [Scene; 13] = [
    ("connections in haste, to open doors and closed ones (nmap -sT)", &["port scan"], |capture| {
        for port in [
            21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 443, 445, 993, 995, 1723, 3306, 3389, 5900, 8080,
        ] {
            capture.connect(outside(1), HOST, port).after(10);
        }
    }),
    ("sources from everywhere, a door in eight seconds", &["distributed scan"], |capture| {
        shuffled(64, 11).zip(0..).for_each(|(place, who)| {
            capture.syn(outside(who), HOST, 20 + half(small(place)) * 13).after(8000);
        });
    }),
    ("a network that takes turns, a door in three minutes", &["distributed scan"], |capture| {
        for number in 0..100_u16 {
            let host = u8::try_from(200 + spread(number.into()) % 16).expect("small");
            capture.syn([162, 142, 125, host], HOST, 30 + number * 7).after(180_000);
        }
    }),
    ("three neighbours, each by himself and slowly", &["coordinated scan"], |capture| {
        for number in 0..60_u16 {
            let host = 131 + u8::try_from(number % 3).expect("small");
            capture.syn([71, 6, 135, host], HOST, 30 + number * 7).after(240_000);
        }
    }),
    ("scanners that meet at a door now and then", &["coordinated scan"], |capture| {
        for number in 0..600 {
            let port = 1 + half(spread(number)) % 100;
            capture.syn(outside(number % 20), HOST, port).after(100);
        }
    }),
    ("sources that come one after the other, with four doors each", &["distributed scan"], |capture| {
        for number in 0..200_u16 {
            capture.syn(outside(u32::from(number) / 4), HOST, 1 + number * 37 % 1000).after(600);
        }
    }),
    ("headers that contradict themselves, from ten sources", &["malformed probe"], |capture| {
        for number in 0..100 {
            let header = [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x20, SYN, 4, 0, 0, 0, 0, 0];
            capture.ip(outside(number % 10), HOST, 6, 60, &header).after(100);
        }
    }),
    ("datagrams to a closed door, refused as often as the kernel likes", &["udp flood"], |capture| {
        for number in 0..8000_u16 {
            let from = (outside(1), 20_000 + number);
            if number % 1000 < 2 {
                capture.ask(from, HOST, 7777, 64).after(1);
            } else {
                capture.datagram(from, (HOST, 7777), 64).after(1);
            }
        }
    }),
    ("questions from everywhere, more than can be answered", &["udp flood"], |capture| {
        for number in 0..8000 {
            let from = (outside(number), 4000 + half(number));
            if number % 5 == 0 {
                capture.ask(from, HOST, 53, 40).after(1);
            } else {
                capture.datagram(from, (HOST, 53), 40).after(1);
            }
        }
    }),
    ("one door of a network, a host in five seconds", &["host sweep"], |capture| {
        shuffled(60, 12).for_each(|host| capture.syn(outside(1), behind(small(host + 1)), 3389).after(5000));
    }),
    (
        "questions that tell systems apart, at two doors (nmap -O -p 22,1)",
        &["os fingerprinting"],
        |capture| {
            let options = [3, 3, 10, 1, 2, 4, 1, 9, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 4, 2];
            let probes = [(22, 0, 128), (22, SYN | FIN | URG | PSH, 256), (22, ACK, 1024), (1, SYN, 31337)];
            for (number, (port, flags, window)) in
                probes.into_iter().chain([(1, ACK, 32768), (1, FIN | PSH | URG, 65535)]).enumerate()
            {
                let (from, to) = ((outside(1), 45_000 + half(small(number))), (HOST, port));
                capture.tcp(from, to, flags, window, &options).after(100);
            }
            capture.ask((outside(1), 45_010), HOST, 40_125, 300).after(100);
        },
    ),
    ("datagrams to all doors, refused as often as the kernel likes", &["port scan"], |capture| {
        for number in 0..3000 {
            let (from, port) = ((outside(1), 20_000 + half(number)), 1 + half(spread(number)) % 60_000);
            if number % 1000 < 2 {
                capture.ask(from, HOST, port, 64).after(1);
            } else {
                capture.datagram(from, (HOST, port), 64).after(1);
            }
        }
    }),
    ("datagrams of many to one door, every second one refused", &["udp flood"], |capture| {
        for number in 0..4000 {
            let from = (outside(number % 250), 1024 + half(number));
            if number % 2 == 0 {
                capture.ask(from, HOST, 7777, 64).after(1);
            } else {
                capture.datagram(from, (HOST, 7777), 64).after(1);
            }
        }
    }),
];

pub(super) const BENIGN: [Benign; 10] = [
    ("a member of a domain who takes the host for its controller", |capture, who| {
        for _ in 0..3 {
            for port in [53, 88, 135, 389, 445, 464, 636, 3268] {
                capture.connect(outside(who + 1), HOST, port).after(100);
            }
            for (from, port) in [(50_001, 389), (50_002, 88), (50_003, 123), (50_004, 53)] {
                capture.ask((outside(who + 1), from), HOST, port, 60).after(20);
            }
            capture.after(300_000);
        }
    }),
    ("answers to what was asked before anybody looked", |capture, who| {
        for number in 0..90 {
            let to = 1024 + half(spread(number)) % 64_000;
            capture.ask((outside(who + number % 3), 53), HOST, to, 120).after(300);
        }
    }),
    ("calls that agree on their doors beforehand", |capture, who| {
        for call in 0..40 {
            let (peer, ours) = (outside(who + call % 4), 10_000 + half(spread(call)) % 5000 * 2);
            for round in 0..20 {
                capture.datagram((peer, 30_000), (HOST, ours), 172).after(20);
                if round > 3 {
                    capture.datagram((HOST, ours), (peer, 30_000), 172);
                }
                if round % 8 == 0 {
                    capture.ask((peer, 30_001), HOST, ours + 1, 80);
                }
            }
            capture.after(45_000);
        }
    }),
    ("an office whose sessions the host has forgotten", |capture, who| {
        let doors = [443, 993, 22, 443, 80, 143, 5222, 8443];
        for number in 0..120_u16 {
            let from = (outside(who + 1), 40_000 + number);
            let to = (HOST, doors[usize::from(number) % doors.len()]);
            for flags in [ACK | PSH, ACK, ACK | FIN] {
                capture.tcp(from, to, flags, 502, &STAMPS).after(200);
                if capture.posture() == Posture::Open {
                    capture.tcp(to, from, RST, 0, &[]);
                    break;
                }
            }
            capture.connect(from.0, HOST, to.1).after(400);
        }
    }),
    ("clients of services that have moved", |capture, who| {
        for number in 0..1500 {
            let port = [853, 587, 465, 123][number as usize % 4];
            if port == 123 {
                capture.ask((outside(who + number % 150), 2000 + half(number)), HOST, 4500, 48).after(300);
            } else {
                capture.connect(outside(who + number % 150), HOST, port).after(300);
            }
        }
    }),
    ("one direction of honest visits", |capture, who| {
        for number in 0..300 {
            let (from, to) = ((outside(who + number % 60), 40_000 + half(number)), (HOST, 443));
            capture.tcp(from, to, SYN, 64_240, &[2, 4, 5, 180, 4, 2, 1, 1]).after(30);
            capture.tcp(from, to, ACK, 502, &STAMPS).tcp(from, to, ACK | PSH, 502, &STAMPS).after(60);
            capture.tcp(from, to, ACK | FIN, 502, &STAMPS).after(400);
        }
    }),
    ("a telephone with an address for each call", |capture, who| {
        for number in 0..120 {
            let [a, b, c] = [1, 2, 3].map(|part| half(spread(who + number * 7 + part)));
            let from: IpAddr = [0x2a01, 0x598, half(number / 20), half(number / 5), 0, a, b, c].into();
            (0..3).for_each(|_| {
                capture.session(from, HOST_V6, 443).after(500);
            });
            capture.ask((from, 50_000), HOST_V6, 443, 1200).after(20_000);
        }
    }),
    ("mail servers that ask who it is that sends", |capture, who| {
        for number in 0..80 {
            capture.connect(outside(who + number), HOST, 113).after(6000);
        }
    }),
    ("devices that report to a collector that has moved", |capture, who| {
        for number in 0..2000 {
            let device = number % 25;
            capture.ask((outside(who + device), 40_000 + half(device)), HOST, 514, 90).after(40);
        }
    }),
    ("players of a game that has ended", |capture, who| {
        for number in 0..30_000 {
            let player = number % 90;
            capture.datagram((outside(who + player), 50_000 + half(player)), (HOST, 27_015), 60);
            if number % 2 == 0 {
                capture.after(1);
            }
        }
    }),
];
