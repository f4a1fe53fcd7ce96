//! The kernel's packet queues (`linux/netfilter/nfnetlink_queue.h`), through the `nfq` crate.

use std::{fmt, fs, io, path::PathBuf};

use nfq::Queue;

/// Bytes copied of each packet: the longest IPv4 and TCP headers are 120 bytes, and IPv6 extension
/// headers rarely need more than this.
pub const COPY_RANGE: u16 = 256;
/// Packets that may wait in one queue before the kernel calls it full.
const LENGTH: u32 = 16_384;
const STATUS: &str = "/proc/net/netfilter/nfnetlink_queue";
const CAP_NET_ADMIN: u64 = 1 << 12;

/// Why a queue can't be had.
#[derive(Debug)]
pub enum QueueError {
    /// This process may not administer the network.
    NotPermitted,
    /// Another process holds the queue.
    Taken {
        /// The queue's number.
        number: u16,
        /// The process, where it can be told.
        owner: Option<String>,
    },
    /// The kernel has no NFQUEUE.
    NoSupport(io::Error),
    /// Anything else.
    Failed {
        /// The queue's number.
        number: u16,
        /// What the kernel said.
        source: io::Error,
    },
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted => {
                write!(f, "not permitted: portcullis run needs root, or the capability CAP_NET_ADMIN")
            }
            Self::Taken { number, owner } => {
                let owner = owner.as_deref().unwrap_or("another process");
                write!(f, "queue {number} is held by {owner}; stop that, or set queue.numbers to others")
            }
            Self::NoSupport(source) => {
                write!(f, "this kernel offers no packet queue ({source}); try: modprobe nfnetlink_queue")
            }
            Self::Failed { number, source } => write!(f, "cannot use queue {number}: {source}"),
        }
    }
}

impl std::error::Error for QueueError {}

/// Binds this process to queue `number`.
///
/// # Errors
/// See [`QueueError`].
pub fn open(number: u16, gso: bool, fail_open: bool) -> Result<Queue, QueueError> {
    // The kernel answers a taken queue and a missing capability with the same EPERM.
    if !may_administer_network() {
        return Err(QueueError::NotPermitted);
    }
    let mut queue = Queue::open().map_err(QueueError::NoSupport)?;
    let bound = queue.bind(number).and_then(|()| {
        queue.set_copy_range(number, COPY_RANGE)?;
        queue.set_queue_max_len(number, LENGTH)?;
        queue.set_recv_gso(number, gso)?;
        queue.set_recv_uid_gid(number, true)?;
        queue.set_fail_open(number, fail_open)
    });
    match bound {
        Ok(()) => Ok(queue),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let owner =
                status().into_iter().find(|status| status.number == number).map(|status| status.owner());
            Err(QueueError::Taken { number, owner })
        }
        Err(source) => Err(QueueError::Failed { number, source }),
    }
}

/// Whether this process holds `CAP_NET_ADMIN` (`CapEff` of proc(5)).
pub fn may_administer_network() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits & CAP_NET_ADMIN != 0)
}

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
    fn owner(&self) -> String {
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
