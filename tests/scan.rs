//! Real scanners against the running daemon: what is found, what it is called, and how soon.

use std::{net::UdpSocket, thread, time::Duration};

use serde_json::Value;

use crate::bed::{Bed, Daemon, Flow, GATE, Outcome, PEER, eventually};

const DROP: &str = "[policy]\ninput = \"drop\"\noutput = \"accept\"";
const OPEN: &str = "[policy]\ninput = \"accept\"\noutput = \"accept\"";

/// The incidents that a program on the peer causes, once there is one; in the order of their records.
fn caused_by(policy: &str, program: &str) -> Option<Vec<Value>> {
    let bed = Bed::new()?;
    // A block of addresses to sweep.
    let more: String = (101..=116).map(|host| format!("address add 10.77.1.{host}/24 dev outer\n")).collect();
    bed.gate.ip(&more);
    let daemon = Daemon::start(&bed, policy);
    bed.peer.sh(&format!("{program} || true"));
    let found = || Some(daemon.incidents()).filter(|incidents| !incidents.is_empty());
    let incidents = eventually(Duration::from_secs(10), found);
    assert!(incidents.is_some(), "{program} was not found; {}", daemon.stderr());
    incidents
}

/// Runs each program in a bed of its own, three at a time, and holds what it is called against what it
/// should be.
fn each(policy: &str, programs: &[(&str, &str, &str)]) {
    for some in programs.chunks(3) {
        thread::scope(|scope| {
            for &(program, pattern, technique) in some {
                scope.spawn(move || {
                    let Some(incidents) = caused_by(policy, program) else { return };
                    let last = &incidents[incidents.len() - 1]["alert"]["context"]["incident"];
                    assert_eq!(last["pattern"], pattern, "{program}: {incidents:#?}");
                    if !technique.is_empty() {
                        assert_eq!(last["technique"], technique, "{program}: {last:#?}");
                    }
                    let beginnings = incidents
                        .iter()
                        .filter(|record| record["alert"]["context"]["incident"]["phase"] == "start");
                    assert_eq!(beginnings.count(), 1, "{program}: {incidents:#?}");
                });
            }
        });
    }
}

const NMAP: &str = "nmap -n -Pn -T4 --max-retries 0 --disable-arp-ping";

#[test]
fn every_kind_of_scan_is_found_where_all_doors_are_closed() {
    let scan = |kind: &str| format!("{NMAP} {kind} {}", GATE[0]);
    let programs = [
        (scan("-sS -p 1-30"), "port scan", "syn"),
        (scan("-sT -p 1-30"), "port scan", "syn"),
        (scan("-sF -p 1-30"), "port scan", "fin"),
        (scan("-sN -p 1-30"), "port scan", "null"),
        (scan("-sX -p 1-30"), "port scan", "xmas"),
        (scan("-sA -p 1-30"), "port scan", "ack or window"),
        (scan("-sW -p 1-30"), "port scan", "ack or window"),
        (scan("-sM -p 1-30"), "port scan", "maimon"),
        (scan("-sU -p 1-30"), "port scan", "udp"),
        (scan("-sO -p 100-120"), "protocol scan", "ip protocol"),
        (scan("-sY -p 1-30"), "port scan", "sctp, dccp or udp-lite"),
        (scan("-sZ -p 1-30"), "port scan", "sctp, dccp or udp-lite"),
        // A name server's port is no disguise.
        (scan("-sS -g 53 -p 1-30"), "port scan", "syn"),
        (scan("--scanflags SYNFIN -p 1-30"), "port scan", "odd flags"),
        (scan("-sS -f -p 1-30"), "port scan", "syn"),
        (scan("-sS -p 1-30 -D 10.77.1.21,10.77.1.22,10.77.1.23,10.77.1.24,ME"), "decoy scan", "syn"),
        (format!("{NMAP} -6 -sS -p 1-30 {}", GATE[1]), "port scan", "syn"),
        (format!("{NMAP} -sS -p 445 10.77.1.101-116"), "host sweep", "syn"),
        (
            "nmap -n -sn -PE -T4 --disable-arp-ping --max-retries 0 10.77.1.101-116".to_owned(),
            "icmp sweep",
            "ping",
        ),
        (format!("{NMAP} -6 -sU -p 1-30 {}", GATE[1]), "port scan", "udp"),
        (
            "nmap -n -sn -PP -T4 --disable-arp-ping --max-retries 0 10.77.1.101-116".to_owned(),
            "icmp sweep",
            "icmp query",
        ),
        (format!("hping3 -q -S --scan 1-30 {}", GATE[0]), "port scan", "syn"),
        // Under somebody else's address: more an idle scan's target does not see.
        (format!("hping3 -q -S -a 10.77.1.29 -p ++1 -i u10000 -c 30 {}", GATE[0]), "port scan", "syn"),
        (format!("hping3 -q -S -p 80 -i u200 -c 2000 {}", GATE[0]), "syn flood", ""),
        (format!("hping3 -q -2 -p 4000 -i u100 -c 4000 {}", GATE[0]), "udp flood", ""),
        (format!("hping3 -q -S --rand-source -p 80 -i u200 -c 3000 {}", GATE[0]), "syn flood", ""),
        (format!("hping3 -q -S -O 3 -p 80 -i u10000 -c 20 {}", GATE[0]), "malformed probe", ""),
        (format!("hping3 -q -S -p 0 -s 4000 -i u10000 -c 20 {}", GATE[0]), "port zero", ""),
        (format!("hping3 -q -S -a {0} -p 80 -s 80 -k -i u1000 -c 5 {0}", GATE[0]), "land", ""),
    ];
    let programs: Vec<_> =
        programs.iter().map(|(program, pattern, how)| (&**program, *pattern, *how)).collect();
    each(DROP, &programs);
}

