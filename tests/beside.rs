//! Beside what others set up on the same host: a container engine, another firewall, traffic shaping.

use std::fs;

use serde_json::Value;

use crate::bed::{Bed, Daemon, Flow, GATE, INNER, Outcome::*, PEER, Snapshot, binary};

fn degraded(daemon: &Daemon<'_>) -> Value {
    let status: Value = serde_json::from_slice(&daemon.ask(&["status", "--json"]).stdout).expect("JSON");
    status["degraded"].clone()
}

/// Docker's rules for a container at 10.77.2.2 whose ports 80 to 82 are published as 8080 to 8082, with
/// `inner` in the place of docker0.
const DOCKER: &str = "
    iptables-restore -w <<'END'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.77.2.0/24 ! -o inner -j MASQUERADE
-A DOCKER -i inner -j RETURN
-A DOCKER ! -i inner -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.77.2.2:80
-A DOCKER ! -i inner -p tcp -m tcp --dport 8081 -j DNAT --to-destination 10.77.2.2:81
-A DOCKER ! -i inner -p tcp -m tcp --dport 8082 -j DNAT --to-destination 10.77.2.2:82
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o inner -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o inner -j DOCKER
-A FORWARD -i inner ! -o inner -j ACCEPT
-A FORWARD -i inner -o inner -j ACCEPT
-A DOCKER -d 10.77.2.2/32 ! -i inner -o inner -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER -d 10.77.2.2/32 ! -i inner -o inner -p tcp -m tcp --dport 81 -j ACCEPT
-A DOCKER -d 10.77.2.2/32 ! -i inner -o inner -p tcp -m tcp --dport 82 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i inner ! -o inner -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o inner -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
END";

#[test]
fn a_containers_published_port_is_a_door_like_any_other() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.sh(DOCKER);
    // The peer knows nothing of the network behind the host.
    bed.peer.sh("ip route del default; ip -6 route del default");
    for port in [80, 81] {
        bed.inner.echo(port);
        bed.peer.echo(port);
    }
    let published = |port| bed.peer.tcp((GATE[0], port));
    assert_eq!([published(8080), published(8081)], [Answered; 2]);
    let before = Snapshot::of(&bed.gate);
    let config = r#"
        [policy]
        input   = "drop"
        forward = "drop"
        [[rule]]
        name          = "the container's web server"
        hook          = "forward"
        out-interface = "inner"
        protocol      = "tcp"
        port          = [80, 82]
        action        = "accept"
        [[rule]]
        name         = "containers may fetch"
        hook         = "forward"
        in-interface = "inner"
        protocol     = "tcp"
        port         = [80, 82]
        action       = "accept"
    "#;
    let daemon = Daemon::start(&bed, config);
    assert_eq!([published(8080), published(8081)], [Answered, Silent]);
    let record = daemon.record(|record| record["dest_port"] == 81);
    assert_eq!((&record["dest_ip"], &record["in_iface"]), (&"10.77.2.2".into(), &"outer".into()));
    assert_eq!(bed.inner.tcp((PEER[0], 80)), Answered, "masqueraded");
    assert_eq!(bed.inner.tcp((PEER[0], 81)), Silent);

    let mut flow = Flow::tcp_translated(&bed.peer, &bed.inner, (GATE[0], 8082), (INNER[0], 82));
    let mut outward = Flow::tcp(&bed.inner, &bed.peer, (PEER[0], 82));
    daemon.reload(config).expect("a valid configuration");
    assert!(flow.lives() && outward.lives());
    // What the engine does whenever a container starts.
    bed.gate.sh("iptables -w -t nat -A DOCKER ! -i inner -p tcp --dport 8083 -j DNAT --to 10.77.2.2:80
                 iptables -w -t nat -D DOCKER ! -i inner -p tcp --dport 8083 -j DNAT --to 10.77.2.2:80");
    assert!(flow.lives() && outward.lives());
    assert_eq!(degraded(&daemon), Value::Array(Vec::new()));
    daemon.terminate();
    assert_eq!(Snapshot::of(&bed.gate), before);
    assert_eq!([published(8080), published(8081)], [Answered; 2]);
}

/// A door of the gate's that is another one behind it.
const TRANSLATED: &str = "
    table ip nat4  { chain p { type nat hook prerouting priority -100; ip daddr 10.77.1.1 tcp dport 8081 dnat to 10.77.2.2:81; }; }
    table ip6 nat6 { chain p { type nat hook prerouting priority -100; ip6 daddr fd77:1::1 tcp dport 8081 dnat to [fd77:2::2]:81; }; }";

