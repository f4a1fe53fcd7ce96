//! What others do, on purpose or not: marks, routes, translated addresses, second daemons, bad names.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::bed::{Bed, Daemon, Flow, GATE, Outcome::*, PEER, Passage::*, Snapshot, patience};

/// Only what comes in is judged, so nothing but the input hook can stop a packet.
const SHUT: &str = "[policy]\ninput = \"drop\"";

fn with_rule(policy: &str, rule: &str) -> String {
    format!("{policy}\n[[rule]]\nname = \"the rule\"\nprotocol = \"tcp\"\n{rule}")
}

#[test]
fn nobody_who_overwrites_marks_opens_a_door() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let _daemon = Daemon::start(&bed, SHUT);
    let others = [
        "nft 'add table inet qos; add chain inet qos in { type filter hook input priority mangle; }
              add rule inet qos in meta mark set 1'",
        "nft 'add table inet qos; add chain inet qos in { type filter hook input priority mangle; }
              add rule inet qos in meta mark set ct mark'",
        "iptables -w -t mangle -I INPUT -j MARK --set-mark 1",
        "iptables -w -t mangle -I INPUT -j CONNMARK --restore-mark",
    ];
    for other in others {
        bed.gate.sh(other);
        assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent, "{other}");
        assert_eq!(bed.peer.udp((GATE[0], 80)), Silent, "{other}");
        bed.gate.sh("nft delete table inet qos 2>/dev/null || true; iptables -w -t mangle -F INPUT");
    }
}

#[test]
fn a_vpn_that_restores_marks_gets_all_its_answers() {
    let Some(bed) = Bed::new() else { return };
    // wg-quick's own rules for a default route through the tunnel, for which `inner` stands here.
    bed.peer.sh("ip address add 198.51.100.7/32 dev lo");
    bed.gate.sh("ip route add default via 10.77.1.2
         ip route add default dev inner table 51820
         ip rule add not fwmark 0xca6c lookup 51820
         ip rule add lookup main suppress_prefixlength 0");
    for key in ["all/src_valid_mark", "all/rp_filter", "outer/rp_filter"] {
        bed.gate.sysctl(&format!("net/ipv4/conf/{key}"), "1");
    }
    bed.gate.nft(
        "table ip wg-quick {
            chain premangle  { type filter hook prerouting priority mangle; meta l4proto udp meta mark set ct mark; }
            chain postmangle { type filter hook postrouting priority mangle; meta l4proto udp meta mark 0xca6c ct mark set meta mark; }
        }",
    );
    let _daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"\noutput = \"accept\"");
    let far = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 7), 7777));
    let socket = || Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    let server = bed.peer.run(socket);
    server.bind(&far.into()).expect("its own address");
    let client = bed.gate.run(socket);
    client.set_mark(0xca6c).expect("root may mark");
    for end in [&server, &client] {
        end.set_read_timeout(Some(patience(Duration::from_millis(500)))).expect("a socket");
    }
    client.send_to(b"?", &far.into()).expect("there is a route");
    let (_, sender) = server.recv_from(&mut []).expect("the firewall lets it out");
    for answer in 0..4 {
        server.send_to(b"!", &sender).expect("there is a route");
        client.recv_from(&mut []).unwrap_or_else(|error| panic!("answer {answer}: {error}"));
    }
}

#[test]
fn a_flow_to_a_translated_address_survives_a_reload() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.sh("iptables -w -t nat -A OUTPUT -p tcp --dport 443 -j DNAT --to 10.77.1.2:8443");
    let to_the_real_port =
        with_rule("[policy]\ninput = \"drop\"\noutput = \"drop\"", "port = 8443\naction = \"accept\"");
    let daemon = Daemon::start(&bed, &to_the_real_port);
    let asked = (Ipv4Addr::new(198, 51, 100, 7).into(), 443);
    bed.gate.sh("ip route add default via 10.77.1.2");
    let mut flow = Flow::tcp_translated(&bed.gate, &bed.peer, asked, (PEER[0], 8443));
    assert!(flow.lives());
    daemon.reload(&to_the_real_port).expect("a valid configuration");
    assert_eq!(flow.server_sends(), Arrived, "an answer is the first to come by");
    assert!(flow.lives());
}

#[test]
fn a_second_daemon_does_not_take_the_hook_from_the_first() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let _daemon = Daemon::start(&bed, SHUT);
    let rules = Snapshot::of(&bed.gate);
    let second = Daemon::fails_to_start(&bed, &format!("{SHUT}\n[queue]\nnumbers = \"7400-7401\""));
    let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(complaint.contains("is held by portcullis (process "), "{complaint}");
    assert_eq!(Snapshot::of(&bed.gate), rules);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
}

#[test]
fn what_a_dead_daemon_cut_the_next_one_judges_anew() {
    let Some(bed) = Bed::new() else { return };
    let open = "[policy]\ninput = \"accept\"";
    let daemon = Daemon::start(&bed, open);
    let mut flow = Flow::udp(&bed.peer, &bed.gate, (GATE[0], 80));
    assert!(flow.lives());
    daemon.reload(SHUT).expect("a valid configuration");
    assert_eq!(flow.client_sends(), Lost);
    daemon.kill9();
    let _daemon = Daemon::start(&bed, open);
    assert!(flow.lives());
}

#[test]
fn a_connection_of_our_own_is_cut_though_its_mirror_image_might_come_in() {
    let Some(bed) = Bed::new() else { return };
    let open = "[policy]\ninput = \"accept\"\noutput = \"accept\"";
    let daemon = Daemon::start(&bed, open);
    let mut flow = Flow::tcp(&bed.gate, &bed.peer, (PEER[0], 443));
    let no_more = with_rule(open, "hook = \"output\"\nport = 443\naction = \"drop\"");
    daemon.reload(&no_more).expect("a valid configuration");
    assert_eq!([flow.client_sends(), flow.server_sends()], [Reset; 2]);
}

#[test]
fn a_long_name_in_any_script_is_no_reason_to_stay_shut() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(22);
    let rule = format!(
        "name = {:?}\nprotocol = \"tcp\"\nport = 22\naction = \"accept\"\nfailsafe = true",
        "門".repeat(60)
    );
    let daemon = Daemon::start(&bed, &format!("{SHUT}\n[[rule]]\nhook = \"input\"\n{rule}"));
    assert_eq!(bed.peer.tcp((GATE[0], 22)), Answered);
    daemon.terminate();
}

#[test]
fn a_client_that_dawdles_does_not_hold_up_the_daemon() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, SHUT);
    let mut client = UnixStream::connect(bed.home().join("control")).expect("it listens");
    let dawdle = thread::spawn(move || {
        while client.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(300));
        }
    });
    thread::sleep(Duration::from_millis(100));
    let (status, elapsed) = daemon.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(elapsed < patience(Duration::from_secs(3)), "it took {elapsed:?}");
    dawdle.join().expect("the daemon sends it away");
}