/// Here the host itself answers, with resets and unreachable ports.
#[test]
fn scans_are_found_where_all_doors_are_open() {
    let scan = |kind: &str| format!("{NMAP} {kind} {}", GATE[0]);
    let programs = [
        (scan("-sS -p 1-30"), "port scan", "syn"),
        (scan("-sT -p 1-30"), "port scan", ""),
        (scan("-sA -p 1-30"), "port scan", "ack or window"),
        (scan("-sX -p 1-30"), "port scan", "xmas"),
        (scan("-sU -p 1-30 --min-rate 50"), "port scan", "udp"),
        (scan("-O --max-os-tries 1 -p 1-20"), "os fingerprinting", ""),
        (scan("-O --max-os-tries 1 -p 1,2"), "os fingerprinting", ""),
        // The host refuses few of them, and is asked about few.
        (format!("hping3 -q -2 -p 4000 -i u100 -c 30000 {}", GATE[0]), "udp flood", ""),
    ];
    let programs: Vec<_> =
        programs.iter().map(|(program, pattern, how)| (&**program, *pattern, *how)).collect();
    each(OPEN, &programs);
}

/// It is concluded within a second of the packet that decides, which is one of the first eight.
#[test]
fn a_scan_of_thirty_doors_is_one_incident_at_once() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, DROP);
    bed.peer.sh(&format!("{NMAP} -sS -p 1-30 {}", GATE[0]));
    let told =
        eventually(Duration::from_secs(10), || Some(daemon.incidents()).filter(|told| !told.is_empty()));
    let incidents = told.unwrap_or_else(|| panic!("it was not found; {}", daemon.stderr()));
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    assert_eq!(incidents[0]["src_ip"], PEER[0].to_string());
    let mut doors: Vec<i64> = daemon.records().iter().map(|record| time(&record["timestamp"])).collect();
    doors.sort_unstable();
    let concluded = time(&incidents[0]["timestamp"]);
    assert!(concluded - doors[7] <= 1_000_000, "{concluded}, and the doors were tried at {doors:?}");
}

/// Clients that connect, retry, and are wrong once or twice.
#[test]
fn honest_clients_are_no_incident() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(
        &bed,
        &format!("{DROP}\n[[rule]]\nname = \"web\"\nprotocol = \"tcp\"\nport = 80\naction = \"accept\""),
    );
    bed.gate.echo(80);
    for port in 1..=3 {
        bed.peer.udp((GATE[0], port));
    }
    for _ in 0..30 {
        bed.peer.tcp((GATE[0], 80));
    }
    daemon.record(|r| r["dest_port"] == 3);
    // What became of the last of them is known by then.
    thread::sleep(Duration::from_millis(1500));
    assert!(daemon.incidents().is_empty(), "{:#?}", daemon.incidents());
}

/// Datagrams that are let in and never answered are a flood, where others are answered: connection tracking is asked
/// what became of them.
#[test]
fn a_service_that_is_flooded_answers_only_some() {
    let Some(bed) = Bed::new() else { return };
    let config =
        format!("{DROP}\n[[rule]]\nname = \"names\"\nprotocol = \"udp\"\nport = 53\naction = \"accept\"");
    let daemon = Daemon::start(&bed, &config);
    let door = (GATE[0], 53);
    let service = bed.gate.run(|| UdpSocket::bind(door).expect("the port is free"));
    service.set_nonblocking(true).expect("a socket");
    let asks = |question: &[u8]| {
        let client = UdpSocket::bind((PEER[0], 0)).expect("a free port");
        client.send_to(question, door).expect("there is a route");
    };
    let flooded = || {
        bed.peer.run(|| {
            asks(b"?");
            (0..60).for_each(|_| asks(b"!"));
        });
        let mut question = [0];
        while let Ok((_, client)) = service.recv_from(&mut question) {
            if question == *b"?" {
                service.send_to(b"an answer", client).expect("there is a route");
            }
        }
        Some(daemon.incidents()).filter(|incidents| !incidents.is_empty())
    };
    let incidents = eventually(Duration::from_secs(60), flooded);
    let incidents = incidents.unwrap_or_else(|| panic!("it was not found; {}", daemon.stderr()));
    assert_eq!(incidents[0]["alert"]["context"]["incident"]["pattern"], "udp flood", "{incidents:#?}");
    assert_eq!(incidents[0]["src_ip"], PEER[0].to_string());
}

