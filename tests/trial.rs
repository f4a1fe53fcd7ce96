//! Going live on trial: confirmed, not confirmed, restarted meanwhile; and the history.

use std::{
    fs,
    net::IpAddr,
    process::{Child, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::bed::{Bed, Daemon, GATE, Outcome::*, eventually};

/// A host that is closed but for these ports.
fn open(ports: &[u16]) -> String {
    format!(
        "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"open\"\nhook = \"input\"\nprotocol = \"tcp\"\n\
         port = {ports:?}\naction = \"accept\"\n"
    )
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", said(output));
    said(output)
}

fn bed() -> Option<Bed> {
    let bed = Bed::new()?;
    bed.gate.echo(80);
    bed.gate.echo(81);
    Some(bed)
}

/// Whether ports 80 and 81 are open.
fn doors(bed: &Bed) -> [bool; 2] {
    [80, 81].map(|port| bed.peer.tcp((GATE[0], port)) == Answered)
}

fn goes_back(bed: &Bed) {
    let back = || (doors(bed) == [true, false]).then_some(());
    eventually(Duration::from_secs(5), back).expect("the former rules come back");
}

fn status(daemon: &Daemon<'_>) -> Value {
    serde_json::from_slice(&daemon.ask(&["status", "--json"]).stdout).expect("JSON")
}

#[test]
fn what_nobody_confirms_goes_back_and_no_start_uses_it() {
    let Some(bed) = bed() else { return };
    let daemon = Daemon::start(&bed, &open(&[80]));
    let candidate = open(&[81]);
    let told = done(&daemon.apply(&candidate, &["apply", "--confirm", "2s"]));
    assert!(told.contains("portcullis confirm"), "{told}");
    assert_eq!(doors(&bed), [false, true]);
    assert!(status(&daemon)["trial"].is_string());
    let again = refused(&daemon.apply(&candidate, &["apply"]));
    assert!(again.contains("on trial"), "{again}");
    assert!(daemon.reload(&candidate).expect_err("on trial").contains("on trial"));
    goes_back(&bed);
    assert!(
        status(&daemon)["degraded"][0]["detail"].as_str().is_some_and(|why| why.contains("nobody confirmed"))
    );
    assert!(daemon.reload(&candidate).expect_err("it went back").contains("portcullis apply"));
    daemon.terminate();
    let daemon = Daemon::start(&bed, &candidate);
    assert_eq!(doors(&bed), [true, false]);
    assert!(
        status(&daemon)["degraded"][0]["detail"].as_str().is_some_and(|why| why.contains("nobody confirmed"))
    );
    // Files that are as before have nothing to be held back for.
    daemon.terminate();
    let daemon = Daemon::start(&bed, &open(&[80]));
    assert_eq!(status(&daemon)["degraded"], Value::Array(Vec::new()));
}

#[test]
fn what_is_confirmed_stays() {
    let Some(bed) = bed() else { return };
    let daemon = Daemon::start(&bed, &open(&[80]));
    let nothing = refused(&daemon.ask(&["confirm"]));
    assert!(nothing.contains("nothing is on trial"), "{nothing}");
    done(&daemon.apply(&open(&[81]), &["apply", "--confirm", "2s"]));
    done(&daemon.ask(&["confirm"]));
    assert_eq!(status(&daemon)["trial"], Value::Null);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(doors(&bed), [false, true]);
    daemon.kill9();
    let _daemon = Daemon::start(&bed, &open(&[81]));
    assert_eq!(doors(&bed), [false, true]);
}

#[test]
fn a_restart_during_the_trial_goes_back() {
    let Some(bed) = bed() else { return };
    let daemon = Daemon::start(&bed, &open(&[80]));
    done(&daemon.apply(&open(&[81]), &["apply", "--confirm", "1h"]));
    daemon.kill9();
    let installed = bed.portcullis(&["hook", "install"], Some(&open(&[81])));
    assert!(installed.status.success(), "at boot the kernel rules come first: {}", said(&installed));
    let daemon = Daemon::start(&bed, &open(&[81]));
    assert_eq!(doors(&bed), [true, false]);
    assert!(status(&daemon)["degraded"][0]["detail"].as_str().is_some_and(|why| why.contains("restarted")));
    // The administrator's own word ends it.
    daemon.reload(&open(&[80, 81])).expect("other files");
    assert_eq!(doors(&bed), [true, true]);
    assert_eq!(status(&daemon)["degraded"], Value::Array(Vec::new()));
}

#[test]
fn former_rules_come_back_by_their_number() {
    let Some(bed) = bed() else { return };
    let daemon = Daemon::start(&bed, &open(&[80]));
    daemon.reload(&open(&[81])).expect("valid");
    daemon.reload(&open(&[80, 81])).expect("valid");
    let entries: Value = serde_json::from_slice(&daemon.ask(&["history", "--json"]).stdout).expect("JSON");
    let numbers: Vec<_> = entries.as_array().expect("a list").iter().map(|e| e["number"].as_u64()).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3)]);
    done(&daemon.ask(&["rollback", "1"]));
    assert_eq!(doors(&bed), [true, false]);
    assert!(refused(&daemon.ask(&["rollback", "99"])).contains("no number 99"));
    // The last that was another is number 3.
    done(&daemon.ask(&["rollback"]));
    assert_eq!(doors(&bed), [true, true]);
    done(&daemon.apply(&open(&[81]), &["apply", "--confirm", "1h"]));
    done(&daemon.ask(&["rollback"]));
    assert_eq!(doors(&bed), [true, true], "it ends the trial");
    let table = done(&daemon.ask(&["history"]));
    assert!(table.contains("rollback") && table.contains("FINGERPRINT"), "{table}");
}

