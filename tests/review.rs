//! From real packets to records, doors and numbers, and what becomes of them when things break.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::bed::{Bed, Daemon, GATE, PEER, eventually, write_config};

const RULES: &str = r#"
[policy]
input = "drop"

[[rule]]
name     = "web"
hook     = "input"
protocol = "tcp"
port     = 8080
action   = "accept"

[[rule]]
name   = "friends"
hook   = "input"
source = "203.0.113.0/24"
port   = [8081, 8083]
action = "accept"
"#;

fn log(bed: &Bed, words: &[&str]) -> String {
    let directory = bed.log();
    let words = [&["log", "--directory", directory.to_str().expect("a path in UTF-8")], words].concat();
    String::from_utf8(bed.portcullis(&words, None).stdout).expect("text")
}

fn ports(bed: &Bed, words: &[&str]) -> Output {
    let config = bed.config();
    let words = [&["ports", "--config", config.to_str().expect("a path in UTF-8")], words].concat();
    bed.portcullis(&words, None)
}

#[test]
fn doors_are_told_with_who_may_come_and_who_came() {
    let Some(bed) = Bed::new() else { return };
    for port in [8080, 8081, 8082] {
        bed.gate.echo(port);
    }
    let daemon = Daemon::start(&bed, RULES);
    for _ in 0..3 {
        bed.peer.udp((GATE[0], 8082));
    }
    daemon.record(|record| record["dest_port"] == 8082);
    let output = ports(&bed, &["--json", "--strict"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let doors: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let door = |port: u16, protocol: &str| {
        let doors = doors["doors"].as_array().expect("a list");
        doors
            .iter()
            .find(|door| door["port"] == port && door["protocol"] == protocol)
            .expect("it is open")
            .clone()
    };
    assert_eq!(door(8080, "tcp")["open_to"], "everyone");
    assert_eq!(door(8080, "udp")["open_to"], "nobody");
    assert_eq!(door(8081, "tcp")["open_to"], "some");
    assert_eq!(door(8081, "tcp")["sources"][0], "203.0.113.0/24");
    let tried = door(8082, "udp");
    assert_eq!((&tried["open_to"], &tried["knocks"]["packets"]), (&"nobody".into(), &3.into()));
    assert_eq!(tried["knocks"]["sources"][0][0], PEER[0].to_string());
    assert_eq!(tried["processes"][0]["pid"], std::process::id());
    assert_eq!(doors["allowed_but_nobody_listens"][0]["port"], 8083);

    let told = String::from_utf8(ports(&bed, &["--explain", "8082/udp"]).stdout).expect("text");
    assert!(told.contains("listening, but blocked") && told.contains("3 times by 1 source"), "{told}");

    let all = "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"all\"\nhook = \"input\"\naction = \"accept\"\n";
    daemon.reload(all).expect("valid");
    assert_eq!(ports(&bed, &["--strict"]).status.code(), Some(1));
}

#[test]
fn a_published_port_is_a_door_of_a_container() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.nft("table ip others { chain pre { type nat hook prerouting priority -100; tcp dport 8443 dnat to 10.77.2.2:443; }; }");
    write_config(&bed, "[policy]\ninput = \"drop\"\n");
    let output = ports(&bed, &["--json"]);
    let doors: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let door = doors["doors"].as_array().expect("a list").iter().find(|door| door["port"] == 8443);
    let door = door.expect("it is published");
    assert_eq!((&door["container"]["address"], &door["meant"]), (&"10.77.2.2".into(), &false.into()));
}

/// What the daemon says that it has written is in the file, whatever becomes of it then.
#[test]
fn nothing_that_is_counted_as_written_is_lost_when_it_is_killed() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.sh(&format!("nmap -n -Pn -sS -p 1-200 --max-retries 0 {}", GATE[0]));
    let written = || {
        let status: Value = serde_json::from_slice(&daemon.ask(&["status", "--json"]).stdout).expect("JSON");
        status["records"]["written"].as_u64().filter(|&written| written >= 200)
    };
    let written = eventually(Duration::from_secs(5), written).expect("they are written");
    daemon.kill9();
    let text = fs::read_to_string(bed.log().join("blocked.jsonl")).expect("our file");
    assert!(text.ends_with('\n'));
    assert!(text.lines().count() as u64 >= written);
    // And the next one goes on there.
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.udp((GATE[0], 7777));
    daemon.record(|record| record["dest_port"] == 7777);
}

