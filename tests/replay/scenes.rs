//! Whole scenes, as a host on the Internet sees them: the hostile are found and named, and the benign are
//! nothing.

use std::net::IpAddr;

use super::{
    Play,
    made_up::{ACK, Capture, HOST, HOST_V6, Posture, RST, SYN, behind, half, outside, spread},
    neighbours,
};

/// What happens, what it may be called, and how.
pub(super) type Scene = (&'static str, &'static [&'static str], fn(&mut Capture));

/// The doors that nmap asks for first, by and large.
pub(super) const TOP: [u16; 40] = [
    80, 23, 443, 21, 22, 25, 3389, 110, 445, 139, 143, 53, 135, 3306, 8080, 1723, 111, 995, 993, 5900, 1025,
    587, 8888, 199, 1720, 465, 548, 113, 81, 6001, 10_000, 514, 5060, 179, 1026, 2000, 8443, 8000, 32_768,
    554,
];

const HOSTILE: [Scene; 16] = [
    ("a polite scan (nmap -T2)", &["port scan"], |capture| {
        shuffled(TOP.len(), 1).for_each(|place| capture.syn(outside(1), HOST, TOP[place]).after(400));
    }),
    ("a sneaky scan (nmap -T1)", &["slow scan"], |capture| {
        shuffled(TOP.len(), 2).for_each(|place| capture.connect(outside(1), HOST, TOP[place]).after(15_000));
    }),
    ("a block in random order (masscan)", &["block scan"], |capture| {
        for number in shuffled(254 * 4, 3) {
            let (host, port) = (number % 254 + 1, [23, 81, 445, 3389][number / 254]);
            capture.flags(outside(1), behind(small(host)), port, SYN).after(1);
        }
    }),
    ("one door of a block (zmap)", &["host sweep"], |capture| {
        shuffled(254, 4)
            .for_each(|host| capture.flags(outside(1), behind(small(host + 1)), 5900, SYN).after(40));
    }),
    ("a door an hour, each asked three times", &["slow scan"], |capture| {
        for port in
            [21, 23, 79, 113, 119, 135, 139, 161, 389, 512, 513, 636, 873, 990, 1080, 1433, 3306, 5432]
        {
            [1000, 3000, 3_596_000]
                .into_iter()
                .for_each(|wait| capture.connect(outside(1), HOST, port).after(wait));
        }
    }),
    ("an address of a /64 for each door", &["ipv6 rotation"], |capture| {
        for (number, place) in shuffled(TOP.len(), 5).enumerate() {
            let [a, b, c, d] = [1, 2, 3, 4].map(|part| half(spread(small(number * 7 + part))));
            capture.connect([0x2600, 0x1f18, 7, 9, a, b, c, d], HOST_V6, TOP[place]).after(700);
        }
    }),
    ("a botnet at one door, with everybody's retries", &["distributed port probe"], |capture| {
        for bot in 0..250 {
            capture.connect(outside(bot), HOST, 2323).after(1000);
            if bot >= 3 {
                capture.connect(outside(bot - 3), HOST, 2323).after(200);
            }
        }
    }),
    ("sources that share the doors out, three each", &["distributed scan"], |capture| {
        for door in 0..240 {
            capture.connect(outside(100 + door / 3), HOST, 200 + half(spread(door)) % 800).after(400);
        }
    }),
    (
        "a scan among honest visits of the same source",
        &["port scan", "slow scan", "scanned, then connected"],
        |capture| {
            for (number, place) in shuffled(TOP.len(), 6).enumerate() {
                (0..8).for_each(|_| capture.session(outside(1), HOST, [443, 80][number % 2]).after(150));
                capture.connect(outside(1), HOST, TOP[place]).after(300);
            }
        },
    ),
    ("a scan among a thousand others' visits", &["port scan", "scanned, then connected"], |capture| {
        for number in 0..1000 {
            capture.session(outside(5000 + number), HOST, 443).after(50);
            if number % 20 == 0 {
                capture.connect(outside(1), HOST, 100 + half(number)).after(1);
            }
        }
    }),
    ("datagrams to well-known doors", &["port scan"], |capture| {
        [69, 111, 137, 161, 500, 520, 623, 1434, 1900, 5060, 5353, 11_211]
            .into_iter()
            .for_each(|port| capture.udp(outside(1), HOST, port).after(800));
    }),
    ("a scan with source port 53", &["port scan"], |capture| {
        for port in 100..=140 {
            capture.datagram((outside(1), 53), (HOST, port), 0);
            capture.tcp((outside(1), 53), (HOST, port), SYN, 1024, &[2, 4, 5, 180]).after(100);
        }
    }),
    ("patient guesses of passwords", &["brute force"], |capture| {
        (0..60).for_each(|_| capture.session(outside(1), HOST, 22).after(9000));
    }),
    ("a flood that forges addresses", &["syn flood"], |capture| {
        for forged in 0..6000 {
            capture.syn(outside(forged), HOST, 80).after(0);
            if forged % 100 == 0 {
                capture.session(outside(100_000 + forged), HOST, 80).after(5);
            }
        }
    }),
    ("a scan from all over a small network", &["distributed scan"], |capture| {
        shuffled(120, 7).for_each(|n| {
            let host = u8::try_from(n % 30 + 1).expect("small");
            capture.connect([45, 83, 64, host], HOST, 600 + half(small(n))).after(900);
        });
    }),
    ("a fast scan of all doors", &["port scan"], |capture| {
        shuffled(20_000, 8).for_each(|port| capture.syn(outside(1), HOST, 1 + half(small(port))).after(0));
    }),
];

/// What happens, to people from this number on.
pub(super) type Benign = (&'static str, fn(&mut Capture, u32));

const BENIGN: [Benign; 18] = [
    ("an office behind one address", |capture, who| {
        let doors = [443, 443, 80, 993, 143, 443, 22, 443, 25, 8080];
        for number in 0..1500 {
            capture.session(outside(who + 1), HOST, doors[number % doors.len()]).after(400);
            // Somebody's printer, telephone, share; an old bookmark.
            if let Some(port) =
                [(300, 8443), (700, 5060), (900, 445), (1300, 3000)].iter().find(|(at, _)| *at == number)
            {
                (0..3).for_each(|_| capture.connect(outside(who + 1), HOST, port.1).after(1000));
            }
        }
    }),
    ("a monitoring system, with checks of what is gone", |capture, who| {
        for _ in 0..120 {
            capture.ping(outside(who + 1), HOST).after(200);
            [22, 25, 80, 443, 993, 9100, 5666]
                .into_iter()
                .for_each(|port| capture.connect(outside(who + 1), HOST, port).after(300));
            capture.udp(outside(who + 1), HOST, 161).after(58_000);
        }
    }),
    ("peers of a torrent client that was restarted", |capture, who| {
        for peer in 0..400 {
            let from = (outside(who + peer), 6881 + half(peer % 50));
            for _ in 0..3 {
                capture.datagram(from, (HOST, 51_413), 60).after(300);
            }
            capture.connect(from.0, HOST, 51_413).after(200);
        }
    }),
    ("a resolver whose answers come late", |capture, who| {
        for number in 0..300 {
            let (from, server) =
                ((HOST, 20_000 + half(spread(number)) % 40_000), (outside(who + number % 40), 53));
            capture.datagram(from, server, 40).after(100);
            if number % 3 == 0 {
                capture.after(31_000);
            }
            capture.datagram(server, from, 120).after(100);
        }
    }),
    ("a browser that tries both families and both protocols", |capture, who| {
        for visit in 0..40 {
            let v6: IpAddr = [0x2a02, 0x810, 1, 2, 3, 4, 5, 6].into();
            for port in [443, 80] {
                let from = (v6, 50_000 + visit);
                capture.connect_from(from, HOST_V6, port);
                capture.tcp(from, (HOST_V6, port), RST, 0, &[]).after(30);
                capture.session(outside(who + 1), HOST, port).after(100);
            }
            (0..3).for_each(|_| capture.udp(outside(who + 1), HOST, 443).after(300));
        }
    }),
    ("a mail server's peers, who ask who we are", |capture, who| {
        for number in 0..200 {
            let peer = outside(who + number / 4);
            capture.session(peer, HOST, 25).after(200);
            if number % 4 == 0 {
                (0..2).for_each(|_| capture.connect(peer, HOST, 113).after(3000));
            }
            capture.after(4000);
        }
    }),
    ("health checks that don't wait for an answer", |capture, _| {
        for _ in 0..60 {
            for edge in 1..=24_u8 {
                let from = (IpAddr::from([104, 16, 8, edge]), 30_000 + u16::from(edge));
                for port in [80, 443] {
                    capture
                        .connect_from(from, HOST, port)
                        .tcp(from, (HOST, port), RST | ACK, 0, &[])
                        .after(100);
                }
            }
        }
    }),
    ("a crawler", |capture, who| {
        for number in 0..1500 {
            capture.session(outside(who + 1), HOST, [443, 443, 80][number % 3]).after(60);
        }
    }),
    ("a laptop that looks for its services", |capture, who| {
        let laptop = outside(who + 1);
        for port in [143, 993, 110, 995, 25, 465, 587] {
            (0..3).for_each(|_| capture.connect(laptop, HOST, port).after(1000));
        }
        [137, 138].into_iter().for_each(|port| capture.udp(laptop, HOST, port).after(500));
        [445, 139].into_iter().for_each(|port| capture.connect(laptop, HOST, port).after(500));
    }),
    ("announcements to everybody", |capture, _| {
        for number in 0..100 {
            let neighbour = behind(100 + number % 20);
            for (to, port) in [
                ([255, 255, 255, 255], 67),
                ([10, 77, 1, 255], 137),
                ([224, 0, 0, 251], 5353),
                ([239, 255, 255, 250], 1900),
            ] {
                capture.datagram((neighbour, port), (to.into(), port), 100).after(100);
            }
        }
    }),
    ("a developer who forgets what runs where", |capture, who| {
        for port in [3000, 5000, 5173, 8000, 8081] {
            (0..4).for_each(|_| capture.connect(outside(who + 1), HOST, port).after(700));
        }
        (0..20).for_each(|_| capture.session(outside(who + 1), HOST, 22).after(30_000));
    }),
    ("a tunnel whose other end was switched off", |capture, who| {
        (0..500).for_each(|_| capture.datagram((outside(who + 1), 51_820), (HOST, 51_820), 148).after(5000));
    }),
    ("routers on the way, counted in three ways", |capture, who| {
        for hop in 1..=20_u8 {
            let datagram = super::made_up::udp(40_000, 33_434 + u16::from(hop), 24);
            capture.ip(outside(who + 1), HOST, 17, hop / 4 + 1, &datagram).after(300);
            capture.ping(outside(who + 1), HOST).after(300);
            capture.connect(outside(who + 1), HOST, 80).after(300);
        }
    }),
    ("answers to what somebody else sent in our name", |capture, who| {
        for number in 0..800 {
            let from = (outside(who + number % 30), [80, 443][number as usize % 2]);
            let to = (HOST, 1024 + half(spread(number)) % 60_000);
            capture.tcp(from, to, SYN | ACK, 65_535, &[2, 4, 5, 180]).after(20);
            if number % 4 == 0 {
                capture.tcp(from, to, RST, 0, &[]).after(5);
            }
        }
    }),
    ("clients of a service that went down", |capture, who| {
        for client in 0..150 {
            (0..4).for_each(|_| capture.connect(outside(who + client), HOST, 9443).after(400));
        }
    }),
    ("visitors whose sessions the host has forgotten", |capture, who| {
        for client in 0..200_u16 {
            let (from, to) = ((outside(who + u32::from(client)), 40_000 + client), (HOST, 443));
            (0..3).for_each(|_| {
                capture.tcp(from, to, ACK, 502, &[]).after(200);
            });
            if capture_answers(capture) {
                capture.tcp(to, from, RST, 0, &[]).after(10);
            }
        }
    }),
    ("the Internet's background", |capture, who| {
        for number in 0..300 {
            let port = [23, 22, 445, 8080, 5060, 3389, 80, 443, 6379, 81][spread(number) as usize % 10];
            capture.syn(outside(who + number), HOST, port).after(12_000);
        }
    }),
    ("an update of packages through a mirror that is slow", |capture, who| {
        for number in 0..60_u16 {
            let (from, to) = ((HOST, 33_000 + number), (outside(who + 7), 443));
            capture.tcp(from, to, SYN, 64_240, &[2, 4, 5, 180]).after(900);
            capture.tcp(to, from, SYN | ACK, 65_535, &[2, 4, 5, 180]).tcp(from, to, ACK, 502, &[]);
            capture.tcp(from, to, RST | ACK, 0, &[]).after(15_000);
            capture.tcp(to, from, ACK, 502, &[]).after(200);
        }
    }),
];

/// Whether the host says so when nobody is there.
fn capture_answers(capture: &Capture) -> bool {
    capture.posture() == Posture::Open
}

/// The numbers below `many` in an order of their own for each seed.
pub(super) fn shuffled(many: usize, seed: u32) -> impl Iterator<Item = usize> {
    let mut numbers: Vec<usize> = (0..many).collect();
    numbers.sort_by_key(|&number| spread(small(number) ^ seed << 20));
    numbers.into_iter()
}

pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).expect("small")
}

#[test]
fn hostile_scenes_are_found_and_named() {
    let play = Play::new();
    let mut wrong = Vec::new();
    for posture in [Posture::Drop, Posture::Open] {
        for (what, names, make) in HOSTILE.iter().chain(&neighbours::HOSTILE) {
            let mut capture = Capture::at(posture);
            make(&mut capture);
            let found = play.incidents(&capture, posture, &[]);
            let called: Vec<_> =
                found.iter().map(|incident| incident["pattern"].as_str().unwrap_or_default()).collect();
            let named = called.iter().any(|name| names.contains(name));
            if !named || called.len() > 2 {
                let told: Vec<_> = found.iter().map(|incident| incident["summary"].to_string()).collect();
                wrong.push(format!("{posture:?}: {what}: {told:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn benign_scenes_are_nothing() {
    let play = Play::new();
    let mut wrong = Vec::new();
    for posture in [Posture::Drop, Posture::Open] {
        for (what, make) in BENIGN.iter().chain(&neighbours::BENIGN) {
            let mut capture = Capture::at(posture);
            make(&mut capture, 0);
            let found = play.incidents(&capture, posture, &[]);
            if !found.is_empty() {
                let told: Vec<_> = found.iter().map(|incident| incident["summary"].to_string()).collect();
                wrong.push(format!("{posture:?}: {what}: {told:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All that is benign at once, and a scanner in it, who has to be found by himself.
#[test]
fn a_scanner_is_found_in_a_crowd() {
    let play = Play::new();
    for posture in [Posture::Drop, Posture::Open] {
        let mut all = Capture::at(posture);
        for ((_, make), scene) in BENIGN.iter().zip(0..) {
            let mut capture = Capture::at(posture);
            make(&mut capture, scene * 10_000);
            all.with(capture);
        }
        let mut scan = Capture::at(posture);
        let scanner = outside(777_777);
        shuffled(TOP.len(), 9).for_each(|place| scan.connect(scanner, HOST, TOP[place]).after(2000));
        all.with(scan);
        let found = play.incidents(&all, posture, &[]);
        let sources: Vec<_> =
            found.iter().map(|incident| incident["source"].as_str().unwrap_or_default()).collect();
        assert_eq!(sources, [scanner.to_string()], "{posture:?} of {} packets: {found:#?}", all.len());
    }
}
