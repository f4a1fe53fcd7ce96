//! `portcullis top`, on a terminal of 80 columns and 24 lines.

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;
use vt100::{Color, Parser};

use crate::bed::{Bed, Daemon, GATE, PEER, binary, eventually};

/// What somebody sees who sits in front of it.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Parser>>,
}

impl Terminal {
    fn top(bed: &Bed) -> Self {
        let (binary, log, control) = (binary(), bed.log(), bed.control());
        let command = format!(
            "stty rows 24 cols 80; exec {} top --directory {} --control {}",
            binary.display(),
            log.display(),
            control.display()
        );
        // util-linux's, which runs it on a terminal of its own.
        let mut script = bed.gate.command("script");
        script.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
        script.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().expect("script runs");
        let keys = child.stdin.take().expect("piped");
        let mut out = child.stdout.take().expect("piped");
        let screen = Arc::new(Mutex::new(Parser::new(24, 80, 0)));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut bytes) {
                shown.lock().expect("nobody panics").process(&bytes[..length]);
            }
        });
        Self { child, keys, screen }
    }

    fn text(&self) -> String {
        self.screen.lock().expect("nobody panics").screen().contents()
    }

    fn shows(&self, text: &str) {
        let found = || self.text().contains(text).then_some(());
        eventually(Duration::from_secs(10), found)
            .unwrap_or_else(|| panic!("no {text:?} in\n{}", self.text()));
    }

    fn hides(&self, text: &str) {
        let gone = || (!self.text().contains(text)).then_some(());
        eventually(Duration::from_secs(10), gone)
            .unwrap_or_else(|| panic!("{text:?} is still in\n{}", self.text()));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it reads");
    }

    fn is_without_colour(&self) -> bool {
        let parser = self.screen.lock().expect("nobody panics");
        let cells = (0..24).flat_map(|row| (0..80).map(move |column| (row, column)));
        cells
            .filter_map(|(row, column)| parser.screen().cell(row, column))
            .all(|cell| cell.fgcolor() == Color::Default && cell.bgcolor() == Color::Default)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_source_is_banned_by_two_keys_and_free_by_two_more() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.udp((GATE[0], 1111));
    daemon.record(|record| record["dest_port"] == 1111);
    let bans = || -> Vec<Value> {
        let listed: Value = serde_json::from_slice(&daemon.ask(&["bans", "--json"]).stdout).expect("JSON");
        listed["bans"].as_array().expect("a list").clone()
    };
    let banned = |wanted: bool| {
        eventually(Duration::from_secs(10), || (bans().is_empty() != wanted).then_some(()))
            .expect("it is done");
    };
    let mut top = Terminal::top(&bed);
    let (peer, gate) = (PEER[0], GATE[0]);
    top.shows(&format!("UDP {peer} -> {gate}:1111 (policy input)"));
    top.shows("filtering input");
    let ask = format!("Drop everything from {peer} for a time? y: yes, any other key: no");
    top.press("b");
    top.shows(&ask);
    top.press("n");
    top.hides(&ask);
    assert!(bans().is_empty(), "no is no");
    top.press("b");
    top.shows(&ask);
    top.press("y");
    banned(true);
    assert_eq!(bans()[0]["source"], format!("{peer}/32"));
    top.shows("WHY");
    top.press(" ");
    top.hides("WHY");
    top.press("u");
    top.shows(&format!("No longer ban {peer}?"));
    top.press("y");
    banned(false);
    assert!(top.is_without_colour());

    // The records are still there without a daemon.
    top.press(" ");
    daemon.kill9();
    top.shows("No daemon answers");
    top.shows(&format!("UDP {peer} -> {gate}:1111 (policy input)"));
    top.press("q");
    let ended = eventually(Duration::from_secs(10), || top.child.try_wait().expect("our child"));
    assert!(ended.is_some_and(|status| status.success()));
}
