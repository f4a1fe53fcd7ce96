use std::{fs, path::Path};

use clap::Parser;

use super::*;
use crate::{
    detect::Detector,
    log::{
        Limits, Record, Rotated, Scope, Segment, Stream, Summary, describe, describe_summary, rotated,
        sample::{EVERY, WEB, at, by, echo, later, malformed, monitored, tcp, udp},
        sweep,
    },
};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
}

fn ask(directory: &Path, words: &[&str]) -> (String, Seen) {
    ask_at(directory, words, None)
}

fn ask_at(directory: &Path, words: &[&str], width: Option<usize>) -> (String, Seen) {
    let Cli { log } = Cli::try_parse_from(["log"].iter().chain(words)).unwrap();
    let screen = Screen { now: "2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap(), width };
    let mut out = Vec::new();
    let rules = "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"office web\"\nhook = \"input\"\nprotocol = \"tcp\"\n\
                 source = \"198.51.100.0/24\"\nport = 80\naction = \"accept\"\n";
    let ruleset = portcullis_config::load_text("rules", rules).unwrap().config.ruleset;
    let seen = answer(&log, directory, Some(&ruleset), &screen, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), seen)
}

fn write(directory: &Path, records: impl IntoIterator<Item = Record>, limits: Limits) {
    let mut segment = Segment::new(directory.to_owned(), Stream::Blocked, limits);
    for record in records {
        segment.append(&record.line(), record.timestamp).unwrap();
    }
}

/// Seven records, a second apart, in files of two.
fn sample_directory() -> tempfile::TempDir {
    sample_directory_of(false)
}

/// The same, and whether what is rotated is compressed.
fn sample_directory_of(archived: bool) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let web = tcp("203.0.113.9", 40000, "192.0.2.1", 80);
    let events = [
        tcp("203.0.113.9", 40000, "192.0.2.1", 23),
        udp("2001:db8::7", 40000, "2001:db8:1::1", 161),
        echo("198.51.100.4", "192.0.2.1"),
        by(EVERY, web.clone()),
        monitored(by(EVERY, web.clone())),
        malformed(),
    ];
    let summary = Summary { sample: web, last: at(6000), count: 4711, scope: Scope::Same };
    let records = (0..).zip(events).map(|(n, event)| describe(&later(n * 1000, event), format!("id{n}")));
    let records = records.chain([describe_summary(&summary, "id6".to_owned())]);
    write(directory.path(), records, Limits::of_size(1500, 1 << 20));
    assert!(rotated(directory.path(), Stream::Blocked).unwrap().len() >= 2);
    if archived {
        sweep(directory.path(), Limits::of_size(1500, 1 << 20), jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert!(rotated(directory.path(), Stream::Blocked).unwrap().iter().all(Rotated::is_archive));
    }
    directory
}

/// Every kind of question, answered alike from lines, from archives with digests, and from archives
/// that have lost theirs.
#[test]
fn the_answer_does_not_depend_on_how_records_are_kept() {
    let (lines, archives, bare) = (sample_directory(), sample_directory_of(true), sample_directory_of(true));
    for file in rotated(bare.path(), Stream::Blocked).unwrap() {
        fs::remove_file(file.digest()).unwrap();
    }
    for words in [
        &[][..],
        &["--json"],
        &["--csv"],
        &["--noise"],
        &["-n", "3"],
        &["-n", "3", "--json"],
        &["--top", "ports"],
        &["--top", "pairs"],
        &["--top", "sources", "-n", "1"],
        &["--top", "rules", "--since", "2026-11-23 09:26:48"],
        &["--by", "hour"],
        &["--source", "203.0.113.0/24", "--port", "80", "--json"],
        &["--reason", "truncated header"],
    ] {
        let expected = ask(lines.path(), words);
        assert!(!expected.0.is_empty());
        assert_eq!(ask(archives.path(), words), expected, "{words:?}");
        assert_eq!(ask(bare.path(), words), expected, "{words:?}");
    }
}

