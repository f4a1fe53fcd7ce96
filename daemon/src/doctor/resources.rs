//! Disk, clock and interfaces.

use std::{fs, path::Path};

use jiff::Timestamp;
use portcullis_config::Config;
use rustix::fs::statvfs;
use serde_json::Value;

use super::Finding;
use crate::{hook::run_tool, trial::STATE};

/// The least MTU of IPv6 (RFC 8200, 5), in bytes.
const LEAST_MTU: u64 = 1280;
/// More than this in one packet is BIG TCP, in bytes.
const BIG: u64 = 65_536;
/// A clock before this is one that was never set: 2025-01-01, in seconds since 1970.
const YOUNG: i64 = 1_735_689_600;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut found = vec![records(config), clock()];
    found.extend(state());
    found.extend(interfaces(config));
    found
}

/// Whether the records find room, up to what they may take.
fn records(config: &Config) -> Finding {
    const CHECK: &str = "records";
    let directory = &config.log.directory;
    let shown = directory.display();
    let Some(existing) = directory.ancestors().find(|path| path.exists()) else {
        return Finding::problem(
            CHECK,
            format!("there is no {shown}"),
            "set log.directory to one that exists",
        );
    };
    let space = match statvfs(existing) {
        Ok(space) => space,
        Err(error) => {
            return Finding::problem(
                CHECK,
                format!("cannot look at {shown}: {error}"),
                "sudo portcullis doctor",
            );
        }
    };
    const READ_ONLY: u64 = 1; // ST_RDONLY
    if space.f_flag.bits() & READ_ONLY != 0 {
        return Finding::problem(
            CHECK,
            format!("{shown} is on a read-only file system: nothing is recorded"),
            "set log.directory to one that can be written",
        );
    }
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let used = size(directory);
    let wanted = config.log.max_total.saturating_sub(used);
    let mebibytes = |bytes: u64| bytes / (1024 * 1024);
    if free < wanted {
        let what = format!(
            "{shown} has {} MiB free, and the records may take another {} MiB",
            mebibytes(free),
            mebibytes(wanted)
        );
        return Finding::problem(CHECK, what, "make room, or set log.max-total to less");
    }
    Finding::fine(
        CHECK,
        format!("{shown}: {} MiB used of at most {} MiB", mebibytes(used), mebibytes(config.log.max_total)),
    )
}

fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

/// What is live is kept there for the next start.
fn state() -> Option<Finding> {
    const READ_ONLY: u64 = 1; // ST_RDONLY
    let space = statvfs(STATE).ok()?;
    (space.f_flag.bits() & READ_ONLY != 0).then(|| {
        Finding::problem(
            "state",
            format!("{STATE} is read-only: there will be no way back from a broken configuration"),
            "mount it writable",
        )
    })
}

/// Rules expire, and records are read, by the time of day.
fn clock() -> Finding {
    const CHECK: &str = "clock";
    let now = Timestamp::now();
    if now.as_second() < YOUNG {
        return Finding::problem(CHECK, format!("it says {now}"), "set the clock: timedatectl set-ntp true");
    }
    match run_tool("timedatectl", &["show", "--property=NTPSynchronized", "--value"], "")
        .as_deref()
        .map(str::trim)
    {
        Ok("no") => {
            Finding::note(CHECK, "nobody keeps it right: times in records, and rules that expire, go by it")
                .with_fix("timedatectl set-ntp true")
        }
        Ok("yes") => Finding::fine(CHECK, "it is kept right"),
        _ => Finding::fine(CHECK, format!("it says {}", now.strftime("%Y-%m-%d %H:%M:%S UTC"))),
    }
}

fn interfaces(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "interfaces";
    let listed = run_tool("ip", &["-json", "-details", "link", "show", "up"], "").unwrap_or_default();
    let mut links: Vec<Value> = serde_json::from_str(&listed).unwrap_or_default();
    // Those that are down leave an empty object.
    links.retain(|link| link["ifname"].is_string());
    let mut found = Vec::new();
    for link in &links {
        let name = link["ifname"].as_str().unwrap_or_default();
        let number = |key: &str| link[key].as_u64().unwrap_or(0);
        if name != "lo" && number("mtu") < LEAST_MTU {
            let what = format!("{name} has an MTU of {}: IPv6 needs {LEAST_MTU}", number("mtu"));
            found.push(Finding::note(CHECK, what).with_fix(format!("ip link set {name} mtu {LEAST_MTU}")));
        }
        let largest = number("gso_max_size").max(number("gro_max_size"));
        if largest > BIG {
            found.push(Finding::note(
                CHECK,
                format!("{name} has BIG TCP, packets of up to {largest} bytes; that is taken into account"),
            ));
        }
    }
    if !config.queue.gso {
        found.push(
            Finding::note(CHECK, "queue.gso is false: the kernel cuts large packets up before it queues them, which costs time")
                .with_fix("take queue.gso out, unless a kernel's bug wants it"),
        );
    }
    if found.is_empty() {
        found.push(Finding::fine(CHECK, format!("{} up, nothing unusual", links.len())));
    }
    found
}
