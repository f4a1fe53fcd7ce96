//! The kernel's packet queues.

mod batched;
pub mod codec;
mod connection;
mod portable;
mod status;

use std::{
    fmt, io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use portcullis_config::{Backend, Config};
use rustix::thread::{CapabilitySet, capabilities};

use self::{batched::Batched, portable::Portable};
pub use self::{
    connection::AskedFor,
    status::{QueueStatus, STATUS, status},
};
use crate::{
    generation::connections,
    netlink::{Netlink, Reply},
};

/// Bytes copied of each packet: the longest IPv4 and TCP headers are 120 bytes, and IPv6 extension
/// headers rarely need more than this.
const COPY_RANGE: u16 = 256;
/// Packets that may wait in one queue before the kernel calls it full.
pub const LENGTH: u32 = 16_384;

/// A packet that waits for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued<'a> {
    /// The hook it waits at (`enum nf_inet_hooks`).
    pub hook: u8,
    /// Its mark.
    pub mark: u32,
    /// Index of the interface it came in by, or 0.
    pub in_interface: u32,
    /// Index of the interface it will go out by, or 0.
    pub out_interface: u32,
    /// The user of the local socket that sent it.
    pub user: Option<u32>,
    /// The hardware address that it came from, where it came over Ethernet.
    pub sender: Option<[u8; 6]>,
    /// What it was sent to, where this host has translated that and the kernel tells.
    pub asked_for: Option<AskedFor>,
    /// Its length on the wire, in bytes.
    pub length: u32,
    /// Its first bytes, from the IP header on.
    pub bytes: &'a [u8],
}

/// What the kernel is told to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Discard it.
    Drop,
    /// Send it through the same chain once more, with this mark.
    Repeat {
        /// The whole mark, other people's bits included.
        mark: u32,
    },
}

/// Who decides, batch by batch.
pub trait Judge {
    /// A batch begins.
    fn begin(&mut self);
    /// What becomes of a packet.
    fn judge(&mut self, packet: &Queued<'_>) -> Verdict;
    /// The kernel refused something: a verdict on a packet that is gone.
    fn refused(&mut self);
    /// This many packets of a process that is gone, read but not judged, were dropped.
    fn orphaned(&mut self, packets: u64);
    /// The batch is answered.
    fn end(&mut self);
    /// How the queue should behave from now on, when that has changed.
    fn new_settings(&mut self) -> Option<Settings>;
}

/// How a queue behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether packets may arrive unsegmented.
    pub gso: bool,
    /// Whether packets pass when the queue is full.
    pub fail_open: bool,
    /// Whether packets come with the connection that they belong to, where [`tells_connections`].
    pub connections: bool,
}

/// A queue that this process holds.
#[derive(Debug)]
pub struct Queue(Kind);

#[derive(Debug)]
enum Kind {
    Batched(Batched),
    Portable(Portable),
}

impl Queue {
    /// Binds this process to queue `number`.
    ///
    /// # Errors
    /// See [`QueueError`].
    pub fn bind(number: u16, backend: Backend, settings: Settings) -> Result<Self, QueueError> {
        // The kernel answers a taken queue and a missing capability with the same EPERM.
        if !may_administer_network() {
            return Err(QueueError::NotPermitted);
        }
        let bound = match backend {
            Backend::Batched => Batched::bind(number, settings).map(Kind::Batched),
            Backend::Nfq => Portable::bind(number, settings).map(Kind::Portable),
        };
        bound.map(Self).map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy => {
                let held = status().into_iter().find(|status| status.number == number);
                QueueError::Taken { number, owner: held.map(|status| status.owner()) }
            }
            _ => QueueError::Failed { number, source },
        })
    }

    /// Goes on with the `socket` of a process that is gone, to which queue `number` is bound. What that
    /// process had read but not judged is dropped; what it had not read is judged.
    ///
    /// # Errors
    /// When the socket can't be written to.
    pub fn inherit(number: u16, socket: OwnedFd, settings: Settings) -> Result<Self, QueueError> {
        let inherited = Batched::inherit(number, socket, settings).map(Kind::Batched).map(Self);
        inherited.map_err(|source| QueueError::Failed { number, source })
    }

    /// The socket, which keeps the queue as long as somebody has it; the nfq crate hides its own.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            Kind::Batched(queue) => Some(queue.as_fd()),
            Kind::Portable(_) => None,
        }
    }

    /// Has packets judged and answers them, until something fails.
    ///
    /// # Errors
    /// What the kernel said; the queue is still there.
    pub fn serve(&mut self, judge: &mut impl Judge) -> io::Result<()> {
        match &mut self.0 {
            Kind::Batched(queue) => queue.serve(judge),
            Kind::Portable(queue) => queue.serve(judge),
        }
    }
}

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
            Self::Failed { number, source } => {
                write!(
                    f,
                    "cannot use queue {number}: {source}; is nfnetlink_queue in this kernel? (modprobe nfnetlink_queue)"
                )
            }
        }
    }
}

impl std::error::Error for QueueError {}

/// Whether this kernel can tell of a queued packet which connection it belongs to.
pub fn tells_connections() -> bool {
    const NOT_SUPPORTED: i32 = 95; // EOPNOTSUPP
    // It looks at what is asked for before it looks for the queue, and there is none of this number: so nothing
    // comes of it.
    let asked = Netlink::open().and_then(|kernel| {
        kernel.ask(codec::NO_QUEUE, Reply::Acknowledgement, &codec::ASK_FOR_CONNECTIONS, |_, _| {})
    });
    asked.err().and_then(|error| error.raw_os_error()) != Some(NOT_SUPPORTED)
}

/// That records can't tell what forwarded packets were sent to before a NAT rule translated it, and why not;
/// `None` where they can, or where forwarded packets are not ours to judge.
pub fn original_destinations_untold(config: &Config) -> Option<String> {
    if !connections(&config.ruleset) {
        return None;
    }
    let why = match config.queue.backend {
        Backend::Nfq => "queue.backend is \"nfq\"",
        Backend::Batched if tells_connections() => return None,
        Backend::Batched => "this kernel lacks CONFIG_NETFILTER_NETLINK_GLUE_CT",
    };
    Some(format!(
        "{why}: forwarded packets that NAT has translated are recorded by the address and port that they were translated to, \
         which are what rules see on every kernel, and not by those that they were sent to"
    ))
}

/// Whether this process holds `CAP_NET_ADMIN`.
pub fn may_administer_network() -> bool {
    capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::NET_ADMIN))
}
