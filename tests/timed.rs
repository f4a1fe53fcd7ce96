//! Rules that let through so much at a time, and rules that count for a time.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

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

/// When the rule's time is over, its flows are cut, and others go on.
#[test]
fn a_rule_that_expires_takes_its_flows_with_it() {
    let Some(bed) = Bed::new() else { return };
    let ends = jiff::Timestamp::now() + patience(Duration::from_millis(2500));
    let config = format!(
        "[policy]\ninput = \"drop\"\n\
         [[rule]]\nname = \"guest\"\nprotocol = \"tcp\"\nport = 80\naction = \"accept\"\nexpires = \"{ends}\"\n\
         [[rule]]\nname = \"host\"\nprotocol = \"tcp\"\nport = 81\naction = \"accept\"\n"
    );
    let daemon = Daemon::start(&bed, &config);
    let mut guests = GATE.map(|gate| Flow::tcp(&bed.peer, &bed.gate, (gate, 80)));
    let mut hosts = GATE.map(|gate| Flow::tcp(&bed.peer, &bed.gate, (gate, 81)));
    assert!(guests.iter_mut().chain(&mut hosts).all(Flow::lives));
    let over = || daemon.stderr().contains("generation 2 is live").then_some(());
    eventually(Duration::from_secs(6), over).expect("the table follows the time");
    assert!(jiff::Timestamp::now() >= ends, "not too early");
    for guest in &mut guests {
        assert_eq!([guest.client_sends(), guest.server_sends()], [Reset; 2]);
    }
    assert!(hosts.iter_mut().all(Flow::lives));
    drop(guests);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
    assert_eq!(daemon.record(|record| record["drop"]["reason"] == "flow cut")["proto"], "TCP");
}
