//! The rules in one file: for Portcullis, for scripts, and for nft.

use std::fs;

use serde_json::{Value, json};

use crate::{
    bed::{Bed, GATE, Outcome::*},
    commands::Home,
};

const POLICY: &str = r#"
mode = "enforce"

[policy]
input   = "reject"
output  = "accept"
forward = "drop"

[sets.office]
addresses = ["10.77.1.2", "2001:db8:40::/48"]

[sets.more]
addresses = ["@office", "fd77:1::2"]

[[rule]]
name     = "not \"us\""
hook     = "input"
source   = "!@more"
action   = "drop"
log      = "none"

[[rule]]
name     = "ssh"
hook     = "input"
protocol = "tcp"
port     = 22
action   = "accept"
failsafe = true

[[rule]]
name     = "web"
hook     = "input"
source   = "@more"
port     = [80, "8000-8099"]
protocol = ["tcp", "udp", "gre", "!esp"]
tcp-flags = "syn / syn,ack"
action   = "accept"
comment  = "for them"
"#;

/// What nft says in another way, or not at all.
const OVERLAY: &str = r#"
[[rule]]
name     = "shy"
hook     = "input"
port     = 7
action   = "accept"
rate     = "5/min per source, burst 3"

[[rule]]
name     = "all together"
hook     = ["input", "output"]
interface = ["wg*", "!wg1"]
icmp-type = ["echo-request", "!128"]
state    = ["new", "invalid"]
action   = "accept"
rate     = "100/s"

[[rule]]
name     = "of users"
hook     = "output"
user     = ["1000-1999", 0]
destination = ["192.0.2.0/24", "!192.0.2.7", "2001:db8::/32"]
action   = "reject"

[[rule]]
name     = "gone"
hook     = "forward"
in-interface = "eth0"
expires  = 2020-01-01
action   = "accept"

[[rule]]
name     = "at all times"
hook     = "forward"
tcp-flags = ["none", "fin,syn"]
schedule = "daily 00:00-24:00 UTC"
action   = "accept"

[[rule]]
name     = "no packet"
hook     = "forward"
port     = 80
icmp-type = 3
action   = "accept"
"#;

fn home() -> Home {
    let home = Home::new(POLICY);
    fs::create_dir(home.file("rules.d")).expect("our directory");
    fs::write(home.file("rules.d/10-more.toml"), OVERLAY).expect("our directory");
    home
}

#[test]
fn an_export_is_the_same_rules_in_one_file() {
    let home = home();
    let (code, exported, complaint) = home.run(&["export", "--config", "FILE"]);
    assert_eq!((code, complaint.as_str()), (0, ""));
    assert!(exported.contains("rules.d/10-more.toml:2\n[[rule]]\nname = \"shy\"\n"), "{exported}");
    assert!(exported.contains("source = \"@more\"\n") && !exported.contains("office"), "{exported}");
    let other = home.file("alone/exported.toml");
    fs::create_dir(home.file("alone")).expect("our directory");
    fs::write(&other, &exported).expect("our directory");
    let (code, said, complaint) = home.run(&["diff", "FILE", &other]);
    assert_eq!((code, said.as_str(), complaint.as_str()), (0, "no packet is decided otherwise\n", ""));
    let (code, again, _) = home.run(&["export", "--config", &other]);
    let keys =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect::<Vec<_>>();
    assert_eq!((code, keys(&again)), (0, keys(&exported)));
}

#[test]
fn an_export_for_scripts_says_where_each_rule_was_written() {
    let (code, exported, _) = home().run(&["export", "--format", "json", "--config", "FILE"]);
    assert_eq!(code, 0);
    let exported: Value = serde_json::from_str(&exported).expect("JSON");
    let names: Vec<&Value> =
        exported["rule"].as_array().expect("a list").iter().map(|rule| &rule["name"]).collect();
    assert_eq!(names[..4], ["not \"us\"", "ssh", "web", "shy"]);
    assert_eq!(exported["rule"][2]["port"], json!([80, "8000-8099"]));
    assert_eq!((&exported["rule"][3]["line"], &exported["policy"]["input"]), (&json!(2), &json!("reject")));
    assert!(exported["rule"][3]["file"].as_str().is_some_and(|file| file.ends_with("rules.d/10-more.toml")));
}

#[test]
fn nft_takes_an_export_and_decides_the_same() {
    let Some(bed) = Bed::new() else { return };
    let (code, exported, complaint) = home().run(&["export", "--format", "nft", "--config", "FILE"]);
    assert_eq!((code, complaint.as_str()), (0, ""));
    for remark in [
        "# rule \"gone\" (",
        "until 2019-12-31T", // or 2020-01-01T, by the clocks of this host
        "not in force, left out",
        "on schedule daily 00:00-24:00 UTC: in force, and nft does not know until when",
        "# rule \"no packet\" (",
        "it matches nothing, left out",
    ] {
        let other = remark.replace("2019-12-31T", "2020-01-01T");
        assert!(exported.contains(remark) || exported.contains(&other), "{remark}:\n{exported}");
    }
    let file = bed.home().join("exported.nft");
    fs::write(&file, &exported).expect("our directory");
    bed.gate.sh(&format!("nft -c -f {}", file.display()));
    for port in [7, 22, 80, 81] {
        bed.gate.echo(port);
    }
    // Twice, as somebody does who changes it.
    bed.gate.nft(&exported);
    bed.gate.nft(&exported);
    for gate in GATE {
        assert_eq!(bed.peer.tcp((gate, 22)), Answered);
        assert_eq!(bed.peer.tcp((gate, 80)), Answered);
        assert_eq!(bed.peer.tcp((gate, 81)), Refused, "by the policy");
        for _ in 0..3 {
            assert_eq!(bed.peer.udp((gate, 7)), Answered);
        }
        assert_eq!(bed.peer.udp((gate, 7)), Silent, "a burst is over");
    }
}
