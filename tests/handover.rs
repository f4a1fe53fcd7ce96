//! From one daemon to the next, with the queue's socket kept meanwhile: what waits is judged, and what the
//! dead one had read is dropped, never let through unjudged.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    time::Duration,
};

use serde_json::Value;

use crate::bed::{Bed, Daemon, Door, Flow, GATE, Keeper, Outcome::*, eventually};

/// Open at port 80, by one queue.
const CONFIG: &str = r#"
    [policy]
    input = "drop"
    [queue]
    numbers = 7300
    [[rule]]
    name   = "web"
    hook   = "input"
    port   = [80, 82]
    action = "accept"
"#;
const QUEUE: &str = "queue-7300";
/// Packets of each sender that wait for the next daemon.
const WAITING: usize = 50;

/// Datagrams to a port that echoes, in a flow of their own.
struct Sender(UdpSocket);

impl Sender {
    fn to(bed: &Bed, door: Door) -> Self {
        let any: SocketAddr = if door.0.is_ipv4() { ([0; 4], 0).into() } else { ([0; 8], 0).into() };
        let socket = bed.peer.run(|| UdpSocket::bind(any).expect("a free port"));
        socket.connect(door).expect("there is a route");
        socket.set_nonblocking(true).expect("a socket");
        Self(socket)
    }

    fn send(&self) {
        self.0.send(b"?").expect("there is room");
    }

    /// How many of `sent` datagrams are answered, within a time that is enough for all.
    fn answers(&self, sent: usize) -> usize {
        let mut answers = 0;
        let _ = eventually(Duration::from_millis(400), || {
            while self.0.recv(&mut [0; 8]).is_ok() {
                answers += 1;
            }
            (answers == sent).then_some(())
        });
        answers
    }
}

