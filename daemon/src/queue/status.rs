//! What the kernel tells of its queues.

use std::{fs, path::PathBuf};

/// Where the kernel tells of its queues.
pub const STATUS: &str = "/proc/net/netfilter/nfnetlink_queue";

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
        let process = holder(self.port_id).unwrap_or(self.port_id);
        let path: PathBuf = ["/proc", &process.to_string(), "comm"].iter().collect();
        match fs::read_to_string(path) {
            Ok(name) => format!("{} (process {process})", name.trim().escape_debug()),
            Err(_) => format!("netlink port {}", self.port_id),
        }
    }
}

/// The process that has the socket with this netlink port, as far as we may look. Only a process' first
/// socket has its own id for a port.
fn holder(port_id: u32) -> Option<u32> {
    let sockets = fs::read_to_string("/proc/net/netlink").ok()?;
    let socket = PathBuf::from(format!("socket:[{}]", inode(&sockets, port_id)?));
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let holds = |process: &u32| {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == socket)
    };
    // The service manager may hold it, too; it is never the one that reads.
    let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter(|process| *process != 1).find(holds)
}

/// The inode of a netfilter socket (`netlink_seq_show` in `net/netlink/af_netlink.c`: address, protocol,
/// port, and six more before the inode).
fn inode(sockets: &str, port_id: u32) -> Option<&str> {
    sockets.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let &[_, "12", port, _, _, _, _, _, _, inode] = columns.as_slice() else { return None };
        (port == port_id.to_string()).then_some(inode)
    })
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
    fn a_netfilter_socket_is_found_by_its_port() {
        let text = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
00000000f0b1 0   77         00000000 0        0        0     2        0        11
00000000f0b2 12  4294963200 00000000 0        0        0     2        0        12
00000000f0b3 12  77         00000040 0        0        0     2        0        13";
        assert_eq!(inode(text, 77), Some("13"));
        assert_eq!(inode(text, 4_294_963_200), Some("12"));
        assert_eq!(inode(text, 78), None);
    }

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
