use crate::log::{
    Limits, Segment, Stream, describe,
    sample::{at, later, tcp},
};

use super::*;

fn args() -> ReportArgs {
    ReportArgs { since: When::parse("7d").unwrap(), until: None, output: None }
}

fn now() -> Zoned {
    "2026-11-24T10:00:00+01:00[Europe/Berlin]".parse().unwrap()
}

/// A scan, a knock that comes again and again from inside, and a hostile name.
fn sample() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut segment =
        Segment::new(directory.path().to_owned(), Stream::Blocked, Limits::within(1 << 20, 1 << 24));
    let scan =
        (1..200).map(|port| later(i64::from(port) * 60_000, tcp("203.0.113.9", 40000, "192.0.2.1", port)));
    let inside = (0..8).map(|n| later(n * 1000 - 86_400_000 * 8, tcp("10.0.0.7", 40000, "192.0.2.1", 5432)));
    let inside_now = (0..8).map(|n| later(n * 1000, tcp("10.0.0.7", 40000, "192.0.2.1", 5432)));
    for event in inside.chain(inside_now).chain(scan) {
        let mut record = describe(&event, "id".to_owned());
        if event.headers.and_then(|headers| headers.ports()).is_some_and(|ports| ports.destination == 7) {
            record.alert.signature = "<script>alert(1)</script>\"'&\u{1b}[2J".to_owned();
            record.proto = Some("<img src=x onerror=alert(1)>".to_owned());
        }
        segment.append(&record.line(), event.time).unwrap();
    }
    let incident = serde_json::json!({
        "timestamp": "2026-11-23T08:30:00.000000+0000", "event_type": "alert", "src_ip": "203.0.113.9",
        "alert": { "context": { "incident": { "id": "x1", "source": "203.0.113.9", "pattern": "port scan</td><script>", "severity": "high",
            "first_seen": "2026-11-23T08:26:45.000000+0000", "last_seen": "2026-11-23T08:30:00.000000+0000" },
        "summary": "a <b>scan</b>" } },
    });
    let mut incidents =
        Segment::new(directory.path().to_owned(), Stream::Incidents, Limits::within(1 << 20, 1 << 24));
    incidents.append(format!("{incident}\n").as_bytes(), at(0)).unwrap();
    directory
}

#[test]
fn the_page_tells_everything_and_nothing_in_it_is_alive() {
    let directory = sample();
    let page = report(&args(), directory.path(), &now()).unwrap();
    for expected in [
        "<strong>207</strong> packets were refused, +2488 % against the 8 of the time before",
        "<th scope=row>203.0.113.9</th><td class=number>199</td><td class=number>1</td><td class=number>199</td>",
        "source   = &quot;10.0.0.7&quot;",
        "a &lt;b&gt;scan&lt;/b&gt;",
        "port scan&lt;/td&gt;&lt;script&gt;",
        "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{1b}[2J",
        "<h3>203.0.113.9</h3>",
    ] {
        assert!(page.contains(expected), "{expected} is not in the page");
    }
    for dead in ["<script", "<img", "\u{1b}", "http://", "https://", " onload", "javascript:"] {
        let alive: Vec<_> = page
            .match_indices(dead)
            .filter(|(at, _)| !page[at.saturating_sub(60)..*at].contains("xmlns"))
            .collect();
        assert!(alive.is_empty(), "{dead} at {alive:?}");
    }
    assert!(page.matches("<svg ").count() >= 4);
    assert_eq!(page.matches("<svg ").count(), page.matches("role=img aria-label=").count());
}

#[test]
fn a_page_about_nothing_is_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = report(&args(), directory.path(), &now()).unwrap();
    assert!(page.contains("<strong>0</strong>") && page.contains("Nothing to show."));
    let wrong = ReportArgs { until: When::parse("8d").ok(), ..args() };
    assert!(report(&wrong, directory.path(), &now()).is_err());
}
