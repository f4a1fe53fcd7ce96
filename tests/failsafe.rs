//! Doors that stay open while the daemon is dead.

use crate::bed::{Bed, Daemon, GATE, INNER, Outcome::*, PEER, Snapshot};

const CONFIG: &str = r#"
    [policy]
    input   = "drop"
    output  = "drop"
    forward = "drop"

    [queue]
    on-exit = "drop"

    [[rule]]
    name     = "ssh"
    hook     = "input"
    protocol = "tcp"
    port     = 22
    action   = "accept"
    failsafe = true

    [[rule]]
    name     = "web"
    protocol = "tcp"
    port     = 80
    action   = "accept"

    [[rule]]
    name        = "the log host"
    hook        = "output"
    protocol    = "udp"
    destination = ["10.77.1.2", "fd77:1::2"]
    port        = 514
    action      = "accept"
    failsafe    = true
"#;

#[test]
fn failsafe_doors_outlive_the_daemon_and_others_do_not() {
    let Some(bed) = Bed::new() else { return };
    for port in [22, 80] {
        bed.gate.echo(port);
        bed.inner.echo(port);
    }
    bed.peer.echo(514);
    let daemon = Daemon::start(&bed, CONFIG);
    let failsafe_doors_are_open = || {
        for (gate, peer) in GATE.into_iter().zip(PEER) {
            assert_eq!(bed.peer.tcp((gate, 22)), Answered);
            assert_eq!(bed.gate.udp((peer, 514)), Answered);
        }
    };
    failsafe_doors_are_open();
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.tcp((INNER[0], 80)), Answered);
    daemon.kill9();
    failsafe_doors_are_open();
    for family in 0..2 {
        assert_eq!(bed.peer.tcp((GATE[family], 80)), Silent);
        assert_eq!(bed.peer.tcp((INNER[family], 80)), Silent);
        assert_eq!(bed.peer.tcp((INNER[family], 22)), Silent);
    }
}

#[test]
fn a_stopped_daemon_is_not_missed_at_a_failsafe_door() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(22);
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, CONFIG);
    daemon.freeze();
    assert_eq!(bed.peer.tcp((GATE[0], 22)), Answered);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
}

#[test]
fn a_configuration_that_never_was_valid_opens_nothing_but_failsafe_doors() {
    let Some(bed) = Bed::new() else { return };
    for port in [22, 80] {
        bed.gate.echo(port);
    }
    bed.peer.echo(514);
    let before = Snapshot::of(&bed.gate);
    let install = |config: &str| {
        let output = bed.portcullis(&["hook", "install"], Some(config));
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stderr).expect("text")
    };
    let broken = CONFIG.replace("port     = 80", "port     = 80080");
    let said = install(&broken);
    assert!(said.contains("80080") && said.contains("\"ssh\", \"the log host\""), "{said}");
    for (gate, peer) in GATE.into_iter().zip(PEER) {
        assert_eq!(bed.peer.tcp((gate, 22)), Answered);
        assert_eq!(bed.peer.tcp((gate, 80)), Silent);
        assert_eq!(bed.gate.udp((peer, 514)), Answered);
    }
    assert!(bed.portcullis(&["hook", "remove"], None).status.success());
    assert_eq!(Snapshot::of(&bed.gate), before);

    // Without its rule, ssh's door is open all the same.
    let said = install(&broken.replace("port     = 22", "prot     = 22"));
    assert!(said.contains("sshd's own ports"), "{said}");
    assert_eq!(bed.peer.tcp((GATE[0], 22)), Answered);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
    assert!(bed.portcullis(&["hook", "remove"], None).status.success());

    // Whoever only wants to watch finds nothing shut.
    install(&format!("mode = \"monitor\"\n{broken}"));
    assert_eq!(Snapshot::of(&bed.gate), before);
}
