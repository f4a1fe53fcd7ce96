//! The control socket: who may ask what, and that nobody can hold the daemon up.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use crate::bed::{Bed, Daemon, binary, patience};

const RULES: &str = "[policy]\ninput = \"drop\"\n";

/// Asks as nobody, in this group.
fn as_nobody(bed: &Bed, group: &str, command: &str) -> (i32, String) {
    fs::set_permissions(bed.home(), fs::Permissions::from_mode(0o755)).expect("our directory");
    let program = bed.home().join("portcullis-copy");
    if !program.exists() {
        fs::copy(binary(), &program).expect("our directory");
    }
    let Output { status, stdout, stderr } = Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups"])
        .arg(format!("--regid={group}"))
        .arg(program)
        .args([command, "--control"])
        .arg(bed.control())
        .output()
        .expect("setpriv runs");
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code().expect("no signal"), said)
}

#[test]
fn the_group_looks_root_changes_others_do_neither() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, RULES);
    let group = fs::metadata(bed.control()).map(|socket| std::os::unix::fs::MetadataExt::gid(&socket));
    let group = group.expect("the socket is there").to_string();
    let (code, said) = as_nobody(&bed, &group, "status");
    assert_eq!(code, 0, "{said}");
    let (code, said) = as_nobody(&bed, &group, "reload");
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("only root"), "{said}");
    assert!(daemon.stderr().contains("of user 65534 is not permitted"), "{}", daemon.stderr());
    let (code, said) = as_nobody(&bed, "65534", "status");
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("group portcullis"), "{said}");
}

#[test]
fn hostile_clients_keep_nobody_waiting() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, RULES);
    let connect = || UnixStream::connect(bed.control()).expect("it listens");
    // Half a request each, but for one that asks again and again and reads nothing.
    let mut half: Vec<UnixStream> = (0..20).map(|_| connect()).collect();
    for client in &mut half {
        client.write_all(b"{\"version\":1,").expect("it reads");
    }
    let mut deaf = connect();
    deaf.write_all(&b"{\"version\":1,\"command\":\"status\"}\n".repeat(100)).expect("it reads");
    let begun = Instant::now();
    for _ in 0..20 {
        assert!(daemon.ask(&["status"]).status.success());
    }
    assert!(begun.elapsed() < patience(Duration::from_secs(3)), "it took {:?}", begun.elapsed());
    // So many that there is no room: they are told, or sent away later, and leave no trace.
    let crowd: Vec<UnixStream> = (0..100).map(|_| connect()).collect();
    thread::sleep(Duration::from_millis(50));
    drop((half, deaf, crowd));
    assert!(daemon.ask(&["reload"]).status.success());
}

#[test]
fn what_is_no_request_is_refused_with_a_reason() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, RULES);
    let answer = |request: &[u8]| {
        let mut client = UnixStream::connect(bed.control()).expect("it listens");
        client.set_read_timeout(Some(patience(Duration::from_secs(3)))).expect("a socket");
        // It may hang up on a long request before all of it is written.
        let _ = client.write_all(request);
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer);
        answer
    };
    assert!(answer(b"{\"version\":9,\"command\":\"status\"}\n").contains("speaks version 1"));
    assert!(answer(b"{\"version\":1,\"command\":\"flush\"}\n").contains("unknown variant"));
    assert!(answer(b"\n").contains("does not understand"));
    assert!(answer(&[b'x'; 70_000]).contains("at most 65536 bytes"));
    assert!(daemon.ask(&["status"]).status.success());
}
