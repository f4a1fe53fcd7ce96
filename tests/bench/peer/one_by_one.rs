//! The plain loop of the `nfq` crate: the yardstick.

use std::{fs, io, os::fd::RawFd};

use nfq::{Queue, Verdict};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use crate::batched::{COPY_RANGE, KERNEL_ROOM, LENGTH};

pub(crate) fn run(number: u16) -> io::Result<()> {
    let mut queue = Queue::open()?;
    // The crate keeps its socket to itself, and the default buffer is too small for any overload.
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = pidfd_getfd(own, newest_socket()?, PidfdGetfdFlags::empty())?;
    setsockopt(&socket, RcvBufForce, &KERNEL_ROOM)?;
    queue.bind(number)?;
    queue.set_copy_range(number, COPY_RANGE)?;
    queue.set_queue_max_len(number, LENGTH)?;
    loop {
        let mut message = queue.recv()?;
        message.set_verdict(Verdict::Accept);
        queue.verdict(message)?;
    }
}

fn newest_socket() -> io::Result<RawFd> {
    let sockets = fs::read_dir("/proc/self/fd")?.flatten().filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    });
    let numbers = sockets.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.max().ok_or_else(|| io::ErrorKind::NotFound.into())
}
