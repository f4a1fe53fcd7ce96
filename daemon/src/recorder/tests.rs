use std::{fs, path::Path, sync::Mutex, time::Duration};

use jiff::{SignedDuration, tz::TimeZone};

use super::*;
use crate::{
    event::{self, Reporter},
    log::{
        Record,
        sample::{QUIET, at, by, echo, later, malformed, tcp},
    },
};

fn settings() -> Detect {
    Detect { window: Duration::from_secs(120), ..Detect::default() }
}

fn log(directory: &Path) -> Log {
    Log { directory: directory.to_owned(), max_size: 1 << 24, max_total: 1 << 26, ..Log::default() }
}

fn records(directory: &Path) -> Vec<Record> {
    let text = fs::read_to_string(directory.join("blocked.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_blocked_is_in_the_file_to_the_last_packet() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(&log(directory.path()), settings(), None);
    let mut blocked = 0;
    for n in 0..5000_u16 {
        let event = match n % 3 {
            0 => tcp("203.0.113.9", 40000, "192.0.2.1", n % 100),
            1 => echo("2001:db8::7", "2001:db8:1::1"),
            _ => malformed(),
        };
        recorder.record(&later(i64::from(n) * 50, event));
        blocked += 1;
    }
    recorder.record(&later(250_000, by(QUIET, tcp("203.0.113.9", 40000, "192.0.2.1", 1))));
    assert!(recorder.next_deadline().is_some());
    recorder.finish();
    assert_eq!(recorder.next_deadline(), None);
    let records = records(directory.path());
    assert_eq!(records.iter().map(Record::count).sum::<u64>(), blocked);
    let counters = recorder.counters();
    assert_eq!(Counters::read(&counters.written) + Counters::read(&counters.summarised), blocked);
    assert_eq!(Counters::read(&counters.suppressed), 1);
    let mut ids: Vec<_> =
        records.iter().filter_map(|record| record.alert.metadata.event_id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), records.len());
    let incidents = fs::read_to_string(directory.path().join("incidents.jsonl")).unwrap();
    let incidents: Vec<IncidentRecord> =
        incidents.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(incidents.first().map(|record| record.incident.phase), Some(Phase::Start));
    assert_eq!(incidents.last().map(|record| record.incident.phase), Some(Phase::End));
}

/// Every table of the budget is full, with the longest records that packets make: more packets make no more of them.
#[test]
fn a_minute_of_flood_is_a_few_megabytes() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(&log(directory.path()), settings(), None);
    let packets = 60_000_u32;
    for n in 0..packets {
        let source = format!("2001:db8:{:x}:{:x}:ffff:ffff:ffff:ffff", (n % 20_000) >> 8, n % 256);
        let flood = tcp(&source, 40000, "2001:db8:1111:2222:3333:4444:5555:6666", 65535);
        recorder.record(&later(i64::from(n % 60_000) - 45_000, flood));
    }
    recorder.finish();
    let told: u64 = records(directory.path()).iter().map(Record::count).sum();
    assert_eq!(told, u64::from(packets), "what is left out is in the counts");
    let bytes = fs::metadata(directory.path().join("blocked.jsonl")).unwrap().len();
    assert!((4 << 20..6 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn an_idle_recorder_has_no_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(&log(directory.path()), settings(), None);
    assert_eq!(recorder.next_deadline(), None);
    recorder.record(&tcp("203.0.113.9", 40000, "192.0.2.1", 23));
    assert_eq!(recorder.next_deadline(), None, "one record, written");
    for _ in 0..10 {
        recorder.record(&tcp("203.0.113.9", 40000, "192.0.2.1", 23));
    }
    let deadline = recorder.next_deadline().unwrap();
    recorder.tick(deadline);
    assert_eq!(recorder.next_deadline(), None);
    assert_eq!(records(directory.path()).last().map(Record::count), Some(6));
}

#[test]
fn a_directory_that_cannot_be_written_costs_records_and_nothing_else() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut recorder = Recorder::new(&log(file.path()), settings(), None);
    recorder.record(&tcp("203.0.113.9", 40000, "192.0.2.1", 23));
    assert_eq!(Counters::read(&recorder.counters().write_errors), 1);
    let directory = tempfile::tempdir().unwrap();
    recorder.configure(&log(directory.path()), settings());
    recorder.record(&tcp("203.0.113.9", 40000, "192.0.2.1", 23));
    assert_eq!(records(directory.path()).len(), 1);
}

#[test]
fn whoever_watches_sees_lines() {
    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let screen = Screen::default();
    let show = Show::new(Box::new(screen.clone()), TimeZone::UTC);
    let mut recorder = Recorder::new(&log(directory.path()), settings(), Some(show));
    for port in 1..=100 {
        recorder.record(&tcp("203.0.113.9", 40000, "192.0.2.1", port));
    }
    recorder.record(&later(1500, echo("2001:db8::7", "2001:db8:1::1")));
    recorder.record(&later(1500, malformed()));
    let text = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "08:26:45 DROP   input tcp 203.0.113.9:40000 -> 192.0.2.1:1 in eth0  policy input");
    assert_eq!(
        &lines[50..],
        [
            "… 50 more",
            "08:26:46 DROP   input icmpv6 2001:db8::7 -> 2001:db8:1::1 in eth0 type echo-request  policy input",
            "08:26:45 SCAN   port scan begins: 203.0.113.9 tried 100 ports of 192.0.2.1, 100 packets in 0 s",
            "08:26:46 DROP   input 7 bytes in eth0  truncated header",
        ]
    );
}

