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

    reachable(&bed, &page);

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

/// What somebody needs who has no mouse, or does not see the pictures: asked of the browser, in a copy of the page that may
/// run a script.
const WALK: &str = r#"<script>
const bad = [];
const wrong = (element, why) => bad.push(`${why}: ${element.outerHTML.slice(0, 80)}`);
for (const plot of document.querySelectorAll('.plot')) {
  if (plot.getAttribute('role') !== 'img' || !plot.getAttribute('aria-label')) wrong(plot, 'has no name');
  const numbers = plot.closest('figure').nextElementSibling;
  if (numbers?.tagName !== 'DETAILS' || !/[0-9]/.test(numbers.querySelector('td, p')?.textContent)) wrong(plot, 'has no numbers');
}
for (const section of document.querySelectorAll('section'))
  if (!document.getElementById(section.getAttribute('aria-labelledby'))?.textContent) wrong(section, 'has no heading');
for (const table of document.querySelectorAll('table'))
  if (!table.caption || [...table.querySelectorAll('th')].some(th => !th.scope)) wrong(table, 'has no caption, or cells no heading');
document.querySelectorAll('details').forEach(details => { details.open = true });
const stops = [...document.querySelectorAll('a[href], summary, [tabindex]')];
for (const stop of stops) {
  stop.focus();
  if (document.activeElement !== stop || stop.tabIndex !== 0) wrong(stop, 'is not reached in order');
  stop.classList.add('reached');
  if (getComputedStyle(stop).outlineStyle === 'none') wrong(stop, 'does not show that it is reached');
}
for (const link of document.querySelectorAll('a[href]'))
  if (!document.querySelector(link.getAttribute('href'))) wrong(link, 'leads nowhere');
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
const light = color => color.match(/[0-9.]+/g).slice(0, 3).map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
const paper = light(getComputedStyle(document.body).backgroundColor);
for (const text of document.querySelectorAll('p, th, td, a, h1, h2, .plot text')) {
  const ink = light(text.closest('svg') ? getComputedStyle(text).fill : getComputedStyle(text).color);
  if ((Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5) wrong(text, 'is hard to read');
}
document.body.innerHTML = '';
document.body.textContent = `stops: ${stops.length}, wrong: ${bad.length} ${bad.slice(0, 5).join(' ')}`;
</script></body>"#;

fn reachable(bed: &Bed, page: &Path) {
    let text = fs::read_to_string(page).expect("our file");
    let closed = "default-src 'none'; style-src 'unsafe-inline'";
    assert!(text.contains(closed), "no page of ours may run scripts");
    let copy = bed.home().join("walk.html");
    // A window that nobody looks at may have no focus to show: a class, which weighs as much in a style, stands for it.
    assert!(text.contains(":focus-visible"));
    let open = text.replace(":focus-visible", ".reached");
    let open = open.replacen(closed, "default-src 'unsafe-inline'", 1).replacen("</body>", WALK, 1);
    fs::write(&copy, open).expect("our directory");
    for scheme in ["1", "0"] {
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        let shown = browse(bed, &["--dump-dom", &scheme], &copy);
        let dom = String::from_utf8_lossy(&shown.stdout);
        let said = dom.rsplit_once("stops: ").map_or(&*dom, |(_, said)| said);
        let stops = said.split(',').next().and_then(|stops| stops.parse::<usize>().ok());
        assert!(stops.is_some_and(|stops| stops > 15) && said.contains("wrong: 0"), "{said}");
    }
}
