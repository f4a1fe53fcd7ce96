//! What a newcomer sees first.

use std::{fs, process::Command};

use crate::bed::{Bed, binary};

#[test]
fn the_demo_shows_verdicts_and_a_scan_and_leaves_nothing() {
    // Only to learn whether this is possible here.
    let Some(_) = Bed::new() else { return };
    let output = Command::new(binary()).args(["demo", "--fast"]).output().expect("the binary runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{complaint}");
    for expected in ["ACCEPT input tcp", "DROP   input tcp", "SCAN   port scan begins", "connection reset"] {
        assert!(shown.contains(expected), "{expected} is not in:\n{shown}");
    }
    let left: Vec<_> = fs::read_dir("/run/netns")
        .map(|names| names.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    assert!(!left.iter().any(|name| name.contains("demo")), "{left:?}");
}
