//! The kernel rules, put back when somebody else takes or changes them.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::bed::{Bed, Daemon, Flow, GATE, Outcome::*, Snapshot, eventually};

const ONE_DOOR: &str = r#"
    [policy]
    input = "drop"
    [[rule]]
    name     = "web"
    hook     = "input"
    protocol = "tcp"
    port     = [80, 82]
    action   = "accept"
"#;

fn status(daemon: &Daemon<'_>) -> Value {
    serde_json::from_slice(&daemon.ask(&["status", "--json"]).stdout).expect("JSON")
}

fn restored(daemon: &Daemon<'_>) -> u64 {
    status(daemon)["hook_restored"].as_u64().expect("a count")
}

/// What the daemon says is wrong.
fn reasons(daemon: &Daemon<'_>) -> Vec<String> {
    let status = status(daemon);
    let degraded = status["degraded"].as_array().expect("a list");
    degraded.iter().map(|trouble| trouble["reason"].as_str().expect("a word").to_owned()).collect()
}

#[test]
fn what_somebody_takes_away_is_back_in_a_moment() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    bed.gate.echo(81);
    let daemon = Daemon::start(&bed, ONE_DOOR);
    let mut flow = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 82));
    let before = Snapshot::of(&bed.gate);
    let mut attempts = vec!["nft flush ruleset", "nft flush chain inet portcullis before-input"];
    // iptables-legacy tells nobody of changes: they are looked for twice a minute.
    if before.mentions("NFQUEUE") && !bed.gate.sh("iptables --version").contains("legacy") {
        attempts.push("iptables -w -t security -F");
    }
    // The pause between two restorations grows: a second, two, four.
    for (attempt, count) in attempts.into_iter().zip(1..) {
        bed.gate.sh(attempt);
        let back = || (restored(&daemon) == count).then_some(());
        eventually(Duration::from_secs(6), back).unwrap_or_else(|| panic!("{attempt}"));
        assert_eq!(Snapshot::of(&bed.gate), before, "{attempt}");
        assert_eq!(reasons(&daemon), ["hook-changed"], "{attempt}");
    }
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.tcp((GATE[1], 81)), Silent);
    assert!(flow.lives(), "the kernel still knows it");
    daemon.terminate();
    assert!(!Snapshot::of(&bed.gate).mentions_us());
}

#[test]
fn the_hole_that_a_flush_makes_is_closed_within_a_second() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(81);
    let _daemon = Daemon::start(&bed, ONE_DOOR);
    let begun = Instant::now();
    bed.gate.sh("nft flush ruleset");
    let shut = || (bed.peer.tcp((GATE[0], 81)) == Silent).then(|| begun.elapsed());
    let elapsed = eventually(Duration::from_secs(3), shut).expect("it is shut again");
    // Half of this is the probe that has to find no answer.
    assert!(elapsed < crate::bed::patience(Duration::from_millis(1500)), "{elapsed:?}");
}

#[test]
fn whoever_insists_is_not_fought_in_a_loop() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, ONE_DOOR);
    let begun = Instant::now();
    for _ in 0..25 {
        bed.gate.sh("nft delete table inet portcullis 2>/dev/null || true");
        thread::sleep(Duration::from_millis(100));
    }
    let restored = restored(&daemon);
    // A second after the first, two after the second, four, eight: whatever time all of that took.
    let least = Duration::from_secs((1 << restored.saturating_sub(1)) - 1);
    assert!(restored > 0);
    assert!(begun.elapsed() >= least, "{restored} times in {:?}", begun.elapsed());
}

#[test]
fn what_our_own_command_takes_away_stays_away_until_a_reload() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(81);
    let before = Snapshot::of(&bed.gate);
    let daemon = Daemon::start_keeping_hook(&bed, ONE_DOOR);
    assert!(bed.portcullis(&["hook", "remove"], None).status.success());
    let told = || (reasons(&daemon) == ["hook-missing"]).then_some(());
    eventually(Duration::from_secs(2), told).expect("it says so");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(Snapshot::of(&bed.gate), before);
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Answered);
    daemon.reload(ONE_DOOR).expect("a valid configuration");
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
    assert!(reasons(&daemon).is_empty());
    assert_eq!(restored(&daemon), 0);
}

#[test]
fn other_peoples_rules_are_none_of_its_business() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, ONE_DOOR);
    for _ in 0..3 {
        // Its own doing is not somebody else's, either.
        assert!(daemon.ask(&["ban", "203.0.113.9"]).status.success());
        daemon.reload(ONE_DOOR).expect("a valid configuration");
        bed.gate.nft("table inet somebody { set s { type ipv4_addr; }; chain input { type filter hook input priority 0; }; }");
        bed.gate.sh("nft add element inet somebody s '{ 192.0.2.1 }'
                     iptables -w -t mangle -A INPUT -p tcp --dport 82 -j MARK --set-mark 2
                     iptables -w -t mangle -F
                     nft delete table inet somebody");
    }
    assert!(reasons(&daemon).is_empty());
    assert_eq!(restored(&daemon), 0);
}
