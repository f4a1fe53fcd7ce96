//! Accepted flows: who carries them, what a reload does to them, whose marks stay whose.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::bed::{Bed, Daemon, Flow, GATE, INNER, Outcome::*, PEER, Passage::*};

/// Everything is closed, but for one port.
const ONE_PORT: &str = r#"
    [policy]
    input   = "drop"
    output  = "drop"
    forward = "drop"
    [[rule]]
    name     = "the service"
    protocol = ["tcp", "udp"]
    port     = 80
    action   = "accept"
"#;

/// The same and some more, so that the rules have other numbers.
fn one_port_and_more() -> String {
    ONE_PORT.replacen(
        "[[rule]]",
        "[[rule]]\nname = \"another\"\nprotocol = \"tcp\"\nport = 81\naction = \"accept\"\n[[rule]]",
        1,
    )
}

/// A connection and a datagram flow through each hook, both families.
fn flows_through_every_hook(bed: &Bed) -> Vec<Flow> {
    let mut flows = Vec::new();
    for family in 0..2 {
        for flow in [Flow::tcp, Flow::udp] {
            flows.push(flow(&bed.peer, &bed.gate, (GATE[family], 80)));
            flows.push(flow(&bed.gate, &bed.peer, (PEER[family], 80)));
            flows.push(flow(&bed.peer, &bed.inner, (INNER[family], 80)));
        }
    }
    flows
}

#[test]
fn the_kernel_carries_an_accepted_flow() {
    let Some(bed) = Bed::new() else { return };
    let _daemon = Daemon::start(&bed, ONE_PORT);
    let mut flows = flows_through_every_hook(&bed);
    assert!(flows.iter_mut().all(Flow::lives));
    let before = bed.gate.queued();
    assert!(before > 0, "the first packets are judged by us");
    for _ in 0..10 {
        assert!(flows.iter_mut().all(Flow::lives));
    }
    assert_eq!(bed.gate.queued(), before);
}

#[test]
fn inspect_all_judges_every_packet() {
    let Some(bed) = Bed::new() else { return };
    let _daemon = Daemon::start(&bed, &format!("{ONE_PORT}\n[queue]\ninspect = \"all\""));
    let mut flow = Flow::udp(&bed.peer, &bed.gate, (GATE[0], 80));
    let before = bed.gate.queued();
    for _ in 0..10 {
        assert!(flow.lives());
    }
    assert_eq!(bed.gate.queued(), before + 20);
}

#[test]
fn a_reload_that_keeps_the_rule_keeps_its_flows() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, ONE_PORT);
    let mut flows = flows_through_every_hook(&bed);
    assert!(flows.iter_mut().all(Flow::lives));
    daemon.reload(&one_port_and_more()).expect("a valid configuration");
    assert!(flows.iter_mut().all(Flow::lives));
    // Idle through several generations; then the side that was called speaks first.
    for _ in 0..3 {
        daemon.reload(ONE_PORT).expect("a valid configuration");
        daemon.reload(&one_port_and_more()).expect("a valid configuration");
    }
    assert!(flows.iter_mut().all(|flow| flow.server_sends() == Arrived && flow.lives()));
    thread::sleep(Duration::from_millis(50));
    let before = bed.gate.queued();
    assert!(flows.iter_mut().all(Flow::lives));
    assert_eq!(bed.gate.queued(), before, "the kernel carries them again");
}

#[test]
fn a_flow_survives_more_reloads_than_the_mark_has_generations() {
    let Some(bed) = Bed::new() else { return };
    // Six bits tell 29 generations apart.
    let few = format!("{ONE_PORT}\n[hook]\nmask = 0x3f000000");
    let daemon = Daemon::start(&bed, &few);
    let mut busy = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 80));
    let mut idle = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 80));
    assert!(idle.lives());
    for _ in 0..40 {
        daemon.reload(&few).expect("a valid configuration");
        assert!(busy.lives());
    }
    assert!(idle.lives());
}

#[test]
fn a_hundred_thousand_flows_outlive_more_reloads_than_the_mark_has_generations() {
    let Some(bed) = Bed::new() else { return };
    let few = format!("{ONE_PORT}\n[hook]\nmask = 0x3f000000");
    let daemon = Daemon::start(&bed, &few);
    // Flows that nobody is heard of any more, marked as if the first generation had accepted them.
    let mark = u32::from_str_radix(
        bed.gate.sh("nft list chain inet portcullis generation | grep -o '== 0x[0-9a-f]*'").trim()[5..]
            .trim(),
        16,
    )
    .expect("the generation's mark");
    let list = bed.home().join("flows");
    let flows: String = (0..100_000u32)
        .map(|n| {
            let peer = Ipv4Addr::from(0x0a64_0000 + n);
            format!(
                "-I -t 3600 -u SEEN_REPLY,ASSURED -p udp -s {peer} -d 10.77.1.1 -r 10.77.1.1 -q {peer} \
                 --sport 1000 --dport 80 --reply-port-src 80 --reply-port-dst 1000 -m {mark}\n"
            )
        })
        .collect();
    fs::write(&list, flows).expect("our directory");
    bed.gate.sh(&format!("conntrack --load-file {} >/dev/null 2>&1", list.display()));
    let marked = || -> usize {
        let listed = bed.gate.sh(&format!("conntrack -L -m {mark}/0x3f000000 2>/dev/null | wc -l"));
        listed.trim().parse().expect("a number")
    };
    assert_eq!(marked(), 100_000);
    let mut busy = Flow::udp(&bed.peer, &bed.gate, (GATE[0], 80));
    for _ in 0..31 {
        daemon.reload(&few).expect("a valid configuration");
        assert!(busy.lives());
    }
    assert_eq!(marked(), 0, "before its number is used again, no flow carries it");
    let status = String::from_utf8(daemon.ask(&["status", "--json"]).stdout).expect("text");
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["degraded"], Value::Array(Vec::new()), "{status}");
}

