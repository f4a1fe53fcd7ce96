//! A real Prometheus scrapes the real daemon.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::bed::{Bed, Daemon, GATE, PEER, binary, eventually};

const LISTEN: &str = "127.0.0.1:9733";
const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging");

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn installed(program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
    found
}

fn promtool(words: &[&str]) {
    let output = Command::new("promtool").args(words).output().expect("it is installed");
    assert!(output.status.success(), "promtool {words:?}: {output:?}");
}

#[test]
fn prometheus_scrapes_the_daemon_and_its_alerts_are_valid() {
    let Some(bed) = Bed::new() else { return };
    if !installed("promtool") || !installed("prometheus") {
        eprintln!("SKIPPED (needs Debian's prometheus)");
        return;
    }
    let rules = format!("{PACKAGING}/prometheus-alerts.yml");
    promtool(&["check", "rules", &rules]);

    let daemon = Daemon::start(&bed, "[policy]\ninput = \"drop\"");
    bed.peer.sh(&format!("nmap -n -Pn -sS -p 1-30 --max-retries 0 {}", GATE[0]));
    eventually(Duration::from_secs(5), || (!daemon.incidents().is_empty()).then_some(())).expect("a scan");
    let mut server = bed.gate.command(binary().to_str().expect("a path in UTF-8"));
    server.args(["metrics", "--listen", LISTEN, "--control"]).arg(bed.control());
    bed.gate.sh("ip link set lo up");
    let server = Stopped(server.stderr(Stdio::null()).spawn().expect("it runs"));

    let config = bed.home().join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 200ms, evaluation_interval: 200ms }}\nrule_files: [{rules:?}]\n\
         scrape_configs: [{{ job_name: portcullis, static_configs: [{{ targets: [{LISTEN:?}] }}] }}]\n"
    );
    fs::write(&config, text).expect("our directory");
    let mut prometheus = bed.gate.command("prometheus");
    prometheus.arg("--config.file").arg(&config).arg("--storage.tsdb.path").arg(bed.home().join("tsdb"));
    prometheus.args(["--web.listen-address", "127.0.0.1:9090"]).stderr(Stdio::null());
    let prometheus = Stopped(prometheus.spawn().expect("it runs"));

    let query = |expression: &str| -> Option<Value> {
        let output = bed
            .gate
            .command("promtool")
            .args(["query", "instant", "-o", "json", "http://127.0.0.1:9090", expression])
            .output();
        let answer: Value = serde_json::from_slice(&output.ok()?.stdout).ok()?;
        let first = answer.get(0).or_else(|| answer.get("data")?.get("result")?.get(0))?;
        Some(first["value"][1].clone())
    };
    let drops = "sum(portcullis_packets_total{hook=\"input\",action=\"drop\"}) >= 30";
    eventually(Duration::from_secs(20), || query(drops)).expect("the drops are scraped");
    for expression in [
        "portcullis_up == 1",
        "portcullis_incidents_total >= 1",
        "portcullis_config_last_reload_success == 1",
        "portcullis_build_info == 1",
        "portcullis_bans == 0",
        "portcullis_rule_hits_total{rule=\"policy input\"} >= 30",
        "sum(portcullis_queue_dropped_total) == 0",
        "sum(portcullis_log_suppressed_total) >= 0",
        "count(portcullis_queue_depth) >= 1",
        "sum(portcullis_verdict_seconds_count) >= 30",
        "histogram_quantile(0.99, sum by (le) (portcullis_verdict_seconds_bucket)) > 0",
    ] {
        // A scrape that takes longer than the interval leaves nothing to find until the next.
        let found = eventually(Duration::from_secs(20), || query(expression));
        assert!(found.is_some(), "{expression}");
    }
    // A label for each address would be a series for each.
    let text = String::from_utf8(daemon.ask(&["metrics"]).stdout).expect("text");
    let addressed = [PEER, GATE].concat().iter().any(|address| text.contains(&address.to_string()));
    assert!(text.contains("portcullis_packets_total") && !addressed, "{text}");
    // Every expression of the dashboard is one that Prometheus understands.
    let dashboard = fs::read_to_string(format!("{PACKAGING}/grafana-dashboard.json")).expect("it is there");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("a list");
    let expressions: Vec<&str> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
        .filter_map(|target| target["expr"].as_str())
        .collect();
    assert!(expressions.len() >= 8);
    for expression in expressions {
        let expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*");
        let output = bed
            .gate
            .command("promtool")
            .args(["query", "instant", "http://127.0.0.1:9090", &expression])
            .output();
        assert!(output.expect("it runs").status.success(), "{expression}");
    }
    daemon.kill9();
    eventually(Duration::from_secs(5), || query("portcullis_up == 0")).expect("a dead daemon is noticed");
    drop((prometheus, server));
}
