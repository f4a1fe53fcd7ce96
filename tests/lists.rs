//! Files of addresses that change while the daemon runs.

use std::{fs, time::Duration};

use serde_json::Value;

use crate::bed::{Bed, Daemon, GATE, Outcome, Outcome::*, eventually};

const CONFIG: &str = "[policy]\ninput = \"accept\"\n[sets.bad]\nfile = \"lists/bad.netset\"\n\
    [[rule]]\nname = \"bad\"\nsource = \"@bad\"\naction = \"drop\"\n\
    [[test]]\npacket = \"input tcp 192.0.2.1:1 -> 192.0.2.2:22\"\nexpect = \"accept\"\n";

fn status(daemon: &Daemon<'_>) -> Value {
    serde_json::from_slice(&daemon.ask(&["status", "--json"]).stdout).expect("JSON")
}

/// Waits until a knock of the peer ends so.
fn becomes(bed: &Bed, outcome: Outcome) {
    let knock = || (bed.peer.tcp((GATE[0], 80)) == outcome).then_some(());
    eventually(Duration::from_secs(15), knock).unwrap_or_else(|| panic!("the door never is {outcome:?}"));
}

/// Waits until the status says so of the list.
fn says(daemon: &Daemon<'_>, words: &str) {
    let told = || {
        let status = status(daemon);
        let problem = status["lists"][0]["problem"].as_str().unwrap_or_default().to_owned();
        let degraded = status["degraded"].to_string();
        (problem.contains(words) && degraded.contains("list-outdated")).then_some(())
    };
    eventually(Duration::from_secs(10), told).unwrap_or_else(|| panic!("{words}: {:#}", status(daemon)));
}

#[test]
fn a_list_that_changes_is_in_force_by_itself() {
    let Some(bed) = Bed::new() else { return };
    let list = bed.home().join("lists/bad.netset");
    fs::create_dir(bed.home().join("lists")).expect("our directory");
    fs::write(&list, "; nobody yet\r\n198.51.100.0/24 ; SBL1\r\n").expect("our directory");
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, CONFIG);
    becomes(&bed, Answered);
    assert_eq!(status(&daemon)["generation"], 1);

    // As an editor writes it.
    fs::write(&list, "10.77.1.2\n198.51.100.0/24\n").expect("our directory");
    becomes(&bed, Silent);
    let generation = status(&daemon)["generation"].as_u64().expect("a number");
    assert_eq!(generation, 2, "one change, one table");

    // As a downloader does it, and the whole directory at once.
    for (written, outcome) in [("# empty now\n", Answered), ("10.77.1.0/24\n", Silent)] {
        fs::write(bed.home().join("new"), written).expect("our directory");
        fs::rename(bed.home().join("new"), &list).expect("our directory");
        becomes(&bed, outcome);
    }
    let lists = bed.home().join("lists");
    fs::create_dir(bed.home().join("lists.new")).expect("our directory");
    fs::write(bed.home().join("lists.new/bad.netset"), "192.0.2.0/25\n192.0.2.128/25\n")
        .expect("our directory");
    fs::rename(&lists, bed.home().join("lists.old")).expect("our directory");
    fs::rename(bed.home().join("lists.new"), &lists).expect("our directory");
    // The new list breaks the policy's own test.
    says(&daemon, "expects accept, but the rule `bad` says drop");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent);
    fs::write(&list, "198.51.100.7\n").expect("our directory");
    becomes(&bed, Answered);
    assert_eq!(status(&daemon)["degraded"], Value::Array(Vec::new()));
}

#[test]
fn a_list_that_is_gone_or_broken_stays_as_it_was() {
    let Some(bed) = Bed::new() else { return };
    let list = bed.home().join("lists/bad.netset");
    fs::create_dir(bed.home().join("lists")).expect("our directory");
    fs::write(&list, "10.77.1.2\n").expect("our directory");
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, CONFIG);
    becomes(&bed, Silent);
    for (written, words) in [
        (Some("10.77.9.0/24\n<html>\n"), "line 2: `<html>` is not an address, a prefix or a range"),
        (Some(""), "is empty, as after a download that failed"),
        (None, "there is no such file"),
    ] {
        match written {
            Some(text) => fs::write(&list, text).expect("our directory"),
            None => fs::remove_file(&list).expect("our directory"),
        }
        says(&daemon, words);
        assert_eq!(bed.peer.tcp((GATE[0], 80)), Silent, "{words}");
    }
    let told = String::from_utf8_lossy(&daemon.ask(&["status"]).stdout).into_owned();
    assert!(told.contains("what is in force is of "), "its age is told: {told}");
    assert_eq!(status(&daemon)["generation"], 1);
    // Rules in files wait for a reload, whatever becomes of lists.
    fs::write(&list, "198.51.100.0/24\n").expect("our directory");
    becomes(&bed, Answered);
    assert_eq!(status(&daemon)["degraded"], Value::Array(Vec::new()));
}

/// Long enough to be kept compressed.
#[test]
fn a_long_list_outlives_its_file() {
    let Some(bed) = Bed::new() else { return };
    let list = bed.home().join("lists/bad.netset");
    fs::create_dir(bed.home().join("lists")).expect("our directory");
    let hosts = (0..30_000).map(|n| format!("10.{}.{}.{}\n", 100 + (n >> 15), n >> 7 & 255, n % 128 * 2));
    fs::write(&list, hosts.chain(["10.77.1.2\n".to_owned()]).collect::<String>()).expect("our directory");
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, CONFIG);
    becomes(&bed, Silent);
    daemon.terminate();
    becomes(&bed, Answered);
    fs::remove_file(&list).expect("our directory");
    let daemon = Daemon::start(&bed, CONFIG);
    becomes(&bed, Silent);
    assert!(status(&daemon)["configuration"].as_str().is_some_and(|text| text.contains("last good")));
    let entries: Value = serde_json::from_slice(&daemon.ask(&["history", "--json"]).stdout).expect("JSON");
    assert_eq!(entries.as_array().map(Vec::len), Some(1), "{entries:#}");
    says(&daemon, "there is no such file");
}