#[test]
fn datagrams_that_nobody_answers_are_judged_one_by_one() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, ONE_PORT);
    for (gate, inner) in GATE.into_iter().zip(INNER) {
        let mut flows = [
            Flow::udp(&bed.peer, &bed.gate, (gate, 80)),
            Flow::udp(&bed.peer, &bed.inner, (inner, 80)),
            Flow::udp(&bed.gate, &bed.inner, (inner, 80)),
        ];
        let before = bed.gate.queued();
        for _ in 0..5 {
            assert!(flows.iter_mut().all(|flow| flow.client_sends() == Arrived));
        }
        // Only what was answered is established, and carried by the kernel.
        assert_eq!(bed.gate.queued(), before + 15);
        daemon.reload(&ONE_PORT.replace("port     = 80", "port     = 81")).expect("a valid configuration");
        assert!(flows.iter_mut().all(|flow| flow.client_sends() == Lost));
        daemon.reload(ONE_PORT).expect("a valid configuration");
        assert!(flows.iter_mut().all(|flow| flow.client_sends() == Arrived && flow.lives()));
    }
}

#[test]
fn a_connection_whose_answers_go_another_way_is_judged_packet_by_packet() {
    let Some(bed) = Bed::new() else { return };
    bed.join_behind_the_gate();
    let daemon = Daemon::start(&bed, ONE_PORT);
    let mut flows: Vec<Flow> = INNER.map(|inner| Flow::tcp(&bed.peer, &bed.inner, (inner, 80))).into();
    for _ in 0..5 {
        assert!(flows.iter_mut().all(Flow::lives));
    }
    daemon.reload(&one_port_and_more()).expect("a valid configuration");
    assert!(flows.iter_mut().all(Flow::lives));
    daemon.reload(&ONE_PORT.replace("port     = 80", "port     = 81")).expect("a valid configuration");
    assert!(flows.iter_mut().all(|flow| flow.client_sends() != Arrived));
}

#[test]
fn a_related_connection_is_judged_like_any_other() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(40000);
    bed.gate.sh("iptables -w -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp");
    let ftp = |state: &str| {
        format!(
            "[policy]\ninput = \"drop\"\n\
             [[rule]]\nname = \"ftp\"\nhook = \"input\"\nprotocol = \"tcp\"\nport = 21\naction = \"accept\"\n{state}"
        )
    };
    let daemon = Daemon::start(&bed, &ftp(""));
    let control = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 21));
    let announce = || {
        assert_eq!(control.server_sends_text("220 ready\r\n"), Arrived);
        assert_eq!(control.server_sends_text("227 Entering Passive Mode (10,77,1,1,156,64)\r\n"), Arrived);
    };
    announce();
    assert_eq!(bed.peer.tcp((GATE[0], 40000)), Silent);
    daemon.record(|r| r["dest_port"] == 40000);
    let related = "[[rule]]\nname = \"data\"\nhook = \"input\"\nstate = \"related\"\naction = \"accept\"";
    daemon.reload(&ftp(related)).expect("a valid configuration");
    announce();
    assert_eq!(bed.peer.tcp((GATE[0], 40000)), Answered);
}

