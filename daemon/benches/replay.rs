//! How many packets a second `replay` reads, and how much memory that takes at most.
//!
//! `cargo bench -p portcullis --bench replay [-- WORD]`: the scenes whose names have the word in them. The
//! captures are made while they are read, and their making is not counted.

use std::{
    env, fs,
    io::{self, Read},
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis::{detect::Phase, replay};
use portcullis_config::load_text;
use portcullis_rules::RuleTable;

const HOST: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);
/// Packets: 180 MB, and 2.3 GB.
const SIZES: [u64; 2] = [3_000_000, 40_000_000];
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The packets of a scene, by their numbers: who sends to whom, and which flags.
type Scene = fn(u64) -> (Ipv4Addr, Ipv4Addr, [u16; 2], u8);

/// A pcap file of raw IP, in the making.
struct Capture {
    scene: Scene,
    packets: u64,
    next: u64,
    /// What is made and not yet read, from there on.
    made: Vec<u8>,
    read: usize,
    /// What the making has cost.
    spent: Duration,
}

impl Capture {
    fn new(scene: Scene, packets: u64) -> Self {
        let header = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101];
        let made = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        Self { scene, packets, next: 0, made, read: 0, spent: Duration::ZERO }
    }

    fn make(&mut self) {
        let clock = Instant::now();
        self.made.clear();
        self.read = 0;
        for number in self.next..self.packets.min(self.next + 4096) {
            let (source, destination, [from, to], flags) = (self.scene)(number);
            // 50,000 a second.
            let micros = number * 20;
            let second = u32::try_from(1_800_000_000 + micros / 1_000_000).expect("not yet over");
            let micros = u32::try_from(micros % 1_000_000).expect("small");
            for word in [second, micros, 44, 44] {
                self.made.extend(word.to_le_bytes());
            }
            self.made.extend([0x45, 0, 0, 44, 0, 1, 0, 0, 60, 6, 0, 0]);
            self.made.extend(source.octets());
            self.made.extend(destination.octets());
            self.made.extend(from.to_be_bytes());
            self.made.extend(to.to_be_bytes());
            self.made.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x60, flags, 250, 240, 0, 0, 0, 0, 2, 4, 5, 180]);
        }
        self.next = self.packets.min(self.next + 4096);
        self.spent += clock.elapsed();
    }
}

impl Read for &mut Capture {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.made.len() && self.next < self.packets {
            self.make();
        }
        let mut rest = &self.made[self.read..];
        let read = rest.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

#[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
fn anybody(number: u64) -> Ipv4Addr {
    let [_, a, b, c] = (mixed(number) as u32).to_be_bytes();
    Ipv4Addr::new(20 + a % 100, b, c, 1 + (number % 250) as u8)
}

fn port(number: u64) -> u16 {
    1024 + (number % 60_000) as u16
}

/// Visits of a web server, twenty packets each.
fn visits(number: u64) -> (Ipv4Addr, Ipv4Addr, [u16; 2], u8) {
    let (visit, packet) = (number / 20, number % 20);
    let (client, from) = (anybody(visit), port(mixed(visit)));
    match packet {
        0 => (client, HOST, [from, 443], SYN),
        1 => (HOST, client, [443, from], SYN | ACK),
        _ if packet.is_multiple_of(2) => (client, HOST, [from, 443], ACK),
        _ => (HOST, client, [443, from], ACK),
    }
}

/// Nobody twice, and all ports.
fn forged(number: u64) -> (Ipv4Addr, Ipv4Addr, [u16; 2], u8) {
    (anybody(number), HOST, [port(mixed(number)), port(number * 7) - 1000], SYN)
}

/// Incidents without end: scanners of a hundred doors each.
fn scanners(number: u64) -> (Ipv4Addr, Ipv4Addr, [u16; 2], u8) {
    (anybody(number / 100), HOST, [40_000, 1 + port(number % 100)], SYN)
}

/// The most memory that this process ever had, in KiB (`VmHWM`, proc_pid_status(5)).
fn most_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_owned()
}

fn main() {
    // Cargo adds `--bench`.
    let word = env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let rules = "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"web\"\nprotocol = \"tcp\"\nport = 443\naction = \"accept\"";
    let config = load_text("rules.toml", rules).expect("valid rules").config;
    let scenes: [(&str, Scene); 3] = [("visits", visits), ("forged sources", forged), ("scanners", scanners)];
    for (name, scene) in scenes.into_iter().filter(|(name, _)| name.contains(&word)) {
        for by_rules in [true, false] {
            for packets in SIZES {
                let mut capture = Capture::new(scene, packets);
                let local = vec![ipnet::IpNet::from(std::net::IpAddr::V4(HOST))];
                let table = RuleTable::compile(Arc::clone(&config.ruleset));
                let mut incidents = 0_u64;
                let clock = Instant::now();
                replay::records(&mut capture, table, by_rules, local, |record| {
                    incidents += u64::from(record.incident.phase == Phase::End);
                });
                let spent = clock.elapsed().saturating_sub(capture.spent);
                let rate = u128::from(packets) * 1_000_000 / spent.as_micros().max(1);
                let how = if by_rules { "by rules" } else { "by its answers" };
                println!(
                    "{name:15} {how:14} {packets:>10} packets: {rate:>9} a second, {incidents:>6} incidents, at most {}",
                    most_memory(),
                );
            }
        }
    }
}
