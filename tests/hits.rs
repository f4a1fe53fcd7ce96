//! How often each rule has decided, over a reload and a restart.

use std::process::Output;

use serde_json::Value;

use crate::bed::{Bed, Daemon, GATE, Outcome::*};

const WEB: &str = "
    [[rule]]
    name     = \"web\"
    hook     = \"input\"
    protocol = \"tcp\"
    port     = 80
    action   = \"accept\"
";
const TELNET: &str = "
    [[rule]]
    name     = \"no telnet\"
    hook     = \"input\"
    protocol = \"tcp\"
    port     = 23
    action   = \"reject\"
";
const POLICY: &str = "[policy]\ninput = \"drop\"\n";

/// What `portcullis rules` says.
fn rules(bed: &Bed, daemon: &Daemon<'_>, words: &[&str]) -> String {
    let config = bed.home().join("portcullis.toml");
    let config = ["rules", "--config", config.to_str().expect("a path in UTF-8")];
    let Output { stdout, .. } = daemon.ask(&[&config, words].concat());
    String::from_utf8(stdout).expect("text")
}

/// The packets that each rule has decided.
fn hits(bed: &Bed, daemon: &Daemon<'_>) -> Vec<(String, u64)> {
    let lines = rules(bed, daemon, &["--json"]);
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let packets = |row: &Value| Some((row["rule"].as_str()?.to_owned(), row["hits"]["packets"].as_u64()?));
    rows.filter_map(|row| packets(&row)).collect()
}

#[test]
fn rules_tell_how_often_they_have_decided() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let config = [POLICY, WEB, TELNET].concat();
    let daemon = Daemon::start(&bed, &config);
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.tcp((GATE[1], 80)), Answered);
    let unused = rules(&bed, &daemon, &["--unused-since", "1h"]);
    assert!(unused.contains("no telnet") && !unused.contains("web"), "{unused}");
    assert_eq!(hits(&bed, &daemon), [("web".to_owned(), 2), ("no telnet".to_owned(), 0)]);

    let turned = [POLICY, TELNET, WEB].concat();
    daemon.reload(&turned).expect("valid");
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Answered);
    assert_eq!(bed.peer.tcp((GATE[0], 23)), Refused);
    assert_eq!(hits(&bed, &daemon), [("no telnet".to_owned(), 1), ("web".to_owned(), 3)]);

    daemon.terminate();
    let daemon = Daemon::start(&bed, &turned);
    assert_eq!(hits(&bed, &daemon), [("no telnet".to_owned(), 1), ("web".to_owned(), 3)]);
}
