//! What other programs make of a real scan: Suricata's schema of our records; journald of our entries; psad, fail2ban and
//! CrowdSec of our lines in syslog.

use std::{
    env, fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use jsonschema::Validator;
use serde_json::Value;

use crate::bed::{Bed, Daemon, GATE, PEER, eventually};

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging");
const SCHEMA: &str = include_str!("eve.schema.json");
const PORTS: usize = 40;

#[test]
fn records_of_a_scan_are_valid_eve() {
    let Some(bed) = Bed::new() else { return };
    let rules = "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"web\"\nhook = \"input\"\nprotocol = \"tcp\"\nport = 80\n\
                 action = \"accept\"\nlog = \"every\"\n[[rule]]\nname = \"refused\"\nhook = \"input\"\nport = 90\n\
                 action = \"reject\"\ncomment = \"ask the office\"\n";
    let daemon = Daemon::start(&bed, rules);
    for gate in GATE {
        let family = if gate.is_ipv6() { "-6" } else { "" };
        bed.peer.sh(&format!("nmap -n -Pn -sS {family} -p 60-100 --max-retries 0 {gate}"));
        bed.peer.udp((gate, 161));
        let _ = bed.peer.command("ping").args(["-c1", "-W1", &gate.to_string()]).output();
        daemon.record(|record| record["dest_ip"] == gate.to_string() && record["dest_port"] == 161);
    }
    eventually(Duration::from_secs(5), || (!daemon.incidents().is_empty()).then_some(())).expect("a scan");
    let records = [daemon.records(), daemon.incidents()].concat();
    let source = &daemon.incidents()[0]["src_ip"];
    assert!(PEER.iter().any(|peer| *source == peer.to_string()));
    let hardware = bed.peer.sh("cat /sys/class/net/eth0/address");
    let ether = &daemon.record(|record| record["dest_port"] == 90)["ether"]["src_mac"];
    assert_eq!(*ether, hardware.trim());
    for kind in ["accept", "drop", "reject"] {
        assert!(records.iter().any(|record| record["verdict"]["action"] == kind), "{kind}");
    }

    valid(&records, &serde_json::from_str(SCHEMA).expect("JSON"));
    match env::var_os("SURICATA_SCHEMA") {
        Some(path) => {
            let text = fs::read_to_string(path).expect("SURICATA_SCHEMA can be read");
            valid(&records, &serde_json::from_str(&text).expect("JSON"));
        }
        None => {
            eprintln!("not compared with Suricata's own schema: SURICATA_SCHEMA does not say where it is")
        }
    }
}

fn valid(records: &[Value], schema: &Value) {
    let validator: Validator = jsonschema::validator_for(schema).expect("a schema");
    for record in records {
        let errors: Vec<String> = validator.iter_errors(record).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {record:#}");
    }
}

/// Where the programs are unpacked; `None` where they are not, which in CI is a failure.
fn readers() -> Option<PathBuf> {
    let root = env::var_os("PORTCULLIS_READERS").map(PathBuf::from);
    if root.is_none() {
        assert!(env::var_os("CI").is_none(), "PORTCULLIS_READERS does not say where psad and the others are");
        eprintln!("SKIPPED (needs psad, fail2ban and crowdsec, which tests/run unpacks: PORTCULLIS_READERS)");
    }
    root
}

#[test]
fn psad_fail2ban_and_crowdsec_read_the_lines_of_a_scan() {
    let (Some(bed), Some(root)) = (Bed::new(), readers()) else { return };
    fs::create_dir(bed.home().join("dev")).expect("our directory");
    // As many lines may wait as come at once: systemd sets 512.
    bed.gate.sysctl("net/unix/max_dgram_qlen", "1000");
    let syslog = bed.gate.run(|| UnixDatagram::bind(bed.home().join("dev/log"))).expect("our directory");
    syslog.set_nonblocking(true).expect("a socket");
    let daemon = Daemon::start_with_logs(&bed, "[policy]\ninput = \"drop\"\n[log]\nsyslog = true\n");
    for gate in GATE {
        let family = if gate.is_ipv6() { "-6" } else { "" };
        bed.peer.sh(&format!("nmap -n -Pn -sS {family} -p 1-{PORTS} --max-retries 0 {gate}"));
        daemon.record(|record| record["dest_ip"] == gate.to_string() && record["dest_port"] == PORTS);
    }
    // As rsyslog writes them: without the priority, with the host's name.
    let mut lines = Vec::new();
    let mut receive = || {
        let mut datagram = [0; 2048];
        while let Ok(length) = syslog.recv(&mut datagram) {
            let line = String::from_utf8(datagram[..length].to_vec()).expect("text");
            let (time, message) =
                line.strip_prefix("<4>").expect("kern.warning").split_at("Nov 25 09:00:00".len());
            lines.push(format!("{time} gate{message}\n"));
        }
        (lines.len() >= 2 * PORTS).then_some(())
    };
    eventually(Duration::from_secs(5), &mut receive).expect("all lines");
    let log = bed.home().join("kern.log");
    fs::write(&log, lines.concat()).expect("our directory");

    fail2ban(&root, &log, lines.len());
    psad(&bed, &root, &log, lines.len());
    crowdsec(&bed, &root, &log);
}

#[test]
fn the_journal_gets_entries_with_named_fields() {
    let Some(bed) = Bed::new() else { return };
    let directory = bed.home().join("run/systemd/journal");
    fs::create_dir_all(&directory).expect("our directory");
    bed.gate.sysctl("net/unix/max_dgram_qlen", "1000");
    let journal = bed.gate.run(|| UnixDatagram::bind(directory.join("socket"))).expect("our directory");
    journal.set_nonblocking(true).expect("a socket");
    let _daemon =
        Daemon::start_with_logs(&bed, "[policy]\ninput = \"drop\"\n[log]\njournald = \"packets\"\n");
    bed.peer.sh(&format!("nmap -n -Pn -sS -p 1-30 --max-retries 0 {}", GATE[0]));
    let mut entries = String::new();
    let mut has = |fields: &[String]| {
        let found = || {
            let mut datagram = [0; 8192];
            while let Ok(length) = journal.recv(&mut datagram) {
                entries += &String::from_utf8_lossy(&datagram[..length]);
                entries.push('\0');
            }
            entries
                .split('\0')
                .any(|entry| fields.iter().all(|field| entry.lines().any(|line| line == field)))
                .then_some(())
        };
        assert!(eventually(Duration::from_secs(10), found).is_some(), "{fields:?} are not in {entries:?}");
    };
    // The ids are for ever: filters of administrators name them.
    has(&[
        "MESSAGE_ID=e5b70ba338154373a1193e28955f5295".to_owned(),
        format!("PORTCULLIS_SOURCE={}", PEER[0]),
        format!("PORTCULLIS_DESTINATION={}", GATE[0]),
        "PORTCULLIS_PORT=30".to_owned(),
        "PORTCULLIS_PROTOCOL=TCP".to_owned(),
        "PORTCULLIS_RULE=policy input".to_owned(),
        "PORTCULLIS_ACTION=drop".to_owned(),
        "PORTCULLIS_IN=outer".to_owned(),
    ]);
    has(&[
        "MESSAGE_ID=ddb3ebf9e7dd47dd91746d7280159ce7".to_owned(),
        "PORTCULLIS_INCIDENT_PATTERN=port scan".to_owned(),
        format!("PORTCULLIS_INCIDENT_SOURCE={}", PEER[0]),
    ]);
}

/// What a program says, on both ways.
fn said(command: &mut Command) -> String {
    let Output { stdout, stderr, .. } = command.output().expect("it is installed");
    String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr)
}

fn fail2ban(root: &Path, log: &Path, lines: usize) {
    let mut command = Command::new("python3");
    command
        .env("PYTHONPATH", root.join("usr/lib/python3/dist-packages"))
        .arg(root.join("usr/bin/fail2ban-regex"));
    command.arg("-c").arg(root.join("etc/fail2ban")).args(["--print-all-matched"]).arg(log);
    let said = said(command.arg(format!("{PACKAGING}/fail2ban-filter.conf")));
    let summary = format!("Lines: {lines} lines, 0 ignored, {lines} matched, 0 missed");
    assert!(said.contains(&summary), "{said}");
}

fn psad(bed: &Bed, root: &Path, log: &Path, lines: usize) {
    let home = bed.home().join("psad");
    for directory in ["var/log/psad", "var/run/psad", "var/lib/psad"] {
        fs::create_dir_all(home.join(directory)).expect("our directory");
    }
    for own in ["etc", "usr"] {
        std::os::unix::fs::symlink(root.join(own), home.join(own)).expect("our directory");
    }
    let config = fs::read_to_string(root.join("etc/psad/psad.conf")).expect("psad's own");
    let ours = |line: &str| match line.split_whitespace().next() {
        Some("INSTALL_ROOT") => format!("INSTALL_ROOT {};\n", home.display()),
        Some("HOSTNAME") => "HOSTNAME gate;\n".to_owned(),
        Some("ALERTING_METHODS") => "ALERTING_METHODS noemail;\n".to_owned(),
        _ => line.to_owned() + "\n",
    };
    let file = bed.home().join("psad.conf");
    fs::write(&file, config.lines().map(ours).collect::<String>()).expect("our directory");
    let mut command = bed.gate.command("perl");
    let modules = root.join("usr/lib/x86_64-linux-gnu/perl5/5.36").display().to_string();
    command.env("PERL5LIB", format!("{}:{modules}", root.join("usr/share/perl5").display()));
    command.arg(root.join("usr/sbin/psad")).arg("-A").arg("-m").arg(log).arg("-c").arg(&file);
    let said = said(command.args(["--no-whois", "--no-rdns", "--no-netstat"]));
    assert!(
        said.contains(&format!("Found {lines} iptables log messages out of {lines} total lines")),
        "{said}"
    );
    for expected in
        [&*format!("Scanned ports: TCP 1-{PORTS}, Pkts: {PORTS}, Chain: INPUT, Intf: outer"), "DL: 2"]
    {
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
    assert!(said.contains(&format!("SRC:  {}", PEER[0])), "{said}");
}

/// Its own parsers, its own scenario of a port scan, its own local API.
fn crowdsec(bed: &Bed, root: &Path, log: &Path) {
    let home = bed.home().join("crowdsec");
    let hub = root.join("usr/share/crowdsec/hub");
    let own = root.join("etc/crowdsec");
    for directory in ["data", "notifications", "plugins"] {
        fs::create_dir_all(home.join(directory)).expect("our directory");
    }
    for (part, name) in [
        ("parsers/s00-raw", "syslog-logs"),
        ("parsers/s01-parse", "iptables-logs"),
        ("parsers/s02-enrich", "dateparse-enrich"),
        ("scenarios", "iptables-scan-multi_ports"),
    ] {
        fs::create_dir_all(home.join(part)).expect("our directory");
        let file = format!("{name}.yaml");
        fs::copy(hub.join(part).join("crowdsecurity").join(&file), home.join(part).join(&file))
            .expect("in the hub");
    }
    std::os::unix::fs::symlink(own.join("patterns"), home.join("patterns")).expect("our directory");
    for (file, text) in [("simulation.yaml", "simulation: false\n"), ("acquis.yaml", ""), ("creds.yaml", "")]
    {
        fs::write(home.join(file), text).expect("our directory");
    }
    let (home, hub, own) = (home.display(), hub.display(), own.display());
    let config = format!(
        "common: {{ daemonize: false, log_media: stdout, log_level: info, working_dir: {home} }}
config_paths: {{ config_dir: {home}, data_dir: {home}/data, simulation_path: {home}/simulation.yaml, hub_dir: {hub},
  index_path: {hub}/.index.json, notification_dir: {home}/notifications, plugin_dir: {home}/plugins }}
crowdsec_service: {{ acquisition_path: {home}/acquis.yaml, parser_routines: 1 }}
cscli: {{ output: json }}
db_config: {{ type: sqlite, db_path: {home}/data/crowdsec.db, log_level: error }}
api:
  client: {{ credentials_path: {home}/creds.yaml }}
  server: {{ listen_uri: '127.0.0.1:8080', profiles_path: {own}/profiles.yaml, log_level: error }}
prometheus: {{ enabled: false }}
"
    );
    let file = bed.home().join("crowdsec.yaml");
    fs::write(&file, config).expect("our directory");
    let run = |program: &str, words: &[&str]| {
        let program = root.join("usr/bin").join(program);
        let mut command = bed.gate.command(program.to_str().expect("a path in UTF-8"));
        said(command.arg("-c").arg(&file).args(words))
    };
    let credentials = format!("{home}/creds.yaml");
    let added = run(
        "cscli",
        &["machines", "add", "gate", "-p", "secret", "-u", "http://127.0.0.1:8080", "-f", &credentials],
    );
    let said = run("crowdsec", &["-type", "syslog", "-dsn", &format!("file://{}", log.display())]);
    // It takes addresses as they are written, and the kernel writes IPv6 in full.
    for source in [PEER[0].to_string(), "fd77:0001:0000:0000:0000:0000:0000:0002".to_owned()] {
        let performed = format!("Ip {source} performed 'crowdsecurity/iptables-scan-multi_ports'");
        assert!(said.contains(&performed), "{performed} is not in {added} {said}");
    }
}