#[test]
fn a_damaged_archive_is_told_of_and_the_rest_is_shown() {
    let directory = sample_directory_of(true);
    let files = rotated(directory.path(), Stream::Blocked).unwrap();
    fs::write(&files[0].path, "damaged").unwrap();
    let (text, seen) = ask(directory.path(), &["--json"]);
    assert_eq!((text.lines().count(), seen.unreadable.len()), (5, 1), "{seen:?}");
    assert!(seen.unreadable[0].contains("blocked.jsonl."), "{seen:?}");
}

#[test]
fn an_event_is_found_by_its_id() {
    for archived in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let mut ids = crate::log::EventIds::default();
        let events = (0..200).map(|n| later(n * 700, tcp("203.0.113.9", 40000, "192.0.2.1", 23)));
        let records: Vec<Record> = events.map(|event| describe(&event, ids.next(event.time))).collect();
        let wanted = records[77].clone();
        write(directory.path(), records, Limits::of_size(15000, 1 << 20));
        if archived {
            sweep(directory.path(), Limits::of_size(15000, 1 << 20), jiff::Timestamp::UNIX_EPOCH).unwrap();
        }
        let id = wanted.alert.metadata.event_id.clone().unwrap();
        assert_eq!(find_event(directory.path(), &id).unwrap(), Some(wanted));
        assert_eq!(find_event(directory.path(), "no id").unwrap(), None);
    }
}

#[test]
fn noise_is_apart_and_sources_let_in_later_are_marked() {
    let directory = tempfile::tempdir().unwrap();
    let knock = tcp("203.0.113.9", 40000, "192.0.2.1", 80);
    let events = [
        knock.clone(),
        udp("192.0.2.7", 137, "192.0.2.255", 137),
        later(5, by(WEB, knock)),
        later(6, tcp("198.51.100.4", 40000, "192.0.2.1", 80)),
    ];
    let records = events.iter().map(|event| describe(event, "id".to_owned()));
    write(directory.path(), records, Limits::within(1 << 20, 1 << 24));
    let (text, seen) = ask(directory.path(), &[]);
    assert_eq!(seen.found, 4, "three records and the noise");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].ends_with("(accepted later)"), "{text}");
    assert!(!lines[3].contains("later"), "{text}");
    assert_eq!(lines[4], "apart from that, noise: 1 broadcast (--noise shows it)");
    let (text, _) = ask(directory.path(), &["--top", "ports"]);
    assert!(!text.contains("137/udp") && text.contains("noise: 1 broadcast"), "{text}");
    assert!(ask(directory.path(), &["--noise"]).0.contains("policy (broadcast)"));
}

#[test]
fn a_bar_for_each_hour_of_the_reader() {
    let directory = tempfile::tempdir().unwrap();
    let event = |minutes: i64| later(minutes * 60_000, tcp("203.0.113.9", 40000, "192.0.2.1", 23));
    // 09:26:45 and on.
    let records = [0, 1, 33, 34, 35, 36, 160].map(|minutes| describe(&event(minutes), "id".to_owned()));
    write(directory.path(), records, Limits::within(1 << 20, 1 << 24));
    let (text, _) = ask(directory.path(), &["--by", "hour"]);
    let expected = format!(
        "2026-11-23 09:00          3  {}\n2026-11-23 10:00          3  {}\n2026-11-23 11:00          0\n\
         2026-11-23 12:00          1  {}\n",
        "█".repeat(50),
        "█".repeat(50),
        "█".repeat(17)
    );
    assert_eq!(text, expected);
    let (text, _) = ask_at(directory.path(), &["--by", "day"], Some(80));
    assert_eq!(text, format!("2026-11-23 00:00          7  {}\n", "█".repeat(50)));
}

#[test]
fn values_for_a_spreadsheet() {
    let directory = tempfile::tempdir().unwrap();
    let mut record = describe(&tcp("203.0.113.9", 40000, "192.0.2.1", 23), "id0".to_owned());
    record.alert.signature = "=cmd|'/c calc',\"x\"".to_owned();
    write(directory.path(), [record], Limits::within(1 << 20, 1 << 24));
    let expected = "time,event_id,count,verdict,would,class,hook,in,out,protocol,source,source_port,destination,port,\
                    service,rule,rule_file,rule_line,reason,generation\r\n\
                    2026-11-23T08:26:45.123456Z,id0,1,drop,,knock,input,eth0,,TCP,203.0.113.9,40000,192.0.2.1,23,telnet,\
                    \"'=cmd|'/c calc',\"\"x\"\"\",,,firewall default packet policy,7\r\n";
    assert_eq!(ask(directory.path(), &["--csv"]).0, expected);
}

