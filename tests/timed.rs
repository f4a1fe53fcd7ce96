//! Rules that let through so much at a time, and rules that count for a time.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::Value;

use crate::bed::{Bed, Daemon, Flow, GATE, Namespace, Outcome::*, PEER, Passage::*, eventually, patience};

const PORT: u16 = 7000;

/// A limit of datagram flows, at most `burst` at once, then ten a second.
fn limited(burst: u32) -> String {
    format!(
        "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"few\"\nprotocol = \"udp\"\nport = {PORT}\n\
         action = \"accept\"\nrate = \"10/s per source, burst {burst}\"\n"
    )
}

/// Sends `count` datagrams from `source`, each from a port of its own: so many flows.
fn flood(from: &Namespace, source: IpAddr, to: IpAddr, count: usize) {
    from.run(|| {
        for _ in 0..count {
            let socket = UdpSocket::bind((source, 0)).expect("an address of ours");
            socket.send_to(b"x", (to, PORT)).expect("there is a route");
        }
    });
}

/// What has arrived, by sender.
struct Arrivals(UdpSocket);

impl Arrivals {
    fn at(host: &Namespace, address: IpAddr) -> Self {
        let socket = host.run(|| UdpSocket::bind((address, PORT)).expect("the port is free"));
        socket.set_nonblocking(true).expect("a socket");
        Self(socket)
    }

    fn take(&self) -> Vec<IpAddr> {
        let mut senders = Vec::new();
        loop {
            match self.0.recv_from(&mut [0]) {
                Ok((_, sender)) => senders.push(SocketAddr::ip(&sender)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return senders,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Packets of this daemon that exceeded a rate.
fn exceeded(daemon: &Daemon<'_>) -> u64 {
    let status: Value = serde_json::from_slice(&daemon.ask(&["status", "--json"]).stdout).expect("JSON");
    let reasons = status["packets"]["reasons"].as_array().expect("a list").iter();
    reasons.filter(|reason| reason[0] == "rate exceeded").filter_map(|reason| reason[1].as_u64()).sum()
}

#[test]
fn a_flood_gets_its_rate_and_others_theirs() {
    let Some(bed) = Bed::new() else { return };
    let config = limited(20);
    let daemon = Daemon::start(&bed, &config);
    for (address, crowd) in GATE.into_iter().zip([v4 as fn(u8) -> IpAddr, v6]) {
        let arrivals = Arrivals::at(&bed.gate, address);
        bed.peer.sh(&(1..=4)
            .map(|n| format!("ip address add {} dev eth0\n", prefix(crowd(n))))
            .collect::<String>());
        let before = exceeded(&daemon);
        let begun = Instant::now();
        flood(&bed.peer, crowd(1), address, 2000);
        // Some of it may find the queue's socket full, the nfq crate's above all.
        eventually(Duration::from_secs(10), || (exceeded(&daemon) - before >= 1000).then_some(()))
            .expect("most of the flood is too much");
        std::thread::sleep(patience(Duration::from_millis(300)));
        flood(&bed.peer, crowd(2), address, 5);
        std::thread::sleep(patience(Duration::from_millis(300)));
        let most = 20 + 10 * usize::try_from(begun.elapsed().as_secs() + 1).expect("a small number");
        let senders = arrivals.take();
        let from = |n| senders.iter().filter(|sender| **sender == crowd(n)).count();
        assert!((20..=most).contains(&from(1)), "{} of a flood, at most {most}", from(1));
        // A whole /64 is one source: its second address pays for the first.
        assert!(if address.is_ipv4() { from(2) == 5 } else { from(2) <= 5 }, "{} of five", from(2));

        // A reload is no second burst, as long as the rule is the same.
        daemon.reload(&(config.clone() + "[[test]]\npacket = \"input udp 192.0.2.9:1 -> 192.0.2.1:7000\"\nexpect = \"accept\"\n"))
            .expect("one packet is never too much");
        flood(&bed.peer, crowd(1), address, 200);
        std::thread::sleep(patience(Duration::from_millis(300)));
        let most = 10 * usize::try_from(begun.elapsed().as_secs() + 1).expect("a small number");
        let after = arrivals.take().len();
        assert!(after <= most, "{after} of the flood after the reload, at most {most}");
    }
    let record = daemon.record(|record| record["drop"]["reason"] == "rate exceeded");
    assert_eq!(record["alert"]["signature"], "few");
    assert_eq!(daemon.incidents(), Vec::<Value>::new(), "an open door's crowd is no scan");
}

fn v4(host: u8) -> IpAddr {
    Ipv4Addr::new(10, 77, 1, 100 + host).into()
}

fn v6(host: u8) -> IpAddr {
    Ipv6Addr::new(0xfd77, 1, 0, 0, 0, 0, 1, u16::from(host)).into()
}

fn prefix(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 24 } else { 64 })
}

#[test]
fn packets_of_a_flow_that_is_through_are_not_counted() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, &limited(1).replace("10/s", "1/h"));
    let arrivals = Arrivals::at(&bed.gate, GATE[0]);
    let (one, other) =
        bed.peer.run(|| [0, 0].map(|port| UdpSocket::bind((PEER[0], port)).expect("a port"))).into();
    // Nobody answers, so to connection tracking the flow stays new.
    for packets in [1, 50] {
        for _ in 0..packets {
            one.send_to(b"x", (GATE[0], PORT)).expect("there is a route");
        }
        let mut arrived = 0;
        eventually(Duration::from_secs(5), || {
            arrived += arrivals.take().len();
            (arrived == packets).then_some(())
        })
        .unwrap_or_else(|| panic!("{arrived} of {packets} arrived"));
    }
    other.send_to(b"x", (GATE[0], PORT)).expect("there is a route");
    daemon.record(|record| record["drop"]["reason"] == "rate exceeded");
    assert!(arrivals.take().is_empty());
}

#[test]
fn monitor_mode_says_what_would_be_too_much() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, &format!("mode = \"monitor\"\n{}", limited(1)));
    let arrivals = Arrivals::at(&bed.gate, GATE[0]);
    flood(&bed.peer, PEER[0], GATE[0], 10);
    let record = daemon.record(|record| record["drop"]["reason"] == "rate exceeded");
    assert_eq!(record["verdict"]["action"], "accept");
    assert_eq!(record["alert"]["metadata"]["would"][0], "drop");
    let mut arrived = 0;
    eventually(Duration::from_secs(3), || {
        arrived += arrivals.take().len();
        (arrived == 10).then_some(())
    })
    .unwrap_or_else(|| panic!("{arrived} of 10 arrived"));
}