/// What is over the threshold is remembered over a restart.
#[test]
fn a_scanner_is_known_again_after_a_restart() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, DROP);
    let scan = |ports: &str| bed.peer.sh(&format!("{NMAP} -sS -p {ports} {}", GATE[0]));
    scan("1-30");
    daemon.terminate();
    let daemon = Daemon::start(&bed, DROP);
    scan("100");
    let again = || daemon.incidents().into_iter().find(|record| record.to_string().contains("100/tcp"));
    let again = eventually(Duration::from_secs(10), again).expect("one door is enough");
    assert_eq!(again["src_ip"], PEER[0].to_string());
}

/// All doors of a host, each of which answers that nobody is there: no more than three records.
#[test]
fn connections_to_all_doors_are_three_records_at_most() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, OPEN);
    bed.peer.sh(&format!("{NMAP} -sT -p- --min-rate 20000 {}", GATE[0]));
    let told = eventually(Duration::from_secs(20), || (!daemon.incidents().is_empty()).then_some(()));
    assert!(told.is_some(), "{}", daemon.stderr());
    daemon.terminate();
    let incidents = bed.incidents();
    assert!(incidents.len() <= 3, "{incidents:#?}");
    let last = &incidents[incidents.len() - 1]["alert"]["context"]["incident"];
    assert_eq!((&last["phase"], &last["pattern"]), (&"end".into(), &"port scan".into()), "{incidents:#?}");
}

/// Whom the host needs, and who is at home on it, is not banned, whatever comes from there.
#[test]
fn nobody_is_banned_whom_the_host_needs() {
    let peer = PEER[0];
    let cases = [
        "detect.allow names it",
        "an ssh session from there is open",
        "it holds a gateway",
        "it holds a name server",
    ];
    thread::scope(|scope| {
        for (number, why) in cases.into_iter().enumerate() {
            scope.spawn(move || {
                let Some(bed) = Bed::new() else { return };
                let allow = if number == 0 { format!("allow = [\"{peer}\"]") } else { String::new() };
                let services =
                    "[[rule]]\nname = \"services\"\nprotocol = \"tcp\"\nport = [22, 80]\naction = \"accept\"";
                let config = format!("{DROP}\n[detect]\nban = {{ enable = true }}\n{allow}\n{services}");
                if number == 2 {
                    bed.gate.sh(&format!("ip route add default via {peer}"));
                }
                bed.gate.echo(80);
                let daemon = match number {
                    3 => Daemon::start_asking(&bed, &config, peer),
                    _ => Daemon::start(&bed, &config),
                };
                let _session = (number == 1).then(|| Flow::tcp(&bed.peer, &bed.gate, (GATE[0], 22)));
                bed.peer.sh(&format!("{NMAP} -sS -p 101-140 {}", GATE[0]));
                let refusal = format!("is not banned, although the detector asks for it: {why}");
                let refused = eventually(Duration::from_secs(10), || {
                    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Answered, "{why}");
                    daemon.stderr().contains(&refusal).then_some(())
                });
                assert!(refused.is_some(), "{why}: {}", daemon.stderr());
                let bans = daemon.ask(&["bans", "--json"]).stdout;
                assert!(!String::from_utf8_lossy(&bans).contains(&peer.to_string()), "{why}");
            });
        }
    });
}

/// Microseconds since 1970.
fn time(timestamp: &Value) -> i64 {
    let text = timestamp.as_str().expect("a time").replace("+0000", "Z");
    text.parse::<jiff::Timestamp>().expect("a time").as_microsecond()
}

/// A scan alone may be forged and is no reason; who has completed a handshake is banned, and only then.
#[test]
fn who_scans_and_is_not_forged_is_banned() {
    let Some(bed) = Bed::new() else { return };
    let web = "[[rule]]\nname = \"web\"\nprotocol = [\"tcp\", \"udp\"]\nport = 80\naction = \"accept\"";
    bed.gate.echo(80);
    let daemon = Daemon::start(&bed, &format!("{DROP}\n[detect]\nban = {{ enable = true }}\n{web}"));
    let bans = || String::from_utf8_lossy(&daemon.ask(&["bans", "--json"]).stdout).into_owned();
    let peer = PEER[0].to_string();
    bed.peer.sh(&format!("{NMAP} -sS -p 1-40 {}", GATE[0]));
    // An answered datagram proves nothing.
    assert_eq!(bed.peer.udp((GATE[0], 80)), Outcome::Answered);
    let told = eventually(Duration::from_secs(10), || (!daemon.incidents().is_empty()).then_some(()));
    assert!(told.is_some());
    thread::sleep(Duration::from_millis(1200));
    assert!(!bans().contains(&peer), "{}", bans());
    bed.peer.tcp((GATE[0], 80));
    let banned = eventually(Duration::from_secs(5), || bans().contains(&peer).then_some(()));
    assert!(banned.is_some(), "{} {:#?}", bans(), daemon.incidents());
    assert_eq!(bed.peer.tcp((GATE[0], 80)), Outcome::Silent);
}