#[test]
fn a_table_in_the_order_of_time() {
    let directory = sample_directory();
    let (text, seen) = ask(directory.path(), &[]);
    assert_eq!(seen, Seen { found: 7, ..Seen::default() });
    let expected = "\
TIME                 COUNT VERDICT      PROTO     SOURCE          DESTINATION              RULE                 REASON
2026-11-23 09:26:45      1 drop         TCP       203.0.113.9     192.0.2.1:23 (telnet)    policy input         firewall default packet policy
2026-11-23 09:26:46      1 drop         UDP       2001:db8::7     [2001:db8:1::1]:161 (snmp) policy input         firewall default packet policy
2026-11-23 09:26:47      1 drop         ICMP      198.51.100.4    192.0.2.1 type 8         policy input         firewall default packet policy
2026-11-23 09:26:48      1 reject       TCP       203.0.113.9     192.0.2.1:80 (http)      every                firewall rules
2026-11-23 09:26:49      1 would reject TCP       203.0.113.9     192.0.2.1:80 (http)      every                firewall rules
2026-11-23 09:26:50      1 drop         -         -               -                        malformed packet     truncated header
2026-11-23 09:26:51   4711 drop         TCP       203.0.113.9     192.0.2.1:80 (http)      policy input         firewall default packet policy
";
    assert_eq!(text, expected);
    let (narrow, _) = ask_at(directory.path(), &[], Some(40));
    assert!(narrow.lines().all(|line| line.chars().count() == 40), "{narrow}");
}

