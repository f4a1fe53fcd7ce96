use super::*;
use crate::{
    ban::BanList,
    counters::{Totals, Verdicts},
    hits::{HitReport, Hits},
    latency::Latency,
    queue::QueueStatus,
    status::Records,
};

fn status() -> Status {
    let verdicts = |hook: &str, action: &str, reason: Option<&str>, packets| Verdicts {
        hook: hook.to_owned(),
        action: action.to_owned(),
        reason: reason.map(str::to_owned),
        packets,
    };
    let latency = Latency::default();
    latency.count(48, Duration::from_micros(3));
    let packets = Totals {
        latency: Latencies::of([&latency]),
        verdicts: vec![
            verdicts("input", "drop", Some("firewall default packet policy"), 41),
            verdicts("output", "accept", None, 7),
        ],
        ..Totals::default()
    };
    let records = Records {
        patterns: vec![("port scan\"\n".to_owned(), 2)],
        written: 5,
        summarised: 36,
        ..Records::default()
    };
    let queue =
        QueueStatus { number: 7300, port_id: 1, waiting: 3, dropped_full: 4, dropped_unsent: 5, packets: 48 };
    let text = serde_json::json!({
        "version": "0.1.0", "pid": 1, "mode": "enforce", "generation": 2, "configuration": "", "degraded": [],
        "rules": 3, "hooks": ["input"], "hook_install": "nft", "packets": packets, "records": records,
        "queues": [queue], "unjudged": 6, "last_reload_succeeded": true,
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn numbers_have_the_names_that_dashboards_and_alerts_know() {
    let web = Hits { packets: 12, last: None };
    let hits = HitReport { since: jiff::Timestamp::UNIX_EPOCH, rules: [("web".to_owned(), web)].into() };
    let bans = BanList { enforced: true, dropped: Some(9), bans: Vec::new() };
    let text = text(Numbers { status: Some(status()), hits: Some(hits), bans: Some(bans) });
    for line in [
        "portcullis_up 1",
        "portcullis_verdict_seconds_bucket{le=\"0.000004096\"} 48",
        "portcullis_verdict_seconds_bucket{le=\"+Inf\"} 48",
        "portcullis_verdict_seconds_count 48",
        "portcullis_packets_total{hook=\"input\",action=\"drop\",reason=\"firewall default packet policy\"} 41",
        "portcullis_packets_total{hook=\"output\",action=\"accept\",reason=\"accepted\"} 7",
        "portcullis_queue_depth{queue=\"7300\"} 3",
        "portcullis_queue_dropped_total{queue=\"7300\",where=\"kernel\"} 4",
        "portcullis_unjudged_total 6",
        "portcullis_incidents_total{pattern=\"port scan\\\"\\n\"} 2",
        "portcullis_bans 0",
        "portcullis_ban_drops_total 9",
        "portcullis_rule_hits_total{rule=\"web\"} 12",
        "portcullis_log_suppressed_total{why=\"summarised\"} 36",
        "portcullis_config_last_reload_success 1",
        "portcullis_build_info{version=\"0.1.0\"} 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_down_and_nothing_else_is_claimed() {
    let text = text(Numbers::default());
    assert!(text.contains("portcullis_up 0\n") && !text.contains("portcullis_packets"), "{text}");
}
