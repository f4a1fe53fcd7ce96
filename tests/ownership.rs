//! Whose the hook is: ours, a unit's, the administrator's; and whose the queue and the mark bits are.

use crate::bed::{Bed, Daemon, Flow, GATE, Outcome::*, Passage::*, Snapshot};

/// Open at ports 80 and 82, and at port 22 whatever happens to the daemon.
const TWO_DOORS: &str = r#"
    [policy]
    input  = "drop"
    output = "drop"
    [[rule]]
    name     = "web"
    hook     = "input"
    protocol = "tcp"
    port     = [80, 82]
    action   = "accept"
    [[rule]]
    name     = "ssh"
    hook     = "input"
    protocol = "tcp"
    port     = 22
    action   = "accept"
    failsafe = true
"#;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

#[test]
fn a_hook_of_its_own_keeps_the_door_before_and_after_the_daemon() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(22);
    bed.gate.echo(80);
    let before = Snapshot::of(&bed.gate);
    let installed = bed.portcullis(&["hook", "install"], Some(TWO_DOORS));
    assert!(installed.status.success(), "{}", said(&installed));
    assert_eq!(bed.peer.tcp((GATE[0], 22)), Answered, "failsafe");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent, "nobody judges yet");
    let daemon = Daemon::start_keeping_hook(&bed, TWO_DOORS);
    let mut flow = Flow::tcp(&bed.peer, &bed.gate, (GATE[1], 82));
    assert!(flow.lives());
    daemon.terminate();
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
    assert_eq!(bed.peer.tcp((GATE[0], 22)), Answered);
    assert!(flow.lives(), "the kernel carries what was accepted");
    let daemon = Daemon::start_keeping_hook(&bed, TWO_DOORS);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert!(flow.lives());
    daemon.kill9();
    let disabled = bed.portcullis(&["disable"], None);
    assert!(disabled.status.success(), "{}", said(&disabled));
    assert_eq!(Snapshot::of(&bed.gate), before);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(
        bed.gate.sh("conntrack -L --mark 0x40000000/0x40000000 2>/dev/null || true"),
        "",
        "no mark is left"
    );
}

#[test]
fn disabling_twice_is_no_error() {
    let Some(bed) = Bed::new() else { return };
    for _ in 0..2 {
        let disabled = bed.portcullis(&["disable"], None);
        assert!(disabled.status.success(), "{}", said(&disabled));
    }
}

#[test]
fn an_administrator_installs_what_is_printed() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(81);
    let by_hand = format!("{TWO_DOORS}\n[hook]\ninstall = \"none\"");
    let before = Snapshot::of(&bed.gate);
    let daemon = Daemon::start(&bed, &by_hand);
    assert_eq!(Snapshot::of(&bed.gate), before, "the daemon leaves it to the administrator");
    assert!(daemon.stderr().contains("chain before-input"), "and says what is needed:\n{}", daemon.stderr());
    let shown = bed.portcullis(&["hook", "show"], Some(&by_hand));
    bed.gate.sh(&String::from_utf8(shown.stdout).expect("text"));
    let mut flow = Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 82));
    assert!(flow.lives());
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Silent);
    daemon.reload(&by_hand.replace("[80, 82]", "81")).expect("a valid configuration");
    assert_eq!(bed.peer.tcp((GATE[0], 81)), Answered);
    assert_eq!(flow.client_sends(), Reset, "a reload reaches flows here, too");
    daemon.terminate();
    assert!(Snapshot::of(&bed.gate).mentions_us(), "what the administrator installed is the administrator's");
}

#[test]
fn a_taken_queue_is_named_with_its_owner_and_the_first_daemon_goes_on() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let _daemon = Daemon::start(&bed, TWO_DOORS);
    let rules = Snapshot::of(&bed.gate);
    let second = Daemon::fails_to_start(&bed, TWO_DOORS);
    let complaint = said(&second);
    assert!(complaint.contains("queue 7300 is held by portcullis (process "), "{complaint}");
    assert_eq!(Snapshot::of(&bed.gate), rules);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
}

#[test]
fn bits_that_somebody_else_uses_are_refused_unless_told_otherwise() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.sh("ip rule add fwmark 0x1000000/0xf000000 lookup main");
    let refused = Daemon::fails_to_start(&bed, TWO_DOORS);
    let complaint = said(&refused);
    assert!(complaint.contains("routing rule") && complaint.contains("hook.mask"), "{complaint}");
    assert!(!Snapshot::of(&bed.gate).mentions_us());
    let allowed = format!("{TWO_DOORS}\n[hook]\nallow-mark-clash = true");
    Daemon::start(&bed, &allowed).terminate();
    let elsewhere = format!("{TWO_DOORS}\n[hook]\nmask = 0x007f0000");
    Daemon::start(&bed, &elsewhere).terminate();
}

#[test]
fn a_first_start_with_nonsense_is_refused_and_changes_nothing() {
    let Some(bed) = Bed::new() else { return };
    let before = Snapshot::of(&bed.gate);
    let refused = Daemon::fails_to_start(&bed, "[policy]\ninput = \"dorp\"");
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert_eq!(Snapshot::of(&bed.gate), before);
}

#[test]
fn another_mask_or_other_hooks_at_the_next_start_leave_nothing_of_the_old() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    Daemon::start(&bed, TWO_DOORS).kill9();
    let other = TWO_DOORS.replace("output = \"drop\"", "") + "[hook]\nmask = 0x003f0000";
    let before = bed.gate.sh("nft list table inet portcullis");
    assert!(before.contains("after-output"));
    let daemon = Daemon::start(&bed, &other);
    let now = bed.gate.sh("nft list table inet portcullis; iptables-save -t security");
    assert!(!now.contains("after-output") && !now.contains("0x7f000000"), "{now}");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    daemon.terminate();
    assert!(!Snapshot::of(&bed.gate).mentions_us());
}
