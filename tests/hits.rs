//! How often each rule has decided, over a reload and a restart.

use std::process::Output;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    bed::{Bed, Daemon, GATE, Outcome::*},
    commands::Home,
};

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
    assert!(unused.contains("came to the daemon since 20") && unused.contains("  never  "), "{unused}");
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

#[test]
fn rules_tell_whether_they_count_now() {
    let home = Home::new(
        "[policy]\ninput = \"drop\"\n\
         [[rule]]\nname = \"gone\"\naction = \"drop\"\nport = 1\nexpires = 2020-01-01T00:00:00Z\n\
         [[rule]]\nname = \"long\"\naction = \"drop\"\nport = 2\nexpires = 2190-01-01T00:00:00Z\n\
         [[rule]]\nname = \"off\"\naction = \"drop\"\nport = 3\nschedule = [\"mon UTC\", \"!daily UTC\"]\n\
         [[rule]]\nname = \"week\"\naction = \"drop\"\nport = 4\nschedule = \"mon-wed UTC\"\n\
         [[rule]]\nname = \"always\"\naction = \"drop\"\nport = 5\n",
    );
    let nobody = home.file("nobody");
    let rules = |words: &[&str]| {
        let (code, listed, _) =
            home.run(&[&["rules", "--config", "FILE", "--control", nobody.as_str()], words].concat());
        assert_eq!(code, 0);
        listed
    };
    let listed = rules(&[]);
    for expected in [
        "  gone, expired since 20",
        "  long, in force until 2",
        "  off, resting (mon 00:00-24:00 UTC; !daily 00:00-24:00 UTC)  (",
        " (mon-wed 00:00-24:00 UTC)  (",
        "  always  (",
    ] {
        assert!(listed.contains(expected), "{expected}:\n{listed}");
    }
    let rows: Vec<Value> =
        rules(&["--json"]).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        (&rows[0]["in_force"], &rows[0]["times"]["standing"], &rows[0]["times"]["since"]),
        (&false.into(), &"expired".into(), &"2020-01-01T00:00:00Z".into())
    );
    assert_eq!(
        (&rows[1]["in_force"], &rows[1]["times"]["until"]),
        (&true.into(), &"2190-01-01T00:00:00Z".into())
    );
    let time = |key: &str| rows[3]["times"][key].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let (since, until) = (time("since").expect("a time"), time("until").expect("a time"));
    // Three days in force, four not.
    let days = if rows[3]["in_force"] == true { 3 } else { 4 };
    assert_eq!(until.duration_since(since).as_hours(), 24 * days);
    assert_eq!((&rows[4]["in_force"], &rows[4]["times"]), (&true.into(), &Value::Null));
}
