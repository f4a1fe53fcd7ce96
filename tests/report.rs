//! The page, in a real browser.

use std::{
    env, fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use crate::bed::{Bed, Daemon, GATE, PEER, eventually};

/// Runs Chromium without a window; it may not reach any network.
fn browse(bed: &Bed, words: &[&str], page: &Path) -> Output {
    let profile = format!("--user-data-dir={}", bed.home().join("profile").display());
    let url = format!("file://{}", page.display());
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", &profile]).args(words);
    command.arg(url).output().expect("it is installed")
}

#[test]
fn a_browser_shows_the_page_of_a_real_scan() {
    let Some(bed) = Bed::new() else { return };
    let found =
        Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        assert!(env::var_os("CI").is_none(), "chromium is not installed");
        eprintln!("SKIPPED (needs chromium)");
        return;
    }
    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.sh(&format!("nmap -n -Pn -sS -p 1-60 --max-retries 0 {}", GATE[0]));
    eventually(Duration::from_secs(5), || (!daemon.incidents().is_empty()).then_some(())).expect("a scan");
    daemon.record(|record| record["dest_port"] == 60);

    let page = bed.home().join("report.html");
    let (log, file) = (bed.log(), page.to_str().expect("a path in UTF-8"));
    let log = log.to_str().expect("a path in UTF-8");
    let output = bed.portcullis(&["report", "--directory", log, "--since", "1h", "-o", file], None);
    assert!(output.status.success(), "{output:?}");

    let shown = browse(&bed, &["--enable-logging=stderr", "--dump-dom"], &page);
    let dom = String::from_utf8_lossy(&shown.stdout);
    let source = PEER[0].to_string();
    for expected in ["7/tcp  echo", &source, "policy input", "<svg", "</html>"] {
        assert!(dom.contains(expected), "{expected} is not in {dom}");
    }
    // The peer is of a private network: its knocks may be our own mistake, but each came once.
    assert!(dom.contains("No internal source was refused again and again"));
    let said = String::from_utf8_lossy(&shown.stderr);
    assert!(!said.contains("CONSOLE"), "the browser complains: {said}");

    // An empty picture would be small; both schemes are drawn, and differ.
    let mut pictures = Vec::new();
    for scheme in ["1", "0"] {
        let picture = bed.home().join(format!("scheme-{scheme}.png"));
        let screenshot = format!("--screenshot={}", picture.display());
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        browse(&bed, &[&screenshot, "--window-size=1000,2000", &scheme], &page);
        pictures.push(fs::read(&picture).expect("a picture"));
    }
    assert!(pictures.iter().all(|picture| picture.len() > 30_000 && picture.starts_with(b"\x89PNG")));
    assert_ne!(pictures[0], pictures[1], "light and dark");
}
