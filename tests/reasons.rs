//! What the commands tell of rules: lints, differences, explanations.

use std::fs;

use serde_json::Value;

use crate::commands::Home;

const POLICY: &str = r#"
[policy]
input = "drop"
output = "accept"

[sets.office]
addresses = ["203.0.113.0/24", "2001:db8:40::/48"]

[[rule]]
name = "no telnet or smb"
hook = "input"
protocol = "tcp"
port = [23, 445]
action = "drop"

[[rule]]
name = "ssh"
hook = "input"
protocol = "tcp"
source = "@office"
port = "ssh"
action = "accept"
"#;

fn with(rules: &str) -> String {
    format!("{POLICY}{rules}")
}

fn rule(name: &str, keys: &str) -> String {
    format!("[[rule]]\nname = {name:?}\n{keys}\n")
}

/// The kinds of warnings, and the rules that they are about.
fn warnings(policy: &str) -> Vec<(String, String)> {
    let (code, out, complaint) = Home::new(policy).run(&["check", "--json", "FILE"]);
    assert_eq!(code, 0, "{complaint}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["undecided"], Value::Array(Vec::new()));
    let warnings = report["warnings"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    warnings.map(|warning| (text(&warning["kind"]), text(&warning["rule"]))).collect()
}

#[test]
fn the_linter_finds_each_kind() {
    let cases = [
        (
            "never-decides",
            r#"hook = "input"
            protocol = "tcp"
            source = "203.0.113.77"
            port = 22
            action = "accept""#,
        ),
        (
            "contradicted",
            r#"hook = "input"
            protocol = "tcp"
            source = "192.0.2.0/24"
            port = 23
            action = "accept""#,
        ),
        (
            "contradicted-in-part",
            r#"hook = "input"
            protocol = "tcp"
            port = [139, 445]
            action = "accept""#,
        ),
        (
            "redundant",
            r#"hook = "output"
            protocol = "tcp"
            port = 443
            action = "accept""#,
        ),
        (
            "opens-everything",
            r#"hook = "input"
            source = "0.0.0.0/0"
            action = "accept""#,
        ),
        (
            "policy-never-reached",
            r#"hook = "output"
            action = "reject""#,
        ),
        (
            "opens-everything",
            r#"hook = "input"
            protocol = "udp"
            source-port = "domain"
            action = "accept""#,
        ),
        (
            "matches-nothing",
            r#"hook = "input"
            source = "192.0.2.1"
            destination = "2001:db8::1"
            action = "drop""#,
        ),
        (
            "expired",
            r#"hook = "input"
            source = "192.0.2.1"
            expires = 2020-01-01
            action = "drop""#,
        ),
        (
            "hook-left-out",
            r#"protocol = "tcp"
            source = "@office"
            port = 80
            action = "accept""#,
        ),
    ];
    for (kind, keys) in cases {
        let found = warnings(&with(&rule("suspicious", keys)));
        assert_eq!(found.first(), Some(&(kind.to_owned(), "suspicious".to_owned())), "{kind}: {found:?}");
    }
    let unused = with("[sets.old]\nports = [1, 2]\n");
    assert_eq!(warnings(&unused), [("unused-set".to_owned(), String::new())]);
    let empty = r#"hook = "input"
        source = "@none"
        action = "drop""#;
    let empty = with(&format!("[sets.none]\naddresses = []\n{}", rule("of nobody", empty)));
    assert_eq!(warnings(&empty), [("empty-set".to_owned(), String::new())]);
}

#[test]
fn what_is_different_on_some_days_only_is_told_on_every_day() {
    let days = |days: &str| {
        let keys = "hook = \"input\"\nprotocol = \"tcp\"\nport = 28\naction = \"accept\"";
        with(&rule("some days", &format!("{keys}\nschedule = \"{days} 00:00-24:00 UTC\"")))
    };
    let keys = "hook = \"input\"\nprotocol = \"tcp\"\nport = \"26-30\"\naction = \"accept\"";
    let open = rule("open", keys);
    let until = |end: &str| days("mon-sun").replace("schedule", &format!("expires = {end}\nschedule"));
    let cases = [
        // Whatever day is today, it is another one than most of these.
        (days("mon-fri"), days("mon-sat"), 1, "newly open: 1, newly closed: 0"),
        (days("mon-sat"), days("mon-fri"), 0, "newly open: 0, newly closed: 1"),
        (days("mon"), days("wed"), 1, "newly open: 1, newly closed: 1"),
        (days("mon-sun"), days("tue"), 0, "newly open: 0, newly closed: 1"),
        (until("2998-01-01"), until("2999-01-01"), 1, "newly open: 1, newly closed: 0"),
        (until("2999-01-01"), until("2998-01-01"), 0, "newly open: 0, newly closed: 1"),
        (until("2020-01-01"), until("2020-01-02"), 0, "no packet is decided otherwise"),
        // Where a part of what is opened was open on some days before, the whole says it.
        (days("wed"), days("wed") + &open, 1, "newly open: 1, newly closed: 0"),
    ];
    for (old, new, expected, last) in cases {
        let home = Home::new(&new);
        fs::write(home.file("old.toml"), &old).expect("our directory");
        let (code, out, complaint) = home.run(&["diff", &home.file("old.toml"), "FILE"]);
        assert_eq!((code, out.lines().last()), (expected, Some(last)), "{out}{complaint}");
    }
}

#[test]
fn a_changed_rate_is_shown_before_and_after() {
    let rated = |rate: &str| {
        let keys = "hook = \"input\"\nprotocol = \"tcp\"\nport = 28\naction = \"accept\"\n";
        with(&rule("rated", &format!("{keys}{rate}")))
    };
    let home = Home::new(&rated(""));
    fs::write(home.file("old.toml"), rated("rate = \"10/s, burst 20\"")).expect("our directory");
    let (code, out, _) = home.run(&["diff", &home.file("old.toml"), "FILE"]);
    assert_eq!(code, 0);
    assert!(out.contains("at any rate; before: accept") && out.contains("at 10/s, burst 20\n"), "{out}");
}

#[test]
fn what_is_common_on_purpose_is_no_finding() {
    let deliberate = [
        // An exception before the rule.
        rule("one desk may not", "hook = \"input\"\nsource = \"203.0.113.9\"\naction = \"drop\"")
            + &rule(
                "web",
                "hook = \"input\"\nsource = \"@office\"\nprotocol = \"tcp\"\nport = [80, 443]\naction = \"accept\"",
            ),
        // What the policy would do anyway, by a name of its own, and silently.
        rule(
            "quiet",
            "hook = \"input\"\nprotocol = \"udp\"\nport = [137, 138]\nlog = \"none\"\naction = \"drop\"",
        ),
        rule("the rest", "hook = \"input\"\naction = \"drop\"\nlog = \"none\""),
        // A blocklist that overlaps what is opened after it.
        rule(
            "bad",
            "hook = \"input\"\nsource = [\"198.51.100.0/24\", \"2001:db8:bad::/48\"]\naction = \"drop\"",
        ) + &rule("dns", "hook = \"input\"\nprotocol = [\"tcp\", \"udp\"]\nport = 53\naction = \"accept\""),
        rule("replies", "hook = \"input\"\nstate = [\"established\", \"related\"]\naction = \"accept\""),
        rule("the lab", "hook = \"input\"\ninterface = \"lab*\"\naction = \"accept\""),
    ];
    for rules in deliberate {
        assert_eq!(warnings(&with(&rules)), [], "{rules}");
    }
}

#[test]
fn a_warning_has_its_place_and_its_witness() {
    let keys = "hook = \"input\"\nprotocol = \"tcp\"\nport = [139, 445]\naction = \"accept\"";
    let home = Home::new(&with(&rule("file server", keys)));
    let (code, out, complaint) = home.run(&["check", "FILE"]);
    assert_eq!(code, 0);
    assert!(out.contains("valid") && out.contains("warnings: 1"), "{out}");
    for expected in [
        "warning: rule `file server` never accepts anything of its port `445`",
        "portcullis.toml:24:8",
        "drops all of it",
        "input tcp 203.0.113.9:40000 -> 192.0.2.1:445 in eth0",
        "rule `no telnet or smb` decides: drop",
    ] {
        assert!(complaint.contains(expected), "{expected} is not in:\n{complaint}");
    }
    assert_eq!(home.run(&["check", "--strict", "FILE"]).0, 1);
}

#[test]
fn a_difference_is_told_with_a_witness_and_an_exit_status() {
    let home = Home::new(POLICY);
    let (old, new) = (home.file("portcullis.toml"), home.file("new.toml"));
    fs::write(&new, POLICY.replace("[23, 445]", "445").replace("203.0.113.0/24", "203.0.112.0/23"))
        .expect("ours");
    let (code, out, _) = home.run(&["diff", &old, &new]);
    assert_eq!(code, 1, "{out}");
    for expected in [
        "newly open:\n  + hook = \"input\", protocol = \"tcp\", source = \"203.0.112.0/24\", port = 22\n",
        "accept by rule \"ssh\"",
        "before: drop by policy input",
        "for example: input tcp 203.0.112.1:40000 -> 192.0.2.1:22",
        "newly open: 1, newly closed: 0",
    ] {
        assert!(out.contains(expected), "{expected} is not in:\n{out}");
    }
    let (code, out, _) = home.run(&["diff", &new, &old]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("newly open: 0, newly closed: 1"), "{out}");
    let (code, out, _) = home.run(&["diff", &old, &old]);
    assert_eq!((code, out.as_str()), (0, "no packet is decided otherwise\n"));
    let (_, out, _) = home.run(&["diff", "--json", &old, &new]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["opens"], true);
    assert_eq!(report["differences"][0]["packets"][0]["port"][0], "22");
}

#[test]
fn an_explanation_names_the_smallest_edit() {
    let home = Home::new(POLICY);
    let packet = "input tcp 198.51.100.7:40000 -> 192.0.2.1:22";
    let (code, out, _) = home.run(&["explain", packet, "--config", "FILE"]);
    assert_eq!(code, 0);
    for expected in [
        "it says [\"203.0.113.0/24\", \"2001:db8:40::/48\"], the packet has 198.51.100.7",
        "to change the answer: add \"198.51.100.7\" to the source of rule \"ssh\"",
        "+ hook = \"input\", protocol = \"tcp\", source = \"198.51.100.7\", port = 22",
        "add a rule: hook = \"input\", protocol = \"tcp\", source = \"198.51.100.7\", port = 22, action = \"accept\"",
    ] {
        assert!(out.contains(expected), "{expected} is not in:\n{out}");
    }
}

#[test]
fn an_explanation_tells_codes_of_one_type_apart() {
    let keys = "hook = \"input\"\nicmp-type = \"destination-unreachable/4\"\naction = \"accept\"";
    let home = Home::new(&with(&rule("path mtu", keys)));
    let packet = "input icmp 198.51.100.7 -> 192.0.2.1 type destination-unreachable/1";
    let (_, out, _) = home.run(&["explain", packet, "--config", "FILE"]);
    let expected = "it says \"destination-unreachable/4\", the packet has destination-unreachable/1\n";
    assert!(out.contains(expected), "{out}");
}

#[test]
fn a_past_event_is_explained_by_then_and_by_now() {
    let home = Home::new(POLICY);
    let record = r#"{"timestamp":"2026-11-20T08:00:00.000000+0000","in_iface":"eth0","event_type":"drop","src_ip":"203.0.113.7","src_port":40000,"dest_ip":"192.0.2.1","dest_port":22,"proto":"TCP","ip_v":4,"drop":{"len":60,"syn":true,"ack":false,"fin":false,"rst":false,"psh":false,"urg":false,"reason":"firewall rules"},"verdict":{"action":"drop"},"alert":{"action":"blocked","gid":1,"signature_id":1,"rev":1,"signature":"closed then","category":"","severity":3,"metadata":{"hook":["input"],"event_id":["hobxuqxvk0"],"rule_file":["old.toml"],"rule_line":["7"],"generation":["3"]}}}"#;
    fs::write(home.file("blocked.jsonl"), format!("{record}\n")).expect("our directory");
    let ask = |id: &str| home.run(&["explain", "--event", id, "--directory", "DIR", "--config", "FILE"]);
    let (code, out, complaint) = ask("hobxuqxvk0");
    assert_eq!(code, 0, "{complaint}");
    for expected in [
        "drop by closed then (old.toml:7), for: firewall rules; generation 3",
        "now:  input tcp 203.0.113.7:40000 -> 192.0.2.1:22 in eth0\naccept: rule \"ssh\"",
    ] {
        assert!(out.contains(expected), "{expected} is not in:\n{out}");
    }
    let (code, _, complaint) = ask("nothing");
    assert_eq!(code, 1);
    assert!(complaint.contains("no event"), "{complaint}");
}

#[test]
fn a_door_is_opened_by_a_command_and_nothing_else_is_touched() {
    let home = Home::new(POLICY);
    let overlay = home.file("rules.d/99-commands.toml");
    let words = ["allow", "443/tcp", "from", "198.51.100.7", "--config", "FILE"];
    let (code, out, complaint) = home.run(&words);
    assert_eq!(code, 0, "{complaint}");
    assert!(out.contains("name     = \"allow 443/tcp from 198.51.100.7\""), "{out}");
    assert!(
        complaint.contains("+ hook = \"input\", protocol = \"tcp\", source = \"198.51.100.7\", port = 443"),
        "{complaint}"
    );
    assert!(fs::metadata(&overlay).is_err(), "nothing is written unless that is asked for");
    assert_eq!(home.run(&[&words[..], &["--write"]].concat()).0, 0);
    assert_eq!(home.run(&["allow", "53/udp", "--write", "--config", "FILE"]).0, 0);
    let (_, out, _) =
        home.run(&["explain", "input udp 198.51.100.9:4000 -> 192.0.2.1:53", "--config", "FILE"]);
    assert!(out.contains("accept: rule \"allow 53/udp\"") && out.contains("99-commands.toml:9"), "{out}");
    assert_eq!(fs::read_to_string(home.file("portcullis.toml")).expect("ours"), POLICY);
    for wrong in [["allow", "443/t p"], ["allow", "x\"/tcp"], ["block", "192.0.2.1\""]] {
        assert_eq!(home.run(&[&wrong[..], &["--config", "FILE"]].concat()).0, 2, "{wrong:?}");
    }
}

#[test]
fn whoever_is_blocked_is_blocked_before_he_is_let_in() {
    let home = Home::new(POLICY);
    let (code, out, complaint) = home.run(&["block", "203.0.113.9", "--write", "--config", "FILE"]);
    assert_eq!(code, 0, "{complaint}");
    assert!(out.contains("# before the rule \"ssh\", which would decide first"), "{out}");
    assert!(complaint.contains("newly open: 0, newly closed: 1"), "{complaint}");
    let text = fs::read_to_string(home.file("portcullis.toml")).expect("ours");
    let rule = &out[out.find("[[rule]]").expect("the rule")..];
    assert_eq!(text.replacen(&format!("{}\n", rule.trim_end_matches('\n').to_owned() + "\n"), "", 1), POLICY);
    let (_, out, _) =
        home.run(&["explain", "input tcp 203.0.113.9:4000 -> 192.0.2.1:22", "--config", "FILE"]);
    assert!(out.contains("drop: rule \"block 203.0.113.9\""), "{out}");
}