#[test]
fn enabling_ends_monitor_mode_on_trial() {
    let Some(bed) = bed() else { return };
    let config = format!("mode = \"when-enabled\"\n{}", open(&[80]));
    let daemon = Daemon::start(&bed, &config);
    assert_eq!(doors(&bed), [true, true]);
    assert_eq!(status(&daemon)["mode"], "monitor");
    done(&daemon.apply(&config, &["enable", "--confirm", "2s"]));
    assert_eq!(doors(&bed), [true, false]);
    let back = || (doors(&bed) == [true, true]).then_some(());
    eventually(Duration::from_secs(5), back).expect("it watches again");
    done(&daemon.apply(&config, &["enable", "--confirm", "1h"]));
    done(&daemon.ask(&["confirm"]));
    daemon.kill9();
    let daemon = Daemon::start(&bed, &config);
    assert_eq!(status(&daemon)["mode"], "enforce");
    assert_eq!(doors(&bed), [true, false]);
    assert_eq!(status(&daemon)["degraded"], Value::Array(Vec::new()));
}

/// A process by the name of sshd, which owns a session from the peer; and the other end of it.
struct Sshd([Child; 2]);

impl Sshd {
    fn start(bed: &Bed, port: u16) -> Self {
        // The name is the file's; and Perl is on every Debian.
        let sshd = bed.home().join("sshd");
        fs::copy(fs::canonicalize("/usr/bin/perl").expect("Perl is there"), &sshd).expect("our directory");
        let script = |act: &str| format!("use IO::Socket::INET; $| = 1; {act}; print \"up\\n\"; <$s>;");
        let IpAddr::V4(gate) = GATE[0] else { unreachable!("the first is IPv4") };
        let server = script(&format!(
            "$l = IO::Socket::INET->new(LocalPort => {port}, Listen => 1, ReuseAddr => 1) or die; open(F, '>', $ARGV[0]); \
             $s = $l->accept"
        ));
        let ready = bed.home().join("listening");
        let _ = fs::remove_file(&ready);
        let mut command = bed.gate.command(sshd.to_str().expect("UTF-8"));
        let server =
            command.args(["-e", &server]).arg(&ready).stdout(Stdio::null()).spawn().expect("it runs");
        eventually(Duration::from_secs(5), || ready.exists().then_some(())).expect("it listens");
        let client = script(&format!("$s = IO::Socket::INET->new('{gate}:{port}') or die"));
        let mut client =
            bed.peer.command("perl").args(["-e", &client]).stdout(Stdio::piped()).spawn().expect("perl");
        let mut up = [0; 3];
        std::io::Read::read_exact(client.stdout.as_mut().expect("piped"), &mut up).expect("it connects");
        Self([server, client])
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for end in &mut self.0 {
            // It may have ended already.
            let _ = end.kill();
            let _ = end.wait();
        }
    }
}