#[test]
fn filters() {
    let directory = sample_directory();
    for (words, found) in [
        (&["--source", "203.0.113.0/24"][..], 4),
        (&["--source", "2001:db8::7"], 1),
        (&["--port", "80"], 3),
        (&["--rule", "every"], 2),
        (&["--rule", "policy input", "--port", "80"], 1),
        (&["--reason", "truncated header"], 1),
        (&["--hook", "input"], 7),
        (&["--hook", "forward"], 0),
        (&["--since", "2026-11-23 09:26:48"], 4),
        (&["--until", "2026-11-23 09:26:48"], 3),
        (&["--since", "1h"], 7),
        (&["--since", "30 min"], 0),
        (&["--since", "yesterday", "--until", "today"], 0),
    ] {
        assert_eq!(ask(directory.path(), words).1.found, found, "{words:?}");
    }
    assert_eq!(ask(directory.path(), &["-n", "2"]).0.lines().count(), 3);
    for wrong in [&["--since", "soon"][..], &["--source", "example"], &["--hook", "x"], &["--top", "x"]] {
        let error = Cli::try_parse_from(["log"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
    }
}

#[test]
fn json_is_the_lines_as_they_are() {
    let directory = sample_directory();
    let (text, _) = ask(directory.path(), &["--json"]);
    let mut files: Vec<_> =
        rotated(directory.path(), Stream::Blocked).unwrap().into_iter().map(|f| f.path).collect();
    files.push(directory.path().join("blocked.jsonl"));
    let all: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(text, all);
}

#[test]
fn top_counts_what_summaries_stand_for() {
    let directory = sample_directory();
    let (text, _) = ask(directory.path(), &["--top", "ports"]);
    let expected = "      4713  80/tcp  http\n         1  23/tcp  telnet\n         1  161/udp  snmp\n         \
                    2  (without a port, or counted together)\n";
    assert_eq!(text, expected);
    let (text, _) = ask(directory.path(), &["--top", "sources", "-n", "1"]);
    assert!(text.starts_with("      4714  203.0.113.9\n"), "{text}");
    let (text, _) = ask(directory.path(), &["--top", "rules"]);
    assert!(text.contains("         2  every\n"), "{text}");
}

#[test]
fn lines_that_are_no_records_are_counted_and_hostile_text_is_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let mut hostile = describe(&tcp("203.0.113.9", 40000, "192.0.2.1", 23), "id0".to_owned());
    hostile.alert.signature = "web\u{1b}[2J\u{202e}".to_owned();
    hostile.verdict.action = "\u{9b}31m".to_owned();
    write(directory.path(), [hostile], Limits::within(1 << 20, 1 << 24));
    let path = directory.path().join("blocked.jsonl");
    let good = fs::read(&path).unwrap();
    let mut torn = b"\x1b]0;title\x07 not json\n\xff\xfe\n{\"event_type\":\"dns\"}\n".to_vec();
    torn.extend(&good);
    torn.extend(&good[..good.len() / 2]);
    fs::write(&path, torn).unwrap();
    for words in [&[][..], &["--top", "rules"], &["--json"]] {
        let (text, seen) = ask_at(directory.path(), words, Some(500));
        let foreign_at = vec![format!("{}:1", path.display())];
        assert_eq!(seen, Seen { found: 1, foreign: 4, foreign_at, ..Seen::default() });
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    }
    assert!(ask(directory.path(), &[]).0.contains("web\\u{1b}[2J\\u{202e}"));
}

#[test]
fn incidents_have_their_own_file() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(ask(directory.path(), &["--incidents"]), (String::new(), Seen::default()));
    let settings =
        portcullis_config::Detect { window: std::time::Duration::from_secs(60), ..Default::default() };
    let mut detector = Detector::new(settings, [1, 2]);
    let mut segment =
        Segment::new(directory.path().to_owned(), Stream::Incidents, Limits::within(1 << 20, 1 << 24));
    for port in 1..=8 {
        let contact = tcp("203.0.113.9", 40000, "192.0.2.1", port).contact().unwrap();
        assert_eq!(detector.observe(&contact), [], "it settles first");
    }
    for record in detector.tick(at(1000)) {
        segment.append(&record.line(), at(0)).unwrap();
    }
    let (text, seen) = ask(directory.path(), &["--incidents", "--source", "203.0.113.9"]);
    assert_eq!(seen.found, 1);
    let expected = "2026-11-23 09:26:45 port scan begins: 203.0.113.9 tried 8 ports of 192.0.2.1, 8 packets in 0 s  \
                    [1/tcp 2/tcp 3/tcp 4/tcp 5/tcp 6/tcp 7/tcp 8/tcp]\n";
    assert_eq!(text, expected);
}

#[test]
fn refusals_are_explained_and_a_rule_is_suggested_for_our_own() {
    let directory = tempfile::tempdir().unwrap();
    let inside = (0..6).map(|n| later(n, tcp("10.0.0.7", 40000, "192.0.2.1", 80)));
    let outside = (0..3).map(|n| later(n, tcp("203.0.113.9", 40000, "192.0.2.1", 22)));
    let records = inside.chain(outside).map(|event| describe(&event, "id".to_owned()));
    write(directory.path(), records, Limits::of_size(1500, 1 << 20));
    let (text, seen) = ask(directory.path(), &["--why"]);
    assert_eq!(seen.found, 2);
    let expected = "\
6 packets  10.0.0.7 -> 80/tcp  http, the last at 2026-11-23 09:26:45
  then:   drop by policy input: firewall default packet policy
  now:    drop by the policy of input
  nearly: rule \"office web\" (rules:3) would accept, but for its source
  to let it in: add \"10.0.0.7\" to the source of rule \"office web\" (rules:3)
  It is one of our own. If it is meant to get in, this rule would let it (nothing is changed):
      [[rule]]
      name     = \"80/tcp from 10.0.0.7\"
      hook     = \"input\"
      protocol = \"tcp\"
      source   = \"10.0.0.7\"
      port     = 80 # http
      action   = \"accept\"

3 packets  203.0.113.9 -> 22/tcp  ssh, the last at 2026-11-23 09:26:45
  then:   drop by policy input: firewall default packet policy
  now:    drop by the policy of input
  to let it in: add a rule: hook = \"input\", protocol = \"tcp\", source = \"203.0.113.9\", port = 22, action = \"accept\"

";
    assert_eq!(text, expected);
}