#[test]
fn the_thread_writes_what_every_worker_told() {
    let directory = tempfile::tempdir().unwrap();
    let (rings, reports): (Vec<_>, Vec<_>) = (0..3).map(|_| event::ring()).unzip();
    let tap = Tap { group: 7399, state: directory.path(), asker: None };
    let handle = spawn(reports, &log(directory.path()), &settings(), tap, false).unwrap();
    for (port, ring) in (0..).zip(rings) {
        let mut reporter = Reporter::new(ring, handle.thread().clone(), Arc::default());
        for _ in 0..700 {
            let (event, generation) = tcp("203.0.113.9", 40000, "192.0.2.1", port).without();
            reporter.report(Event { time: Timestamp::now(), ..event }, &generation);
            reporter.end();
        }
    }
    let counters = Arc::clone(handle.counters());
    handle.finish();
    assert_eq!(Counters::read(&counters.written) + Counters::read(&counters.summarised), 2100);
    assert_eq!(records(directory.path()).iter().map(Record::count).sum::<u64>(), 2100);
}

/// An incident waits for nothing but itself: no other packet has to come, and its line is in the file before the
/// recorder sleeps again.
#[test]
fn an_incident_is_in_the_file_within_a_second_of_its_packet() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(&log(directory.path()), settings(), None);
    let lines = || fs::read_to_string(directory.path().join("incidents.jsonl")).unwrap_or_default();
    for port in 1..=30 {
        recorder.record(&tcp("203.0.113.9", 40000, "192.0.2.1", port));
    }
    assert_eq!(lines(), "", "it settles first");
    let deadline = recorder.next_deadline().expect("there is something to tell");
    assert!(deadline.duration_since(at(0)) <= SignedDuration::from_secs(1), "{deadline}");
    recorder.tick(deadline);
    let told = lines();
    assert!(told.ends_with('\n') && told.lines().count() == 1 && told.contains("port scan"), "{told}");
}

/// What was known by the clock as it was neither stays open nor counts for ever by the clock as it is.
#[test]
fn a_clock_that_is_set_back_closes_incidents_and_lets_suspicions_fade() {
    const A_DAY: i64 = 24 * 3600 * 1000;
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(&log(directory.path()), settings(), None);
    let phases = || -> Vec<Phase> {
        let text = fs::read_to_string(directory.path().join("incidents.jsonl")).unwrap_or_default();
        let records = text.lines().map(|line| serde_json::from_str::<IncidentRecord>(line).unwrap());
        records.map(|record| record.incident.phase).collect()
    };
    let knock = |time, port| later(time, tcp("203.0.113.9", 40000, "192.0.2.1", port));
    for port in 1..=30 {
        recorder.record(&knock(0, port));
    }
    recorder.tick(at(1000));
    assert_eq!(phases(), [Phase::Start]);
    recorder.record(&knock(990, 31));
    assert_eq!(phases(), [Phase::Start], "workers are not in step");
    recorder.record(&later(-A_DAY, tcp("198.51.100.7", 40000, "192.0.2.1", 443)));
    assert_eq!(phases(), [Phase::Start, Phase::End]);
    // By the clock as it is, the scanner of before is as suspicious as it was a moment ago.
    recorder.record(&knock(-A_DAY + 1000, 32));
    recorder.tick(at(-A_DAY + 3000));
    assert_eq!(phases().last(), Some(&Phase::Start));
    let deadline = recorder.next_deadline().expect("it ends in its time");
    assert!(deadline < at(-A_DAY + 300_000), "{deadline}");
    // A stranger that knocks once in six hours stays one.
    for n in 1..8 {
        recorder.record(&later(-A_DAY + n * 6 * 3_600_000, tcp("198.51.100.7", 40000, "192.0.2.1", 80)));
    }
    recorder.finish();
    assert_eq!(phases(), [Phase::Start, Phase::End, Phase::Start, Phase::End]);
}
