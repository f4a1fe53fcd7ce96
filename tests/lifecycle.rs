//! Start, stop, crash, reload, and what each leaves behind.

use std::time::Duration;

use crate::bed::{Bed, Daemon, Flow, GATE, Outcome::*, Snapshot, eventually, patience};

/// A host that is closed but for one port.
fn open(port: u16) -> String {
    format!(
        r#"
        [policy]
        input = "drop"
        [[rule]]
        name     = "the open port"
        hook     = "input"
        protocol = "tcp"
        port     = {port}
        action   = "accept"
        "#
    )
}

fn open_on_exit(port: u16, on_exit: &str) -> String {
    format!("{}\n[queue]\non-exit = \"{on_exit}\"", open(port))
}

#[test]
fn a_stop_is_soon_over_and_leaves_nothing_behind() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.gate.nft(
        "table inet somebody { chain input { type filter hook input priority 0; tcp dport 81 drop; }; }",
    );
    bed.gate.sh("iptables -w -t mangle -A INPUT -p tcp --dport 82 -j MARK --set-mark 2
                 ip6tables -w -A INPUT -p tcp --dport 83 -j DROP
                 ip rule add fwmark 5 lookup main");
    let before = Snapshot::of(&bed.gate);
    let daemon = Daemon::start(&bed, &open(22));
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
    assert!(Snapshot::of(&bed.gate).mentions_us());
    let (status, elapsed) = daemon.terminate();
    assert_eq!(status.code(), Some(0));
    // The tools that take the rules away have been seen to need six in an emulated machine beside other work.
    assert!(elapsed < patience(Duration::from_secs(10)), "it took {elapsed:?}");
    assert_eq!(Snapshot::of(&bed.gate), before);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
}

#[test]
fn an_untouched_host_is_untouched_again_after_a_stop() {
    let Some(bed) = Bed::new() else { return };
    let before = Snapshot::of(&bed.gate);
    Daemon::start(&bed, &open(22)).terminate();
    assert_eq!(Snapshot::of(&bed.gate), before);
}

#[test]
fn after_a_crash_the_door_stays_shut_until_the_next_start() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.gate.echo(81);
    let config = open_on_exit(80, "drop");
    Daemon::start(&bed, &config).kill9();
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
    let _daemon = Daemon::start(&bed, &config);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
}

#[test]
fn after_a_crash_the_door_opens_if_the_configuration_says_so() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(81);
    let config = open_on_exit(80, "accept");
    let daemon = Daemon::start(&bed, &config);
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
    daemon.kill9();
    for gate in GATE {
        assert_eq!(bed.peer.tcp((gate, 81)), Answered);
    }
    let _daemon = Daemon::start(&bed, &config);
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
}

#[test]
fn an_accepted_flow_survives_crash_and_next_start() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, &open(80));
    let mut flow = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 80));
    assert!(flow.lives());
    daemon.kill9();
    assert!(flow.lives(), "the kernel carries it");
    let _daemon = Daemon::start(&bed, &open(80));
    assert!(flow.lives());
}

#[test]
fn a_reload_puts_the_new_rules_in_force() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.gate.echo(81);
    let daemon = Daemon::start(&bed, &open(80));
    daemon.reload(&open(81)).expect("a valid configuration");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Answered);
    daemon.hang_up(&open(80));
    let opened = || (bed.peer.tcp((GATE[0], 80)) == Answered).then_some(());
    eventually(Duration::from_secs(3), opened).expect("SIGHUP reloads too");
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
}

#[test]
fn a_reload_of_nonsense_changes_nothing() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, &open(80));
    let complaint = daemon.reload("[policy]\ninput = \"dorp\"").expect_err("there is no such action");
    assert!(complaint.contains("dorp"), "{complaint}");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
}

#[test]
fn a_reload_whose_own_test_fails_changes_nothing() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.gate.echo(81);
    let daemon = Daemon::start(&bed, &open(80));
    let contradiction =
        "[[test]]\npacket = \"input tcp 192.0.2.1:4000 -> 192.0.2.2:80\"\nexpect = \"accept\"";
    daemon.reload(&format!("{}\n{contradiction}", open(81))).expect_err("port 80 would be closed");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
}

#[test]
fn a_start_with_nonsense_runs_what_was_good_last() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.gate.echo(81);
    Daemon::start(&bed, &open(80)).terminate();
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"dorp\"");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
    let status = String::from_utf8(daemon.ask(&["status"]).stdout).expect("text");
    assert!(status.contains("last good"), "{status}");
}

#[test]
fn without_a_configuration_everything_passes_and_is_recorded() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(2222);
    let daemon = Daemon::start_without_config(&bed);
    for gate in GATE {
        assert_eq!(bed.peer.tcp((gate, 2222)), Answered);
        let record = daemon.record(|r| r["dest_ip"] == gate.to_string() && r["dest_port"] == 2222);
        assert_eq!(record["verdict"]["action"], "accept");
        assert!(record["alert"]["metadata"]["would"].is_array());
    }
}

#[test]
fn what_proc_does_not_show_keeps_nobody_out() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.gate.echo(81);
    // Processes only, as some containers have it; then nothing at all.
    for mount in ["-t proc -o subset=pid proc", "-t tmpfs tmpfs"] {
        let daemon = Daemon::start_with_proc(&bed, &open(80), mount);
        let said = daemon.stderr();
        assert!(said.contains("/proc/net/netfilter/nfnetlink_queue can't be read"), "{said}");
        for gate in GATE {
            assert_eq!(bed.peer.tcp((gate, 80)), Answered, "{gate} {mount}");
            assert_eq!(bed.peer.tcp((gate, 81)), Silent, "{gate} {mount}");
        }
        daemon.terminate();
        assert!(!Snapshot::of(&bed.gate).mentions_us());
    }
}