#[test]
fn rules_that_cut_an_open_ssh_session_are_refused_unless_forced() {
    let Some(bed) = bed() else { return };
    let daemon = Daemon::start(&bed, &open(&[80, 2222]));
    let _sshd = Sshd::start(&bed, 2222);
    let complaint = refused(&daemon.apply(&open(&[80]), &["apply", "--confirm", "1h"]));
    assert!(complaint.contains("ssh session from 10.77.1.2:") && complaint.contains(":2222"), "{complaint}");
    assert!(complaint.contains("drop by the policy of input"), "{complaint}");
    assert_eq!(status(&daemon)["generation"], 1, "nothing has changed");
    done(&daemon.apply(&open(&[81, 2222]), &["apply", "--confirm", "1h"]));
    done(&daemon.ask(&["confirm"]));
    let forced = done(&daemon.apply(&open(&[80]), &["apply", "--force"]));
    assert!(forced.contains("would be cut"), "{forced}");
    assert_eq!(doors(&bed), [true, false]);
}

#[test]
fn a_way_back_that_cuts_an_open_ssh_session_is_refused_unless_forced() {
    let Some(bed) = bed() else { return };
    let daemon = Daemon::start(&bed, &open(&[80]));
    done(&daemon.apply(&open(&[80, 81, 2222]), &["apply"]));
    let sshd = Sshd::start(&bed, 2222);
    for words in [&["rollback"][..], &["rollback", "1"]] {
        let complaint = refused(&daemon.ask(words));
        assert!(complaint.contains("newly closed: 1"), "it shows what changes: {complaint}");
        assert!(complaint.contains("would be cut: ssh session from 10.77.1.2:"), "{complaint}");
        assert!(complaint.contains("--force"), "{complaint}");
        assert_eq!(doors(&bed), [true, true], "nothing has changed");
    }
    // A session that came by a door on trial would be cut by the way back from it, too.
    done(&daemon.apply(&open(&[81, 2222]), &["apply", "--confirm", "1h"]));
    done(&daemon.ask(&["rollback"]));
    assert_eq!(doors(&bed), [true, true]);
    done(&daemon.ask(&["rollback", "1", "--force"]));
    assert_eq!(doors(&bed), [true, false]);
    drop(sshd);
    done(&daemon.apply(&open(&[80, 81, 2222]), &["apply", "--confirm", "1h"]));
    let _sshd = Sshd::start(&bed, 2222);
    assert!(refused(&daemon.ask(&["rollback"])).contains("would be cut"));
    done(&daemon.ask(&["rollback", "--force"]));
    assert_eq!(doors(&bed), [true, false]);
}

#[test]
fn files_edited_after_they_were_looked_at_are_not_applied_and_none_is_written() {
    let Some(bed) = bed() else { return };
    let daemon = Daemon::start(&bed, &open(&[80]));
    done(&daemon.apply(&open(&[81]), &["apply", "--confirm", "1h"]));
    let file = bed.home().join("portcullis.toml");
    let edited = fs::read_to_string(&file).expect("our file") + "# edited\n";
    fs::write(&file, &edited).expect("our file");
    let told = done(&daemon.ask(&["confirm"]));
    assert!(told.contains("edited since"), "{told}");
    assert!(
        status(&daemon)["degraded"][0]["detail"].as_str().is_some_and(|why| why.contains("edited after"))
    );
    assert_eq!(fs::read_to_string(&file).expect("our file"), edited);
}