fn packets(daemon: &Daemon<'_>, counter: &str) -> u64 {
    let status = daemon.ask(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    status["packets"][counter].as_u64().expect("a counter")
}

#[test]
fn what_was_not_read_is_judged_and_what_was_read_is_dropped() {
    let Some(bed) = Bed::new() else { return };
    let keeper = Keeper::new(&bed);
    for port in [80, 81] {
        bed.gate.echo(port);
    }
    let daemon = Daemon::start_kept(&bed, CONFIG, &keeper);
    assert_eq!(bed.peer.udp((GATE[0], 80)), Answered);
    keeper.keeps(&[QUEUE]);
    daemon.kill9();

    let [forbidden_orphan, orphan] = [81, 80].map(|port| Sender::to(&bed, (GATE[0], port)));
    forbidden_orphan.send();
    orphan.send();
    keeper.read_and_forget(QUEUE, 2);
    let unread = GATE.map(|gate| Sender::to(&bed, (gate, 80)));
    let forbidden = GATE.map(|gate| Sender::to(&bed, (gate, 81)));
    // More than a batch, and less than what the echo's socket has room for.
    for _ in 0..WAITING {
        for sender in unread.iter().chain(&forbidden) {
            sender.send();
        }
    }
    let daemon = Daemon::start_kept(&bed, CONFIG, &keeper);
    for sender in &unread {
        assert_eq!(sender.answers(WAITING), WAITING, "none is lost");
    }
    for sender in forbidden.iter().chain([&forbidden_orphan, &orphan]) {
        assert_eq!(sender.answers(1), 0, "{:?}", sender.0);
    }
    assert_eq!(packets(&daemon, "restart_orphans"), 2);
    assert_eq!(packets(&daemon, "errors"), 0);
    assert_eq!(bed.peer.udp((GATE[1], 80)), Answered);
}

#[test]
fn orphans_of_a_quiet_queue_are_dropped_as_well() {
    let Some(bed) = Bed::new() else { return };
    let keeper = Keeper::new(&bed);
    for port in [80, 81] {
        bed.gate.echo(port);
    }
    Daemon::start_kept(&bed, CONFIG, &keeper).kill9();
    let orphans = [80, 81].map(|port| Sender::to(&bed, (GATE[0], port)));
    orphans.iter().for_each(Sender::send);
    keeper.read_and_forget(QUEUE, 2);
    let daemon = Daemon::start_kept(&bed, CONFIG, &keeper);
    let dropped = || (packets(&daemon, "restart_orphans") == 2).then_some(());
    eventually(Duration::from_secs(2), dropped).expect("they don't wait for the next packet");
    assert_eq!(bed.peer.udp((GATE[0], 80)), Answered);
    for orphan in &orphans {
        assert_eq!(orphan.answers(1), 0);
    }
    // And once more, with nothing to drop: the kernel's complaint about that is not an error.
    daemon.kill9();
    let daemon = Daemon::start_kept(&bed, CONFIG, &keeper);
    assert_eq!(bed.peer.udp((GATE[0], 80)), Answered);
    assert_eq!(packets(&daemon, "restart_orphans"), 0);
    assert_eq!(packets(&daemon, "errors"), 0);
}

#[test]
fn what_waits_is_judged_before_the_kernels_rules_are_looked_at() {
    let Some(bed) = Bed::new() else { return };
    let keeper = Keeper::new(&bed);
    for port in [80, 81] {
        bed.gate.echo(port);
    }
    Daemon::start_kept(&bed, CONFIG, &keeper).kill9();
    let [open, shut] = [80, 81].map(|port| Sender::to(&bed, (GATE[0], port)));
    open.send();
    shut.send();
    // A tool that does not end until it is told to: what the daemon asks it comes after the packets.
    let (tool, told) = (bed.home().join("ip"), bed.home().join("told"));
    let script = format!("#!/bin/sh\nuntil [ -e {} ]; do sleep 0.02; done\necho '[]'\n", told.display());
    fs::write(&tool, script).expect("our directory");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("our file");
    let mut daemon = Daemon::begins_kept(&bed, CONFIG, &keeper, &tool);
    let answered = eventually(Duration::from_secs(10), || (open.answers(1) == 1).then_some(()));
    assert!(!daemon.stderr().contains("ready"), "{}", daemon.stderr());
    answered.expect("nobody waits for the tool");
    assert_eq!(shut.answers(1), 0);
    fs::write(&told, "").expect("our directory");
    daemon.becomes_ready();
    assert_eq!(bed.peer.udp((GATE[0], 80)), Answered);
    assert_eq!(packets(&daemon, "errors"), 0);
    // Now the kernel carries the flow: the first packet after that is remembered.
    open.send();
    assert_eq!(open.answers(1), 1);
    let before = bed.gate.queued();
    open.send();
    assert_eq!(open.answers(1), 1);
    assert_eq!(bed.gate.queued(), before);
    assert_eq!(shut.answers(1), 0);
}

#[test]
fn questions_in_other_bits_are_dropped_and_never_misread() {
    let Some(bed) = Bed::new() else { return };
    let keeper = Keeper::new(&bed);
    for port in [80, 81] {
        bed.gate.echo(port);
    }
    let daemon = Daemon::start_kept(&bed, CONFIG, &keeper);
    let mut flow = Flow::udp(&bed.peer, &bed.gate, (GATE[0], 82));
    daemon.kill9();
    let [open, shut] = [80, 81].map(|port| Sender::to(&bed, (GATE[0], port)));
    open.send();
    shut.send();
    let elsewhere = format!("{CONFIG}\n[hook]\nmask = 0x0fc00000");
    let daemon = Daemon::start_kept(&bed, &elsewhere, &keeper);
    assert!(daemon.stderr().contains("hook.mask is another than before"), "{}", daemon.stderr());
    assert_eq!([open.answers(1), shut.answers(1)], [0; 2]);
    assert_eq!(packets(&daemon, "errors"), 0, "nobody has read them");
    assert_eq!(bed.peer.udp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.udp((GATE[0], 81)), Silent);
    assert!(flow.lives(), "it is judged anew");
    keeper.keeps(&[QUEUE]);
    daemon.terminate();
}

#[test]
fn a_host_that_opens_on_exit_has_nothing_kept() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(81);
    let keeper = Keeper::new(&bed);
    let opens = CONFIG.replace("numbers = 7300", "numbers = 7300\non-exit = \"accept\"");
    let daemon = Daemon::start_kept(&bed, &opens, &keeper);
    keeper.keeps(&[]);
    daemon.reload(CONFIG).expect("a valid configuration");
    keeper.keeps(&[QUEUE]);
    daemon.kill9();
    assert_eq!(bed.peer.udp((GATE[0], 81)), Silent, "it waits");
    let daemon = Daemon::start_kept(&bed, &opens, &keeper);
    keeper.keeps(&[]);
    daemon.reload(&format!("mode = \"monitor\"\n{CONFIG}")).expect("a valid configuration");
    keeper.keeps(&[]);
    daemon.kill9();
    assert_eq!(bed.peer.udp((GATE[0], 81)), Answered, "nobody holds the queue");
}

#[test]
fn a_queue_that_is_no_longer_wanted_is_let_go() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let keeper = Keeper::new(&bed);
    Daemon::start_kept(&bed, CONFIG, &keeper).kill9();
    let other = CONFIG.replace("7300", "7310");
    let daemon = Daemon::start_kept(&bed, &other, &keeper);
    keeper.keeps(&["queue-7310"]);
    assert_eq!(bed.peer.udp((GATE[0], 80)), Answered);
    daemon.kill9();
    let daemon = Daemon::start_kept(&bed, &other.replace("numbers", "backend = \"nfq\"\nnumbers"), &keeper);
    keeper.keeps(&[]);
    assert_eq!(bed.peer.udp((GATE[0], 80)), Answered);
    daemon.terminate();
}
