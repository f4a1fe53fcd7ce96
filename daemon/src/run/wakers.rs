//! What wakes the control thread: signals, changes of interfaces, and clients.

use std::{
    io::{self, Read as _},
    os::{
        fd::AsFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    time::Duration,
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    low_level::pipe,
};

const RTMGRP_LINK: u32 = 1; // linux/rtnetlink.h

/// Pipes that signals are written to, and the kernel's notices of interface changes.
#[derive(Debug)]
pub(super) struct Wakers {
    stop: UnixStream,
    reload: UnixStream,
    links: Socket,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Woken {
    /// SIGTERM or SIGINT came.
    pub(super) stop: bool,
    /// SIGHUP came.
    pub(super) reload: bool,
    /// Interfaces came, went, or were renamed.
    pub(super) links: bool,
    /// Somebody connected to the control socket.
    pub(super) asked: bool,
}

impl Wakers {
    /// From now on these signals no longer end the process.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn new() -> io::Result<Self> {
        let (stop, stop_end) = UnixStream::pair()?;
        let (reload, reload_end) = UnixStream::pair()?;
        pipe::register(SIGTERM, stop_end.try_clone()?)?;
        pipe::register(SIGINT, stop_end)?;
        pipe::register(SIGHUP, reload_end)?;
        stop.set_nonblocking(true)?;
        reload.set_nonblocking(true)?;
        let mut links = Socket::new(NETLINK_ROUTE)?;
        links.bind(&SocketAddr::new(0, RTMGRP_LINK))?;
        links.set_non_blocking(true)?;
        Ok(Self { stop, reload, links })
    }

    /// Sleeps until there is something to do, or for `limit` at most.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn wait(&self, control: &UnixListener, limit: Option<Duration>) -> io::Result<Woken> {
        let watched = [self.stop.as_fd(), self.reload.as_fd(), self.links.as_fd(), control.as_fd()];
        let mut polled = watched.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut polled, limit.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Woken::default()),
            Err(error) => return Err(error.into()),
        }
        let [stop, reload, links, asked] = polled.map(|polled| !polled.revents().is_empty());
        Ok(Woken {
            stop: stop && empty(&self.stop),
            reload: reload && empty(&self.reload),
            links: links && self.read_links(),
            asked,
        })
    }

    fn read_links(&self) -> bool {
        let mut buffer = Vec::with_capacity(16_384);
        // Lost notices (ENOBUFS) are a notice, too.
        while !matches!(self.links.recv(&mut buffer, 0), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        {
            buffer.clear();
        }
        true
    }
}

/// Empties a signal's pipe; whether there was anything in it.
fn empty(mut pipe: &UnixStream) -> bool {
    let (mut bytes, mut any) = ([0; 64], false);
    while pipe.read(&mut bytes).is_ok_and(|count| count > 0) {
        any = true;
    }
    any
}
