//! How long `portcullis log` takes over millions of records.
//!
//!     cargo bench -p portcullis --bench review [-- RECORDS [DIRECTORY]]
//!
//! makes that many (a hundred thousand, unless told; ten million take some minutes and half a
//! gigabyte), as a recorder would have rotated and compressed them, and asks each kind of question.
//! A DIRECTORY that is there already is asked again and kept.

use std::{
    env, fs,
    io::{self, BufWriter, Write as _},
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use portcullis::log::{Alert, Drop, Ether, EventIds, EventType, Limits, Metadata, Record, Verdict, sweep};

const FILE: u64 = 64 << 20;
const RULES: [&str; 4] = ["policy input", "known bad sources", "no telnet", "web"];
const QUESTIONS: [&[&str]; 9] = [
    &["--top", "ports"],
    &["--top", "sources"],
    &["--top", "rules"],
    &["--top", "pairs"],
    &["--by", "day"],
    &["--source", "198.18.7.0/24", "--top", "ports"],
    &["--source", "198.18.7.9"],
    &["--port", "3389", "--reason", "firewall rules", "--by", "hour"],
    &["-n", "100"],
];

fn main() -> io::Result<()> {
    // `cargo test --benches` runs this, too: with --test or --bench among the arguments.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let records = arguments.first().map_or(Ok(100_000), |number| number.parse()).map_err(io::Error::other)?;
    let temporary = tempfile::tempdir()?;
    let directory = arguments.get(1).map_or_else(|| temporary.path().join("log"), PathBuf::from);
    if !directory.exists() {
        let begun = Instant::now();
        generate(&directory, records)?;
        let size: u64 =
            fs::read_dir(&directory)?.flatten().flat_map(|entry| entry.metadata()).map(|m| m.len()).sum();
        println!("{records} records, {} MiB, made in {:.1} s", size >> 20, begun.elapsed().as_secs_f64());
    }
    for question in QUESTIONS {
        let (time, memory) = ask(&directory, question)?;
        println!("{:>7.0} ms  {:>5} MiB  log {}", time.as_secs_f64() * 1e3, memory >> 10, question.join(" "));
    }
    Ok(())
}

/// Time and largest resident size, in KiB.
fn ask(directory: &Path, question: &[&str]) -> io::Result<(Duration, u64)> {
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["log", "--directory"]).arg(directory).args(question).stdout(Stdio::null());
    let mut child = command.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    while child.try_wait()?.is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        memory = memory.max(peak.unwrap_or(0));
        thread::sleep(Duration::from_millis(2));
    }
    Ok((begun.elapsed(), memory))
}

fn generate(directory: &Path, records: u64) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let limits = Limits::of_size(FILE, u64::MAX);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut ids = EventIds::default();
    let mut time = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_795_000_000);
    let (mut file, mut written) = (None, 0);
    for _ in 0..records {
        time += SignedDuration::from_micros(i64::try_from(random.below(120_000)).unwrap_or(0));
        let line = record(&mut random, time, ids.next(time)).line();
        let out = match &mut file {
            Some(out) => out,
            None => {
                let path = directory.join("blocked.jsonl");
                file.insert(BufWriter::with_capacity(1 << 20, fs::File::create(path)?))
            }
        };
        out.write_all(&line)?;
        written += line.len() as u64;
        if written > FILE {
            out.flush()?;
            (file, written) = (None, 0);
            let name = time.strftime("blocked.jsonl.%Y%m%dT%H%M%S.%6fZ").to_string();
            fs::rename(directory.join("blocked.jsonl"), directory.join(name))?;
            sweep(directory, limits, time)?;
        }
    }
    file.map_or(Ok(()), |mut out| out.flush())
}

/// A few sources are behind most of it, and a few ports in demand; the rest is spread.
fn record(random: &mut Random, time: Timestamp, event_id: String) -> Record {
    let source = match random.below(10) {
        0..6 => 0xc612_0000 + random.below(4096),
        6..9 => 0xc633_6400 + random.below(65_536),
        _ => random.below(1 << 32),
    };
    let ports = [22, 23, 80, 443, 445, 3389, 8080, 5900];
    let port = if random.below(3) == 0 {
        random.below(65_536)
    } else {
        ports[usize::try_from(random.below(8)).unwrap_or(0)]
    };
    let small = |number: u64| u16::try_from(number).unwrap_or(0);
    let rule = RULES[usize::try_from(random.below(4)).unwrap_or(0)];
    let by_policy = rule.starts_with("policy");
    let word = |number: u64| u32::try_from(number).unwrap_or(0);
    Record {
        timestamp: time,
        flow_id: Some(random.below(1 << 53)),
        in_iface: Some("eth0".to_owned()),
        event_type: EventType::Drop,
        src_ip: Some(IpAddr::V4(Ipv4Addr::from(word(source)))),
        src_port: Some(small(1024 + random.below(64_000))),
        dest_ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        dest_port: Some(small(port)),
        proto: Some("TCP".to_owned()),
        icmp_type: None,
        icmp_code: None,
        ip_v: Some(4),
        ether: Some(Ether { src_mac: "02:00:00:00:00:09".to_owned() }),
        direction: Some("to_server".to_owned()),
        drop: Some(Drop {
            len: Some(60),
            tos: Some(0),
            ttl: Some(57),
            ipid: Some(word(random.below(65_536))),
            tcpseq: Some(word(random.below(1 << 32))),
            tcpack: Some(0),
            tcpwin: Some(64_240),
            syn: Some(true),
            ack: Some(false),
            psh: Some(false),
            rst: Some(false),
            urg: Some(false),
            fin: Some(false),
            tcpurgp: Some(0),
            reason: Some(
                if by_policy { "firewall default packet policy" } else { "firewall rules" }.to_owned(),
            ),
            ..Drop::default()
        }),
        verdict: Verdict { action: "drop".to_owned(), reject_target: None },
        alert: Alert {
            action: "blocked".to_owned(),
            gid: 1,
            signature_id: 1_231_294_067,
            rev: 1,
            signature: rule.to_owned(),
            category: String::new(),
            severity: 3,
            metadata: Metadata {
                rule_file: (!by_policy).then(|| "/etc/portcullis/portcullis.toml".to_owned()),
                rule_line: (!by_policy).then_some(42),
                generation: Some(7),
                event_id: Some(event_id),
                hook: Some("input".to_owned()),
                ..Metadata::default()
            },
        },
    }
}

/// xorshift64*: the same records each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }
}
