//! Commands that need neither root nor a daemon, and how they end.

use std::{
    fs, io,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::bed::binary;

const POLICY: &str = r#"
[policy]
input = "drop"

[[rule]]
name     = "ssh from the office"
hook     = "input"
protocol = "tcp"
source   = "203.0.113.0/24"
port     = "ssh"
action   = "accept"

[[rule]]
name      = "web"
hook      = "input"
interface = "eth0"
protocol  = "tcp"
port      = ["http", "https"]
action    = "accept"

[[test]]
packet = "input tcp 203.0.113.9:40000 -> 192.0.2.1:22"
expect = "accept"
"#;

const RECORDS: &str = r#"{"timestamp":"2026-11-20T08:00:00.000000+0000","event_type":"drop","src_ip":"198.51.100.7","src_port":40000,"dest_ip":"192.0.2.1","dest_port":23,"proto":"TCP","ip_v":4,"drop":{"len":60,"tos":0,"ttl":64,"ipid":1,"reason":"firewall default packet policy"},"verdict":{"action":"drop"},"alert":{"action":"blocked","gid":1,"signature_id":1,"rev":1,"signature":"policy input","category":"","severity":3,"metadata":{"hook":["input"]}}}
this is no record
{"timestamp":"2026-11-21T08:00:00.000000+0000","event_type":"drop","src_ip":"2001:db8::7","src_port":40000,"dest_ip":"2001:db8::1","dest_port":445,"proto":"TCP","ip_v":6,"drop":{"len":60,"reason":"firewall rules"},"verdict":{"action":"drop"},"alert":{"action":"blocked","gid":1,"signature_id":2,"rev":1,"signature":"no smb","category":"","severity":3,"metadata":{"hook":["input"],"count":["41"]}}}
"#;

/// A directory with a configuration and records.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new(policy: &str) -> Self {
        let home = Self(tempfile::tempdir().expect("a directory"));
        fs::write(home.file("portcullis.toml"), policy).expect("our directory");
        fs::write(home.file("blocked.jsonl"), RECORDS).expect("our directory");
        home
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Runs the binary with `FILE` and `DIR` in its words replaced.
    pub(crate) fn run(&self, words: &[&str]) -> (i32, String, String) {
        let file = self.file("portcullis.toml");
        let directory = self.0.path().display().to_string();
        let words = words.iter().map(|word| match *word {
            "FILE" => file.clone(),
            "DIR" => directory.clone(),
            word => word.to_owned(),
        });
        ended(Command::new(binary()).args(words).output().expect("the binary runs"))
    }
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

#[test]
fn a_good_configuration_is_called_valid() {
    let (code, out, _) = Home::new(POLICY).run(&["check", "FILE"]);
    assert_eq!(code, 0);
    assert!(out.contains("valid; rules: 2, for input; tests passed: 1"), "{out}");
}

#[test]
fn every_error_is_shown_at_once_with_its_place() {
    let broken = POLICY.replace("\"ssh\"", "\"shs\"").replace("protocol  = \"tcp\"", "protokol = \"tcp\"");
    let (code, out, complaint) = Home::new(&broken).run(&["check", "FILE"]);
    assert_eq!((code, out.as_str()), (3, ""));
    for expected in ["portcullis.toml:10:12", "\"shs\"", "portcullis.toml:17:1", "protokol", "^^^"] {
        assert!(complaint.contains(expected), "{expected} is not in:\n{complaint}");
    }
}

#[test]
fn a_failed_test_of_the_policy_is_a_no() {
    let contradicted = POLICY.replace("expect = \"accept\"", "expect = \"drop\"");
    let (code, _, complaint) = Home::new(&contradicted).run(&["check", "FILE"]);
    assert_eq!(code, 1);
    assert!(complaint.contains("input tcp 203.0.113.9:40000 -> 192.0.2.1:22"), "{complaint}");
}

#[test]
fn the_built_in_default_is_valid() {
    let home = Home::new("");
    if !Path::new("/etc/portcullis/portcullis.toml").exists() {
        assert_eq!(home.run(&["check"]).0, 0);
    }
}

#[test]
fn explain_names_the_rule_and_what_came_close() {
    let home = Home::new(POLICY);
    let explain = |packet| home.run(&["explain", packet, "--config", "FILE"]);
    let (code, out, _) = explain("input tcp 203.0.113.9:40000 -> 192.0.2.1:22 in eth0");
    assert_eq!(code, 0);
    assert!(
        out.contains("accept: rule \"ssh from the office\"") && out.contains("portcullis.toml:5"),
        "{out}"
    );
    let (code, out, _) = explain("input tcp 198.51.100.7:40000 -> 192.0.2.1:22 in eth0");
    assert_eq!(code, 0, "a drop is no failure");
    assert!(out.contains("drop: no rule matches; the policy of input decides"), "{out}");
    assert!(out.contains("nearly: rule \"ssh from the office\"") && out.contains("for its source"), "{out}");
    let (_, out, _) = explain("input tcp 198.51.100.7:40000 -> 192.0.2.1:80");
    assert!(out.contains("depends: rule \"web\""), "{out}");
    let (_, out, _) = explain("input tcp 127.0.0.1:40000 -> 127.0.0.1:22 in lo");
    assert!(out.contains("but nobody asks the rules: loopback always passes\n"), "{out}");
    let (code, _, complaint) = explain("input tcp 198.51.100.7:40000 => 192.0.2.1:80");
    assert_eq!(code, 2);
    assert!(complaint.contains("->") && complaint.contains('^'), "{complaint}");
}

#[test]
fn what_a_test_found_wrong_can_be_explained() {
    let packet = "input tcp 198.51.100.7:40000 -> 192.0.2.1:22 in eth0";
    let home = Home::new(&format!("{POLICY}[[test]]\npacket = \"{packet}\"\nexpect = \"accept\"\n"));
    assert_eq!(home.run(&["check", "FILE"]).0, 1);
    let (code, out, complaint) = home.run(&["explain", packet, "--config", "FILE"]);
    assert!(code == 0 && out.contains("drop: no rule matches"), "{out}{complaint}");
    assert!(complaint.contains("expects accept"), "{complaint}");
    // What is exported may go live elsewhere.
    let (code, out, complaint) = home.run(&["export", "--config", "FILE"]);
    assert!(code == 3 && out.is_empty() && complaint.contains("expects accept"), "{out}{complaint}");
}

#[test]
fn explain_says_of_which_time_it_speaks() {
    let home = Home::new(
        "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"guest\"\nport = 80\naction = \"accept\"\n\
         rate = \"10/s per source\"\nexpires = 2026-01-31T18:00:00Z\nschedule = \"mon-fri 08:00-18:00 UTC\"\n",
    );
    let explain = |at: &str| {
        let packet = "input tcp 203.0.113.9:40000 -> 192.0.2.1:80";
        let words = ["explain", packet, "--config", "FILE", "--at", at];
        home.run(&words[..if at.is_empty() { 4 } else { 6 }])
    };
    let (code, out, _) = explain("2026-01-30 17:59 UTC");
    assert_eq!(code, 0);
    assert!(out.contains("accept: rule \"guest\""), "{out}");
    assert!(out.contains("limited: new flows to 10/s per source, burst 10"), "{out}");
    let (_, out, _) = explain("2026-01-30 18:00 UTC");
    assert!(out.contains("drop: ") && out.contains("but for its schedule\nas at 2026-01-30 "), "{out}");
    let (_, out, _) = explain("");
    assert!(out.contains("but for its expires\nas at "), "{out}");
    let (code, _, complaint) = explain("noon");
    assert_eq!(code, 2);
    assert!(complaint.contains("`noon` is not a date or time; a time is written 2027-01-01"), "{complaint}");
}

#[test]
fn explanations_are_data_on_request() {
    let home = Home::new(POLICY);
    let packet = "input tcp 203.0.113.9:40000 -> 192.0.2.1:22 in eth0";
    let (_, out, _) = home.run(&["explain", "--json", packet, "--config", "FILE"]);
    let explained: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(explained["action"], "accept");
    assert_eq!(explained["cause"]["rule"], "ssh from the office");
    assert_eq!(explained["cause"]["line"], 5);
}

#[test]
fn the_log_is_filtered_counted_and_survives_foreign_lines() {
    let home = Home::new(POLICY);
    let log = |words: &[&str]| home.run(&[&["log", "--directory", "DIR"], words].concat());
    let (code, out, complaint) = log(&[]);
    assert_eq!(code, 0);
    assert!(out.contains("198.51.100.7") && out.contains("2001:db8::7"), "{out}");
    assert!(complaint.contains('1'), "the foreign line is mentioned: {complaint}");
    assert!(!log(&["--source", "198.51.100.0/24"]).1.contains("2001:db8::7"));
    assert!(!log(&["--port", "445"]).1.contains("198.51.100.7"));
    assert!(!log(&["--rule", "no smb"]).1.contains("198.51.100.7"));
    assert!(!log(&["--since", "2026-11-21"]).1.contains("198.51.100.7"));
    let (_, top, _) = log(&["--top", "ports"]);
    assert!(top.lines().next().is_some_and(|first| first.contains("41") && first.contains("445")), "{top}");
    let (_, json, _) = log(&["--json", "--port", "23"]);
    assert_eq!(serde_json::from_str::<Value>(&json).expect("one record")["dest_port"], 23);
    assert_eq!(log(&["--port", "9"]).0, 1, "nothing was found");
    assert_eq!(log(&["--port", "many"]).0, 2);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_to_speak_of() {
    for words in [&["rules", "--builtin"][..], &["schema"], &["doctor"]] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let output = Command::new(binary()).args(words).stdout(writer).output().expect("the binary runs");
        // As of a program that SIGPIPE ends.
        assert_eq!((words, ended(output)), (words, (141, String::new(), String::new())));
    }
}

#[test]
fn built_in_passes_are_listed() {
    let (code, out, _) = Home::new(POLICY).run(&["rules", "--builtin"]);
    assert_eq!(code, 0);
    for expected in ["loopback", "neighbour", "multicast listener", "IGMP", "ICMP errors", "DHCPv4", "DHCPv6"]
    {
        assert!(out.contains(expected), "{expected} is not in:\n{out}");
    }
}

#[test]
fn nobody_there_and_nobody_asked_are_told_apart() {
    let home = Home::new(POLICY);
    let socket = home.file("nobody");
    assert_eq!(home.run(&["status", "--control", &socket]).0, 5);
    assert_eq!(home.run(&["reload", "--control", &socket]).0, 5);
    assert_eq!(home.run(&["frobnicate"]).0, 2);
}

#[test]
fn without_permission_a_start_says_what_it_needs() {
    let home = Home::new(POLICY);
    // Everybody may run a copy of the binary in a directory that everybody may enter.
    let everyone = home.0.path();
    fs::copy(binary(), everyone.join("portcullis")).expect("our directory");
    let mut command = if rustix::process::geteuid().is_root() {
        fs::set_permissions(everyone, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(everyone.join("portcullis"));
        command
    } else {
        Command::new(everyone.join("portcullis"))
    };
    let (code, _, complaint) = ended(command.arg("run").output().expect("it runs"));
    assert_eq!(code, 4, "{complaint}");
    assert!(complaint.contains("CAP_NET_ADMIN"), "{complaint}");
}