/// Rules see where a packet goes; what it was sent to is recorded where the kernel tells, and where it doesn't, that is said.
#[test]
fn a_translated_packet_is_judged_by_where_it_goes_and_recorded_by_what_it_asked_for() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.nft(TRANSLATED);
    let config = "[policy]\nforward = \"drop\"\n[[rule]]\nname = \"web\"\nprotocol = \"tcp\"\nport = 80\naction = \"accept\"\n";
    let daemon = Daemon::start(&bed, config);
    let asked = |words: &[&str]| {
        let command = binary();
        let mut command = bed.gate.command(command.to_str().expect("a path in UTF-8"));
        command.args(words).arg("--config").arg(bed.config()).output().expect("the command runs")
    };
    let doctor = asked(&["doctor", "--json"]).stdout;
    let doctor: Value = serde_json::from_slice(&doctor).expect("JSON");
    let findings = doctor.as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["check"] == "translated packets").expect("it looks");
    let told = finding["severity"] == "fine";
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("proc");
    let nfq = std::env::var("TEST_BACKEND").is_ok_and(|backend| backend == "nfq");
    assert!(told || nfq || !release.contains("-cloud-"), "Debian's kernel tells: {finding}");
    assert_eq!(daemon.stderr().contains("forwarded packets that NAT has translated"), !told);
    let checked = String::from_utf8(asked(&["check"]).stderr).expect("text");
    assert_eq!(checked.contains("note: ") && checked.contains("were translated to"), !told, "{checked}");
    for (gate, inner) in GATE.into_iter().zip(INNER) {
        assert_eq!(bed.peer.tcp((gate, 8081)), Silent);
        let record = daemon.record(|record| record["dest_ip"] == inner.to_string());
        assert_eq!(record["dest_port"], 81);
        let asked_for = std::net::SocketAddr::from((gate, 8081)).to_string();
        let expected = if told { Value::from(vec![asked_for]) } else { Value::Null };
        assert_eq!(record["alert"]["metadata"]["original_destination"], expected, "{record}");
        assert_eq!(bed.peer.tcp((inner, 82)), Silent);
        let plain = daemon.record(|record| record["dest_port"] == 82);
        assert_eq!(plain["alert"]["metadata"]["original_destination"], Value::Null, "nothing was translated");
    }
}

/// The frame that firewalld 1.3 loads for a zone with ssh and http open.
const FIREWALLD: &str = r#"
    table inet firewalld {
        chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; }
        chain nat_PREROUTING { type nat hook prerouting priority dstnat + 10; policy accept; }
        chain filter_PREROUTING {
            type filter hook prerouting priority filter + 10; policy accept;
            icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
            meta nfproto ipv6 fib saddr . mark . iif oif missing drop
        }
        chain filter_INPUT {
            type filter hook input priority filter + 10; policy accept;
            ct state { established, related } accept
            ct status dnat accept
            iifname "lo" accept
            ct state invalid drop
            jump filter_IN_public
            reject with icmpx admin-prohibited
        }
        chain filter_IN_public {
            tcp dport 22 accept
            tcp dport { 80, 82 } accept
            meta l4proto { icmp, ipv6-icmp } accept
        }
    }"#;

#[test]
fn beside_firewalld_both_have_to_let_a_packet_in() {
    let Some(bed) = Bed::new() else { return };
    for port in [22, 80, 443] {
        bed.gate.echo(port);
    }
    bed.gate.nft(FIREWALLD);
    let open = || GATE.map(|gate| [22, 80, 443].map(|port| bed.peer.tcp((gate, port)) == Answered));
    assert_eq!(open(), [[true, true, false]; 2]);
    let before = Snapshot::of(&bed.gate);
    let config = r#"
        [policy]
        input = "drop"
        [[rule]]
        name     = "web"
        hook     = "input"
        protocol = "tcp"
        port     = [80, 82, 443]
        action   = "accept"
    "#;
    let daemon = Daemon::start(&bed, config);
    assert_eq!(open(), [[false, true, false]; 2]);
    let mut flow = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 82));
    // firewall-cmd --reload takes its own table away and loads it again.
    bed.gate.nft(&format!("delete table inet firewalld\n{FIREWALLD}"));
    assert_eq!(open(), [[false, true, false]; 2]);
    assert_eq!(bed.peer.tcp((GATE[0], 443)), Unreachable, "it is firewalld that refuses");
    assert!(flow.lives());
    assert_eq!(degraded(&daemon), Value::Array(Vec::new()));
    daemon.terminate();
    assert_eq!(Snapshot::of(&bed.gate), before);
}

/// Marks that traffic shaping saves on the connection and restores, with a mask and, as many do, without.
const SHAPING: [&str; 2] = [
    "-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff
-A PREROUTING -p tcp --dport 80 -m mark --mark 0x0/0xff -j MARK --set-xmark 0x10/0xff
-A POSTROUTING -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff",
    "-A PREROUTING -j CONNMARK --restore-mark
-A PREROUTING -p tcp --dport 80 -m mark --mark 0x0/0xff -j MARK --set-xmark 0x10/0xff
-A POSTROUTING -j CONNMARK --save-mark",
];

#[test]
fn traffic_shaping_keeps_its_classes_and_opens_nothing() {
    let Some(bed) = Bed::new() else { return };
    bed.inner.echo(81);
    bed.gate.nft(
        "table inet watch {
            counter classed {}
            counter plain {}
            chain out { type filter hook postrouting priority 200; meta l4proto tcp ct original proto-dst 80 jump class; }
            chain class { meta mark & 0xff == 0x10 counter name classed return; counter name plain; }
        }",
    );
    let config = "[policy]\nforward = \"drop\"\ninput = \"drop\"\n[[rule]]\nname = \"web\"\nprotocol = \"tcp\"\nport = 80\naction = \"accept\"\n";
    let daemon = Daemon::start(&bed, config);
    for rules in SHAPING {
        bed.gate.sh(&format!("iptables-restore -w <<'END'\n*mangle\n{rules}\nCOMMIT\nEND"));
        let classed = bed.gate.packets("classed");
        let mut flow = Flow::tcp(&bed.peer, &bed.inner, (INNER[0], 80));
        assert!(flow.lives());
        assert_eq!(bed.peer.tcp((INNER[0], 81)), Silent, "{rules}");
        daemon.reload(config).expect("a valid configuration");
        assert!(flow.lives(), "{rules}");
        assert!(bed.gate.packets("classed") > classed + 6, "{rules}");
        assert_eq!(bed.gate.packets("plain"), 0, "{rules}");
    }
}
