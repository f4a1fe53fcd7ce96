//! What passes whatever the policy says.

use std::time::Duration;

use crate::bed::{Bed, Daemon, GATE, Outcome::*, PEER, eventually};

/// Nothing may come in, but this host may look for others.
const OUTGOING: &str = "[policy]\ninput = \"drop\"\noutput = \"accept\"";
const SHUT: &str = "[policy]\ninput = \"drop\"\noutput = \"drop\"\nforward = \"drop\"";

#[test]
fn neighbours_find_each_other() {
    let Some(bed) = Bed::new() else { return };
    for (host, neighbour, policy) in [(&bed.peer, GATE[1], SHUT), (&bed.gate, PEER[1], OUTGOING)] {
        let _daemon = Daemon::start(&bed, policy);
        host.sh("ip -6 neighbour flush all");
        host.udp((neighbour, 9));
        let found = || {
            let entry = host.sh(&format!("ip -6 neighbour show {neighbour}"));
            entry.contains("lladdr").then_some(())
        };
        eventually(Duration::from_secs(2), found).expect("solicitation and advertisement pass");
    }
}

#[test]
fn loopback_is_free() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let _daemon = Daemon::start(&bed, SHUT);
    for own in [[127, 0, 0, 1].into(), GATE[0], GATE[1]] {
        assert_eq!(bed.gate.tcp((own, 80)), Answered);
        assert_eq!(bed.gate.ping(own), Answered);
    }
}

#[test]
fn a_host_learns_of_a_narrow_path() {
    let Some(bed) = Bed::new() else { return };
    // Behind the peer lies a network that takes short packets only.
    bed.peer.sh("ip link add narrow type veth peer name nowhere
         ip link set nowhere up
         ip link set narrow mtu 1280 up
         ip route add 10.77.3.0/24 dev narrow
         ip route add fd77:3::/64 dev narrow");
    bed.peer.sysctl("net/ipv4/ip_forward", "1");
    bed.peer.sysctl("net/ipv6/conf/all/forwarding", "1");
    bed.gate.sh("ip route add 10.77.3.0/24 via 10.77.1.2; ip route add fd77:3::/64 via fd77:1::2");
    let _daemon = Daemon::start(&bed, OUTGOING);
    for far in ["10.77.3.2", "fd77:3::2"] {
        let far_door = (far.parse().expect("an address"), 9);
        let learnt = || {
            // The router tells about one in a while only.
            bed.gate.send_long_datagram(far_door);
            bed.gate.sh(&format!("ip route get {far}")).contains("mtu 1280").then_some(())
        };
        eventually(Duration::from_secs(10), learnt).expect("the error passes the firewall");
    }
}

#[test]
fn an_answer_of_the_dhcp_server_passes() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(68);
    bed.gate.echo(69);
    bed.gate.nft("table inet watch { counter heard {}; chain in { type filter hook input priority 200; udp dport { 68, 69 } counter name heard; }; }");
    let _daemon = Daemon::start(&bed, SHUT);
    bed.peer.udp_from((PEER[0], 67), (GATE[0], 68));
    assert_eq!(bed.gate.packets("heard"), 1);
    bed.peer.udp_from((PEER[0], 67), (GATE[0], 69));
    bed.peer.udp_from((PEER[0], 66), (GATE[0], 68));
    assert_eq!(bed.gate.packets("heard"), 1);
}