#[test]
fn records_go_for_their_age_unless_the_clock_claims_too_much() {
    let Some(bed) = Bed::new() else { return };
    fs::create_dir_all(bed.log()).expect("our directory");
    let old = |days: i64| {
        let time = Timestamp::now() - SignedDuration::from_hours(24 * days);
        let path = bed.log().join(format!("blocked.jsonl.{}", time.strftime("%Y%m%dT%H%M%S.%6fZ")));
        fs::write(&path, "{}\n").expect("our directory");
        path.with_added_extension("zst")
    };
    let rules = "[policy]\ninput = \"drop\"\n[log]\nmax-age = \"30 d\"\n";
    let kept = [old(25), old(1)];
    let gone = old(40);
    let daemon = Daemon::start(&bed, rules);
    let swept = || {
        let lines = fs::read_dir(bed.log()).expect("our directory").flatten();
        let names: Vec<String> = lines.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let done = names.iter().all(|name| {
            name == "blocked.jsonl"
                || name == "incidents.jsonl"
                || name.contains(".zst")
                || name.contains(".digest")
        });
        (done && kept.iter().all(|path| path.exists()) && !gone.exists()).then_some(())
    };
    eventually(Duration::from_secs(10), swept).expect("only what is old enough is gone");
    daemon.kill9();

    // A clock that is years ahead looks the same as a host that was off for as long.
    kept.iter().for_each(|path| fs::remove_file(path).expect("our file"));
    let ancient = [old(400), old(401)];
    let daemon = Daemon::start(&bed, rules);
    eventually(Duration::from_secs(10), || ancient.iter().all(|path| path.exists()).then_some(()))
        .expect("kept");
    eventually(Duration::from_secs(10), || daemon.stderr().contains("no records are deleted").then_some(()))
        .expect("and said");
    assert!(ancient.iter().all(|path| path.exists()));
}

struct Mounted<'a>(&'a std::path::Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_costs_records_that_are_counted_and_is_no_end() {
    let Some(bed) = Bed::new() else { return };
    let log = bed.log();
    fs::create_dir_all(&log).expect("our directory");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&log).status();
    assert!(mounted.expect("mount runs").success());
    let _mounted = Mounted(&log);
    fs::write(log.join("filler"), vec![0; 48 << 10]).expect("there is room");
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.sh(&format!("nmap -n -Pn -sS -p 1-100 --max-retries 0 {}", GATE[0]));
    let failed = || {
        let status: Value = serde_json::from_slice(&daemon.ask(&["status", "--json"]).stdout).expect("JSON");
        status["records"]["errors"].as_u64().filter(|&errors| errors > 0)
    };
    eventually(Duration::from_secs(5), failed).expect("it is counted");
    assert!(daemon.stderr().contains("records can't be written"), "{}", daemon.stderr());
    // Every line that is there is whole.
    assert!(daemon.records().len() > 3);
    fs::remove_file(log.join("filler")).expect("our file");
    bed.peer.udp((GATE[0], 7777));
    daemon.record(|record| record["dest_port"] == 7777);
    assert!(daemon.stderr().contains("again"), "{}", daemon.stderr());
}

#[test]
fn whoever_follows_sees_what_is_blocked_now() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.udp((GATE[0], 1111));
    daemon.record(|record| record["dest_port"] == 1111);
    let mut command = bed.gate.command(crate::bed::binary().to_str().expect("a path in UTF-8"));
    command.args(["log", "--follow", "--json", "--directory"]).arg(bed.log()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || -> Value {
        serde_json::from_str(&lines.next().expect("it goes on").expect("text")).expect("JSON")
    };
    assert_eq!(next()["dest_port"], 1111);
    bed.peer.udp((GATE[1], 2222));
    assert_eq!(next()["dest_port"], 2222);
    child.kill().expect("our child");
    child.wait().expect("our child");
    assert!(log(&bed, &["--top", "pairs"]).contains(&format!("{} -> 1111/udp", PEER[0])));
}
