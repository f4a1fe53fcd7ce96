//! Queue sockets that outlive the process: systemd's file descriptor store (sd_notify(3), FDSTORE=1).
//!
//! While systemd holds a queue's socket, the queue stays bound and packets wait in it, over a crash as
//! over a restart. Bypass and `on-exit` do not apply then, so sockets are kept only where they say "drop".

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{ControlMessage, MsgFlags, NetlinkAddr, getsockname, sendmsg};
use portcullis_config::{Backend, Config, Mode, Unjudged};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};
use sd_notify::NotifyState;
use tracing::{info, warn};

use crate::queue::{Queue, QueueStatus};

/// Begins a socket's name in the store; the queue's number follows.
const NAME: &str = "queue-";
/// How long systemd may take to close a socket.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sockets that an earlier process left with systemd, and to which their queues are still bound.
#[derive(Debug, Default)]
pub(super) struct Inheritance(Vec<(u16, OwnedFd)>);

impl Inheritance {
    /// Takes what systemd passed on. What is of no use is sent back for good.
    pub(super) fn take() -> Self {
        let passed = match sd_notify::listen_fds_with_names() {
            Ok(passed) => passed,
            Err(error) => {
                warn!("cannot take over the queues that systemd keeps: {error}");
                return Self::default();
            }
        };
        let mut ours = Vec::new();
        for (descriptor, name) in passed {
            let number = name.strip_prefix(NAME).and_then(|number| number.parse().ok());
            let bound = number.filter(|number| is_bound(descriptor, *number));
            match (bound, own(descriptor)) {
                (Some(number), Ok(socket)) => ours.push((number, socket)),
                (_, Ok(_)) => forget(&name),
                (_, Err(error)) => warn!("cannot take over {}: {error}", name.escape_debug()),
            }
        }
        Self(ours)
    }

    /// The socket of queue `number`, if there is one.
    pub(super) fn remove(&mut self, number: u16) -> Option<OwnedFd> {
        let place = self.0.iter().position(|(held, _)| *held == number)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Whether there is a socket for queue `number`.
    pub(super) fn holds(&self, number: u16) -> bool {
        self.0.iter().any(|(held, _)| *held == number)
    }

    /// Lets go of all, so that the queues can be bound anew; what waits in them is dropped.
    pub(super) fn let_go(&mut self) {
        self.0.drain(..).for_each(|(number, socket)| let_go(number, socket));
    }

    /// Lets go of what is left: queues that are no longer wanted.
    pub(super) fn forget(self) {
        for (number, _) in self.0 {
            info!("queue {number} of the daemon before is no longer wanted");
            forget(&format!("{NAME}{number}"));
        }
    }
}

/// The sockets of the queues that are in use, and whether systemd keeps them, too.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    held: Vec<(u16, OwnedFd)>,
    /// The queues of a backend that hides its sockets, and the last packet that the kernel had sent them.
    hidden: Vec<(u16, u64)>,
}

impl Sockets {
    /// Remembers the socket of a queue, if its backend has one to show.
    pub(super) fn add(&mut self, number: u16, queue: &Queue) -> io::Result<()> {
        match queue.socket() {
            Some(socket) => self.held.push((number, socket.try_clone_to_owned()?)),
            None => self.hidden.push((number, 0)),
        }
        Ok(())
    }

    /// Of each queue, whether packets wait to be received; of a hidden one, whether any came since the last
    /// look.
    pub(super) fn waiting(&mut self) -> Vec<bool> {
        let mut polled: Vec<_> =
            self.held.iter().map(|(_, socket)| PollFd::new(socket, PollFlags::IN)).collect();
        // What can't be polled is taken for idle.
        let _ = poll(&mut polled, Some(&Timespec::default()));
        let readable = polled.iter().map(|polled| polled.revents().contains(PollFlags::IN));
        let came = self.hidden.iter_mut().map(|(number, before)| {
            let packets = QueueStatus::of(*number).map_or(0, |queue| queue.packets);
            std::mem::replace(before, packets) < packets
        });
        readable.chain(came).collect()
    }

    /// Has systemd keep the sockets, or not, as `config` wants it; nothing happens without systemd.
    pub(super) fn keep_or_forget(&self, config: &Config) {
        let wanted = config.mode == Mode::Enforce && config.queue.on_exit == Unjudged::Drop;
        for (number, socket) in &self.held {
            let name = format!("{NAME}{number}");
            if !wanted {
                forget(&name);
                continue;
            }
            // A netlink socket that lost messages reports an error, for which systemd would drop it from
            // its store if it polled it.
            let state = [NotifyState::FdStore, NotifyState::FdName(&name), NotifyState::Custom("FDPOLL=0")];
            if let Err(error) = sd_notify::notify_with_fds(&state, &[socket.as_fd()]) {
                warn!("systemd can't keep queue {number} over a restart: {error}");
            }
        }
        if wanted && config.queue.backend == Backend::Nfq && std::env::var_os("NOTIFY_SOCKET").is_some() {
            info!("queue.backend is \"nfq\": packets that wait are dropped when the daemon is restarted");
        }
    }
}

/// Gives a queue up to whoever binds it next: systemd closes its copy of the socket when it gets to it.
pub(super) fn let_go(number: u16, socket: OwnedFd) {
    drop(socket);
    forget(&format!("{NAME}{number}"));
    let end = Instant::now() + PATIENCE;
    while QueueStatus::of(number).is_some() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}

fn forget(name: &str) {
    // Without systemd there is nothing to forget.
    let _ = sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]);
}

/// Whether the kernel sends the packets of queue `number` to this socket.
fn is_bound(descriptor: RawFd, number: u16) -> bool {
    let port = getsockname::<NetlinkAddr>(descriptor).map(|address| address.pid());
    port.is_ok_and(|port| QueueStatus::of(number).is_some_and(|queue| queue.port_id == port))
}

/// A descriptor that came as a number, as one that is owned. It goes through a socket and comes out as
/// another: the one way to own it that the compiler can check.
fn own(descriptor: RawFd) -> io::Result<OwnedFd> {
    let (here, there) = UnixStream::pair()?;
    let rights = [descriptor];
    let message = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(here.as_raw_fd(), &[IoSlice::new(b"q")], &message, MsgFlags::empty(), None)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut received = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(&there, &mut [IoSliceMut::new(&mut byte)], &mut received, RecvFlags::CMSG_CLOEXEC)?;
    let owned = received.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    // The number itself is of no more use, and would keep the queue bound.
    nix::unistd::close(descriptor)?;
    owned.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