/// A time zone in which it is noon at `time`.
fn zone_with_noon_at(time: Timestamp) -> String {
    let ahead = 12 * 3600 - time.as_second().rem_euclid(86_400);
    let (sign, ahead) = if ahead < 0 { ('+', -ahead) } else { ('-', ahead) };
    format!("NOON{sign}{}:{:02}:{:02}", ahead / 3600, ahead / 60 % 60, ahead % 60)
}

/// When the time of rules is over, their flows are cut, others go on, and rules begin to count whose time has come.
#[test]
fn a_rule_whose_time_is_over_takes_its_flows_with_it() {
    // Where the machine is too slow to see the flows before that, it gets more time.
    let margins = [3, 6, 12, 24, 48];
    assert!(margins.into_iter().any(sees_the_edge), "there never was enough time");
}

/// Whether it was seen before it came, and then came as it should.
fn sees_the_edge(margin: u64) -> bool {
    let Some(bed) = Bed::new() else { return true };
    bed.gate.echo(83);
    // Connection tracking knows the flows before the firewall does.
    bed.gate
        .nft("table inet watch { chain new { type filter hook input priority 0; ct state new accept; }; }");
    let flows = |port: u16| GATE.map(|gate| Flow::tcp(&bed.peer, &bed.gate, (gate, port)));
    let (mut guests, mut hosts, mut morning) = (flows(80), flows(81), flows(82));
    let margin = i64::try_from(patience(Duration::from_secs(margin)).as_secs()).expect("not for ever");
    let ends = Timestamp::from_second(Timestamp::now().as_second() + margin).expect("a time");
    let rule = |name: &str, port: u16, times: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nprotocol = \"tcp\"\nport = {port}\naction = \"accept\"\n{times}\n"
        )
    };
    let config = [
        "[policy]\ninput = \"drop\"\n".to_owned(),
        rule("guest", 80, &format!("expires = \"{ends}\"")),
        rule("host", 81, ""),
        rule("morning", 82, "schedule = \"00:00-12:00\""),
        rule("afternoon", 83, "schedule = \"12:00-24:00\""),
    ];
    let daemon = Daemon::start_in_zone(&bed, &config.concat(), &zone_with_noon_at(ends));
    let all_live = guests.iter_mut().chain(&mut hosts).chain(&mut morning).all(Flow::lives);
    let afternoon = bed.peer.tcp((GATE[0], 83));
    if Timestamp::now() >= ends {
        return false;
    }
    assert_eq!((all_live, afternoon), (true, Silent));
    let over = || daemon.stderr().contains("generation 2 is live").then_some(());
    eventually(Duration::from_secs(60), over).expect("the table follows the time");
    assert!(Timestamp::now() >= ends, "not too early");
    for flow in guests.iter_mut().chain(&mut morning) {
        assert_eq!([flow.client_sends(), flow.server_sends()], [Reset; 2]);
    }
    assert!(hosts.iter_mut().all(Flow::lives));
    assert_eq!(GATE.map(|gate| bed.peer.tcp((gate, 83))), [Answered; 2]);
    drop((guests, morning));
    assert_eq!([80, 82].map(|port| bed.peer.tcp((GATE[0], port))), [Silent; 2]);
    assert_eq!(daemon.record(|record| record["drop"]["reason"] == "flow cut")["proto"], "TCP");
    true
}
