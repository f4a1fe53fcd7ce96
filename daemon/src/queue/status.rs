//! What the kernel tells of its queues.

use std::{fs, path::PathBuf};

const STATUS: &str = "/proc/net/netfilter/nfnetlink_queue";

/// A bound queue, as the kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QueueStatus {
    /// Its number.
    pub number: u16,
    /// The netlink port of its owner: usually the process id.
    pub port_id: u32,
    /// Packets waiting for a verdict.
    pub waiting: u32,
    /// Packets dropped because the queue was full.
    pub dropped_full: u64,
    /// Packets dropped because the socket's buffer was full.
    pub dropped_unsent: u64,
    /// Packets queued so far.
    pub packets: u64,
}

impl QueueStatus {
    /// The queue with this number, if somebody holds it.
    pub fn of(number: u16) -> Option<Self> {
        status().into_iter().find(|queue| queue.number == number)
    }

    /// The id of the packet that was queued last.
    pub fn last_id(&self) -> u32 {
        // The kernel's sequence has 32 bits.
        u32::try_from(self.packets).unwrap_or(u32::MAX)
    }

    /// The owner, as an administrator would name it.
    pub fn owner(&self) -> String {
        let path: PathBuf = ["/proc", &self.port_id.to_string(), "comm"].iter().collect();
        match fs::read_to_string(path) {
            Ok(name) => format!("{} (process {})", name.trim().escape_debug(), self.port_id),
            Err(_) => format!("netlink port {}", self.port_id),
        }
    }
}

/// All queues of this network namespace that somebody holds.
pub fn status() -> Vec<QueueStatus> {
    parse_status(&fs::read_to_string(STATUS).unwrap_or_default())
}

/// Nine numbers a line (`seq_show` in `net/netfilter/nfnetlink_queue.c`): queue, port id, waiting,
/// copy mode, copy range, queue dropped, user dropped, id sequence, 1.
fn parse_status(text: &str) -> Vec<QueueStatus> {
    let line = |line: &str| {
        let numbers: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let &[number, port_id, waiting, _, _, dropped_full, dropped_unsent, packets, ..] = numbers.as_slice()
        else {
            return None;
        };
        Some(QueueStatus {
            number: number.try_into().ok()?,
            port_id: port_id.try_into().ok()?,
            waiting: waiting.try_into().ok()?,
            dropped_full,
            dropped_unsent,
            packets,
        })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let text = " 7300  10893     2 2   256     4     1   17321  1\nnonsense\n";
        let expected = QueueStatus {
            number: 7300,
            port_id: 10893,
            waiting: 2,
            dropped_full: 4,
            dropped_unsent: 1,
            packets: 17321,
        };
        assert_eq!(parse_status(text), [expected]);
    }
}