#[test]
fn a_calls_media_are_related_to_its_signalling() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(40000);
    let helper = "-w -t raw -A PREROUTING -p udp --dport 5060 -j CT --helper sip";
    bed.gate.sh(&format!("iptables {helper}; ip6tables {helper}"));
    let sip = |more: &str| {
        format!(
            "[policy]\ninput = \"drop\"\n\
             [[rule]]\nname = \"calls\"\nhook = \"input\"\nprotocol = \"udp\"\nport = 5060\naction = \"accept\"\n{more}"
        )
    };
    let media = "[[rule]]\nname = \"media\"\nhook = \"input\"\nstate = \"related\"\naction = \"accept\"";
    let daemon = Daemon::start(&bed, &sip(""));
    for (gate, peer) in GATE.into_iter().zip(PEER) {
        // Where each wants to hear the other, as RFC 4566 has it.
        let session = |at: IpAddr, port| {
            let family = if at.is_ipv4() { "IP4" } else { "IP6" };
            let body = format!(
                "v=0\r\no=- 1 1 IN {family} {at}\r\ns=-\r\nc=IN {family} {at}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
            );
            format!("Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let flow = Flow::udp(&bed.peer, &bed.gate, (gate, 5060));
        let call = || {
            let invitation = format!("INVITE sip:b SIP/2.0\r\n{}", session(peer, 50000));
            assert_eq!(flow.client_sends_text(&invitation), Arrived);
            assert_eq!(
                flow.server_sends_text(&format!("SIP/2.0 200 OK\r\n{}", session(gate, 40000))),
                Arrived
            );
        };
        call();
        assert_eq!(bed.peer.udp_from((peer, 50000), (gate, 40000)), Silent);
        daemon.record(|r| r["dest_ip"] == gate.to_string() && r["dest_port"] == 40000);
        daemon.reload(&sip(media)).expect("a valid configuration");
        call();
        assert_eq!(bed.peer.udp_from((peer, 50000), (gate, 40000)), Answered);
        assert_eq!(bed.peer.udp_from((peer, 50000), (gate, 40004)), Silent, "nobody has spoken of that door");
        daemon.reload(&sip("")).expect("a valid configuration");
    }
}

#[test]
fn traffic_that_a_vpn_marked_keeps_its_route() {
    let Some(bed) = Bed::new() else { return };
    bed.peer.echo(80);
    for family in ["-4", "-6"] {
        bed.gate.sh(&format!(
            "ip {family} rule add not fwmark 0xca6c lookup 51820
             ip {family} route add unreachable default table 51820"
        ));
    }
    let _daemon = Daemon::start(&bed, ONE_PORT);
    for peer in PEER {
        assert_eq!(bed.gate.tcp_marked(0xca6c, (peer, 80)), Answered);
        assert_eq!(bed.gate.tcp((peer, 80)), Unreachable);
    }
}

#[test]
fn other_peoples_marks_stay_as_they_were() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.peer.echo(80);
    bed.gate.nft(
        "table inet watch {
            counter good {}
            counter bad {}
            chain mark-in  { type filter hook prerouting priority mangle; meta mark set 0x1234 ct mark set 0x55; }
            chain seen-in  { type filter hook input priority 200; iif outer jump judge; }
            chain seen-out { type filter hook postrouting priority 100; oif outer meta mark != 0 jump judge; }
            chain judge {
                meta l4proto != tcp return
                ct state new return
                meta mark 0x1234 ct mark & 0x80ffffff == 0x55 counter name good return
                counter name bad
            }
        }",
    );
    let _daemon = Daemon::start(&bed, ONE_PORT);
    for (gate, peer) in GATE.into_iter().zip(PEER) {
        assert_eq!(bed.peer.tcp((gate, 80)), Answered);
        assert_eq!(bed.gate.tcp_marked(0x1234, (peer, 80)), Answered);
    }
    assert!(bed.gate.packets("good") > 8);
    assert_eq!(bed.gate.packets("bad"), 0, "{}", bed.gate.sh("conntrack -L 2>&1"));
}

#[test]
fn sessions_older_than_the_firewall_live_on() {
    let Some(bed) = Bed::new() else { return };
    bed.peer.echo(443);
    let mut ours = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 80));
    let mut speaks_first = Flow::tcp(&bed.peer, &bed.gate, (GATE[1], 80));
    let mut theirs = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 2222));
    let config = ONE_PORT.replace("protocol", "hook = \"input\"\nprotocol");
    let _daemon = Daemon::start(&bed, &config);
    assert!(ours.lives());
    assert_eq!(speaks_first.server_sends(), Arrived, "its mirror image would be let in");
    assert!(speaks_first.lives());
    assert_eq!(theirs.server_sends(), Lost, "no rule lets its mirror image in");
    assert_eq!(theirs.client_sends(), Lost);
    assert_eq!(bed.gate.tcp((PEER[0], 443)), Silent);
}

#[test]
fn monitor_mode_lets_everything_pass_and_says_what_would_have_happened() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(113);
    bed.gate.echo(2222);
    let reject = "[[rule]]\nname = \"no ident\"\nhook = \"input\"\nport = 113\naction = \"reject\"";
    let config = ["mode = \"monitor\"", ONE_PORT, reject].join("\n");
    let daemon = Daemon::start(&bed, &config);
    for (port, would) in [(113, "reject"), (2222, "drop")] {
        assert_eq!(bed.peer.tcp((GATE[0], port)), Answered);
        assert_eq!(bed.peer.udp((GATE[1], port)), Answered);
        let record = daemon.record(|r| r["dest_port"] == port);
        assert_eq!(record["verdict"]["action"], "accept");
        assert_eq!(record["alert"]["metadata"]["would"][0], would);
    }
    daemon.kill9();
    assert_eq!(bed.peer.tcp((GATE[0], 2222)), Answered);
}
