//! Many queues, and full ones.

use std::{
    env,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use crate::bed::{Bed, Daemon, GATE, Outcome::*, PEER, eventually};

/// Packets that are sent before it is asked whether the queue, which has room for 16,384, is full.
const SOME: usize = 2000;

fn open(queue: &str) -> String {
    format!(
        r#"
        [policy]
        input = "drop"
        [queue]
        {queue}
        [[rule]]
        name   = "web"
        hook   = "input"
        port   = 80
        action = "accept"
        "#
    )
}

/// Sockets of the peer's, each a flow of its own.
fn senders(bed: &Bed, gate: IpAddr, port: u16, number: usize) -> Vec<UdpSocket> {
    let own = SocketAddr::from((if gate.is_ipv4() { PEER[0] } else { PEER[1] }, 0));
    let sender = || {
        let socket = UdpSocket::bind(own).expect("a free port");
        socket.connect((gate, port)).expect("there is a route");
        socket.set_nonblocking(true).expect("a socket");
        socket
    };
    bed.peer.run(|| (0..number).map(|_| sender()).collect())
}

/// How many of these hear from an echo server in the end.
fn answered(senders: &[UdpSocket]) -> usize {
    let mut waiting: Vec<&UdpSocket> = senders.iter().collect();
    let _ = eventually(Duration::from_secs(5), || {
        // Asking again does no harm where a first question was lost on its way.
        waiting.retain(|socket| socket.recv(&mut [0; 8]).is_err());
        waiting.is_empty().then_some(())
    });
    senders.len() - waiting.len()
}

/// Every queue judges by the same rules, before and after a reload, whichever a flow falls to.
fn all_judge_alike(first: u16, last: u16, spread: usize) {
    let Some(bed) = Bed::new() else { return };
    for port in [80, 81] {
        bed.gate.echo(port);
    }
    let numbers = format!("numbers = \"{first}-{last}\"\ninspect = \"all\"");
    let daemon = Daemon::start(&bed, &open(&numbers));
    for accepted in [80, 81] {
        let refused = if accepted == 80 { 81 } else { 80 };
        let flows = GATE.map(|gate| [accepted, refused].map(|port| senders(&bed, gate, port, spread)));
        for socket in flows.iter().flatten().flatten() {
            socket.send(b"?").expect("there is room");
        }
        for [open, shut] in &flows {
            assert_eq!(answered(open), spread);
            assert!(shut.iter().all(|socket| socket.recv(&mut [0; 8]).is_err()));
        }
        assert_eq!(bed.peer.tcp((GATE[0], accepted)), Answered);
        assert_eq!(bed.peer.tcp((GATE[0], refused)), Silent);
        daemon.reload(&open(&numbers).replace("80", "81")).expect("a valid configuration");
    }
    let status = daemon.status();
    let queues = status["queues"].as_array().expect("a list");
    assert_eq!(queues.len(), usize::from(last - first) + 1);
    let packets = |queue: &serde_json::Value| queue["packets"].as_u64().expect("a number");
    let queued: u64 = queues.iter().map(packets).sum();
    let counted =
        ["accepted", "dropped"].map(|counter| status["packets"][counter].as_u64().expect("a number"));
    assert_eq!(counted.iter().sum::<u64>(), queued, "each is judged once");
    assert_eq!(status["packets"]["errors"], 0);
    assert_eq!(status["unjudged"], 0);
    daemon.terminate();
}

#[test]
fn sixteen_queues_judge_alike() {
    all_judge_alike(7300, 7315, 64);
}

#[test]
fn sixty_four_queues_judge_alike() {
    all_judge_alike(7300, 7363, 128);
}

#[test]
fn what_an_open_queue_lets_pass_unjudged_is_counted() {
    if env::var_os("TEST_BACKEND").is_some_and(|backend| backend == "nfq") {
        // That crate's socket is full long before its queue is.
        return;
    }
    let Some(bed) = Bed::new() else { return };
    bed.gate.nft(
        "table inet watch { counter arrived { }
            chain last { type filter hook input priority 300; udp dport 81 counter name arrived drop; }; }",
    );
    let daemon = Daemon::start(&bed, &open("numbers = 7300\non-overload = \"accept\""));
    daemon.freeze();
    let sender = &senders(&bed, GATE[0], 81, 1)[0];
    let passed = || bed.gate.packets("arrived");
    let full = eventually(Duration::from_secs(20), || {
        for _ in 0..SOME {
            // The sender's own buffer may be full, too.
            let _ = sender.send(b"?");
        }
        (passed() > 0).then_some(())
    });
    full.expect("the queue is full at last, and open");
    daemon.thaw();
    let judged = eventually(Duration::from_secs(20), || {
        let status = daemon.status();
        (status["queues"][0]["waiting"] == 0).then_some(status)
    });
    let status = judged.expect("what waited is judged");
    assert_eq!(status["unjudged"], passed());
    assert_eq!(status["queues"][0]["dropped_full"], 0, "the queue itself knows nothing of it");
    assert_eq!(status["degraded"][0]["reason"], "passed-unjudged", "{status}");
}
