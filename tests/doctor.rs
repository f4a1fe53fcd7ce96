//! What doctor finds on hosts that lack something, and what a start says there.

use std::{fs, process::Output};

use serde_json::Value;

use crate::bed::{Bed, Daemon, binary};

const RULES: &str = "[policy]\ninput = \"drop\"\n";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Its exit status, and the findings of one check that are no praise.
fn doctor(bed: &Bed, config: &str, control: &str, check: &str) -> (Option<i32>, String) {
    let control = bed.home().join(control).display().to_string();
    fs::write(bed.home().join("examined.toml"), config).expect("our directory");
    let file = bed.home().join("examined.toml").display().to_string();
    let output = bed.portcullis(&["doctor", "--json", "--config", &file, "--control", &control], None);
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let wanted = found.iter().filter(|finding| finding["check"] == check && finding["severity"] != "fine");
    let wanted: Vec<String> = wanted
        .map(|finding| {
            assert!(finding["severity"] != "problem" || finding["fix"].is_string(), "{finding}");
            finding["what"].as_str().unwrap_or_default().to_owned()
        })
        .collect();
    (output.status.code(), wanted.join("\n"))
}

#[test]
fn a_host_without_a_flaw_is_told_so() {
    let Some(bed) = Bed::new() else { return };
    let (code, problems) = doctor(&bed, RULES, "nobody", "hook");
    assert_eq!((code, problems.as_str()), (Some(0), ""));
    let words = said(&bed.portcullis(&["doctor"], None));
    assert!(words.contains("ok       nft: nftables"), "{words}");
}

#[test]
fn what_is_wrong_is_found_with_its_fix() {
    let Some(bed) = Bed::new() else { return };
    let (code, found) = doctor(&bed, "[policy]\ninput = \"dorp\"", "nobody", "configuration");
    assert_eq!(code, Some(1));
    assert!(found.contains("dorp"), "{found}");
    bed.gate.sh("ip rule add fwmark 0x1000000/0xf000000 lookup main
                 iptables -w -N DOCKER && iptables -w -A DOCKER -d 172.17.0.2 -j ACCEPT
                 iptables -w -A INPUT -p tcp --dport 82 -j DROP");
    let (code, found) = doctor(&bed, RULES, "nobody", "marks of others");
    assert_eq!(code, Some(1));
    assert!(found.contains("routing rule"), "{found}");
    let (_, found) = doctor(&bed, RULES, "nobody", "Docker");
    assert!(found.contains("open to everybody"), "{found}");
    let (_, found) = doctor(&bed, RULES, "nobody", "iptables");
    assert!(found.starts_with("1 rules of others"), "{found}");
}

#[test]
fn queues_rules_and_daemon_that_do_not_belong_together_are_found() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, RULES);
    assert_eq!(doctor(&bed, RULES, "control", "queue").0, Some(0));
    let (code, found) = doctor(&bed, RULES, "nobody", "queue");
    assert_eq!(code, Some(1));
    assert!(found.contains("queue 7300 is held by portcullis (process "), "{found}");
    assert_eq!(doctor(&bed, RULES, "control", "kernel rules").1, "");
    daemon.kill9();
    let (code, found) = doctor(&bed, RULES, "control", "kernel rules");
    assert_eq!(code, Some(1));
    assert!(found.contains("nobody judges"), "{found}");
}

/// Starts the daemon where something was prepared before; it has to end by itself.
fn start_where(bed: &Bed, prepare: &str) -> (Option<i32>, String) {
    fs::write(
        bed.home().join("portcullis.toml"),
        format!("{RULES}[log]\ndirectory = {:?}\n", bed.home().join("log")),
    )
    .expect("our directory");
    // Mounts are this command's own.
    let script = format!(
        "{prepare}\nexec timeout --preserve-status 2 \"$1\" run --config \"$0/portcullis.toml\" --state \"$0/state\" --control \"$0/control\""
    );
    let output = bed.gate.command("sh").args(["-ec", &script]).arg(bed.home()).arg(binary()).output();
    let output = output.expect("a shell");
    (output.status.code(), said(&output))
}

#[test]
fn a_start_that_fails_says_what_to_do() {
    let Some(bed) = Bed::new() else { return };
    let (code, complaint) = start_where(&bed, "mount -t tmpfs tmpfs /usr/sbin");
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains("nft is not installed") && complaint.contains("nftables"), "{complaint}");
}

#[test]
fn directories_that_cannot_be_written_keep_nothing_from_starting() {
    let Some(bed) = Bed::new() else { return };
    let read_only = "for d in state log; do mkdir -p $0/$d; mount -t tmpfs -o ro tmpfs $0/$d; done";
    let (code, told) = start_where(&bed, read_only);
    assert_eq!(code, Some(0), "it runs until it is told to stop: {told}");
    for expected in ["ready", "cannot keep this configuration", "records can't be written", "Read-only"] {
        assert!(told.contains(expected), "{expected} is not in: {told}");
    }
}
