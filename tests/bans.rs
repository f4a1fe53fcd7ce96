//! Sources that are dropped for a time, in the kernel.

use std::{net::IpAddr, thread, time::Duration};

use serde_json::Value;

use crate::bed::{Bed, Daemon, Flow, GATE, INNER, Outcome, PEER, Passage, patience};

const OPEN: &str = "
[policy]
input = \"accept\"
[[rule]]
name = \"ssh\"
hook = \"input\"
protocol = \"tcp\"
port = 22
action = \"accept\"
failsafe = true
";

fn ban(daemon: &Daemon<'_>, source: IpAddr, more: &[&str]) -> Result<(), String> {
    let source = source.to_string();
    let mut words = vec!["ban", &source];
    words.extend(more);
    let output = daemon.ask(&words);
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
}

/// The peer's IPv6 network is the gate's own: that takes an insisting administrator.
const FORCED: [&[&str]; 2] = [&[], &["--force"]];

fn ban_peer(daemon: &Daemon<'_>) {
    for (peer, force) in PEER.into_iter().zip(FORCED) {
        ban(daemon, peer, force).expect("a source like any other");
    }
}

fn unban(daemon: &Daemon<'_>, source: IpAddr) {
    assert!(daemon.ask(&["unban", &source.to_string()]).status.success());
}

fn listed(daemon: &Daemon<'_>) -> Value {
    serde_json::from_slice(&daemon.ask(&["bans", "--json"]).stdout).expect("JSON")
}

#[test]
fn a_banned_source_is_dropped_ahead_of_the_queue_and_its_connections_end() {
    let Some(bed) = Bed::new() else { return };
    for port in [22, 80] {
        bed.gate.echo(port);
    }
    let daemon = Daemon::start(&bed, OPEN);
    let mut flows = GATE.map(|gate| Flow::tcp(&bed.peer, &bed.gate, (gate, 81)));
    assert!(flows.iter_mut().all(Flow::lives));
    ban_peer(&daemon);
    ban(&daemon, PEER[0], &["--why", "he \u{1b}[31mknocks"]).expect("once more, and why");
    let queued = bed.gate.queued();
    for (gate, flow) in GATE.into_iter().zip(&mut flows) {
        assert_eq!(flow.client_sends(), Passage::Lost, "{gate}");
        assert_eq!(bed.peer.tcp((gate, 80)), Outcome::Silent, "{gate}");
        assert_eq!(bed.peer.udp((gate, 80)), Outcome::Silent, "{gate}");
        assert_eq!(bed.peer.tcp((gate, 22)), Outcome::Answered, "a failsafe door, {gate}");
    }
    assert_eq!(bed.gate.queued(), queued, "nothing of it came to the queue");
    let bans = listed(&daemon);
    assert!(bans["dropped"].as_u64() >= Some(6), "{bans}");
    let table = String::from_utf8(daemon.ask(&["bans"]).stdout).expect("text");
    assert!(
        table.contains("10.77.1.2/32") && table.contains("fd77:1::/64") && !table.contains('\u{1b}'),
        "{table}"
    );
    PEER.into_iter().for_each(|peer| unban(&daemon, peer));
    for gate in GATE {
        assert_eq!(bed.peer.tcp((gate, 80)), Outcome::Answered, "{gate}");
    }
    assert!(!daemon.ask(&["unban", "10.77.1.2"]).status.success(), "it is not banned any more");
}

#[test]
fn forwarded_packets_of_a_banned_source_are_dropped() {
    let Some(bed) = Bed::new() else { return };
    bed.inner.echo(80);
    let daemon = Daemon::start(&bed, "[policy]\nforward = \"accept\"");
    ban_peer(&daemon);
    for inner in INNER {
        assert_eq!(bed.peer.tcp((inner, 80)), Outcome::Silent, "{inner}");
    }
    PEER.into_iter().for_each(|peer| unban(&daemon, peer));
    assert!(INNER.into_iter().all(|inner| bed.peer.tcp((inner, 80)) == Outcome::Answered));
}

#[test]
fn bans_outlive_reload_and_death_and_end_at_their_time() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, OPEN);
    ban(&daemon, PEER[0], &["--for", "1h"]).expect("a source like any other");
    ban(&daemon, PEER[1], &["--for", "4s", "--force"]).expect("a source like any other");
    let before = listed(&daemon)["bans"].clone();
    daemon.reload(OPEN).expect("a valid configuration");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Silent);
    daemon.kill9();
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Silent, "without the daemon");
    bed.gate.sh("nft delete table inet portcullis");
    let daemon = Daemon::start(&bed, OPEN);
    assert_eq!(listed(&daemon)["bans"][0], before[0], "not longer for the restart");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Silent);
    thread::sleep(patience(Duration::from_secs(2)));
    assert_eq!(bed.peer.tcp((GATE[1], 80)), Outcome::Answered, "its time is over");
    assert_eq!(listed(&daemon)["bans"].as_array().map(Vec::len), Some(1));
    // A new ban of the same source counts from now.
    ban(&daemon, PEER[0], &["--for", "1s"]).expect("a source like any other");
    thread::sleep(patience(Duration::from_millis(1300)));
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Answered);
}

#[test]
fn nobody_bans_the_host_itself_or_those_it_needs() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.sh("ip route add default via 10.77.2.2; ip -6 route add default via fd77:2::2");
    bed.gate.echo(22);
    let daemon =
        Daemon::start(&bed, &format!("{OPEN}[detect]\nallow = [\"203.0.113.0/24\", \"2001:db8::7\"]"));
    let refused = |source: &str, why: &str| {
        let refusal = ban(&daemon, source.parse().expect("an address"), &[]).expect_err(source);
        assert!(refusal.contains(why), "{source}: {refusal}");
    };
    refused("10.77.1.1", "an address of this host");
    refused("fd77:1::1", "an address of this host");
    refused("10.77.2.2", "a gateway");
    refused("fd77:2:0:0:1::1", "a"); // this host's own network: its addresses and its gateway are in it
    refused("203.0.113.9", "detect.allow");
    refused("2001:db8::1", "detect.allow");
    refused("127.0.0.1", "no address of another host");
    let _session = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 2222));
    ban(&daemon, PEER[0], &[]).expect("that was no session");
    unban(&daemon, PEER[0]);
    ban(&daemon, "10.77.2.2".parse().expect("an address"), &["--force"]).expect("whoever insists");
    assert_eq!(listed(&daemon)["bans"].as_array().map(Vec::len), Some(1));
}

#[test]
fn in_monitor_mode_nothing_is_dropped() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, &format!("mode = \"monitor\"\n{OPEN}"));
    ban(&daemon, PEER[0], &[]).expect("it is only listed");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Answered);
    assert_eq!(listed(&daemon)["enforced"], false);
    daemon.reload(OPEN).expect("a valid configuration");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Silent, "from now on");
}
