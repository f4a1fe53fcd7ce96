//! What wakes the control thread: signals, changes of interfaces, and clients.

use std::{
    io::{self, Read as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
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

use super::alarm::Alarm;
use crate::{
    ban::{BanRequest, Requests},
    control::Control,
    hook::{Changes, Notices},
};

const RTMGRP_LINK: u32 = 1; // linux/rtnetlink.h

/// Pipes that signals are written to, the kernel's notices of interface changes, and a timer.
#[derive(Debug)]
pub(super) struct Wakers {
    stop: UnixStream,
    reload: UnixStream,
    links: Socket,
    notices: Notices,
    /// Rings when other rules count.
    pub(super) alarm: Alarm,
    bans: Requests,
}

/// What there is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Woken {
    /// SIGTERM or SIGINT came.
    pub(super) stop: bool,
    /// SIGHUP came.
    pub(super) reload: bool,
    /// Interfaces came, went, or were renamed.
    pub(super) links: bool,
    /// What has become of the kernel's rules.
    pub(super) rules: Changes,
    /// Something changed in the directories of lists.
    pub(super) lists: bool,
    /// Other rules may count now.
    pub(super) alarm: bool,
    /// The detector asks for bans.
    pub(super) bans: bool,
    /// There may be something to do for clients of the control socket.
    pub(super) asked: bool,
}

impl Wakers {
    /// From now on these signals no longer end the process.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn new(bans: Requests) -> io::Result<Self> {
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
        Ok(Self { stop, reload, links, notices: Notices::open()?, alarm: Alarm::new()?, bans })
    }

    /// Sleeps until there is something to do, or for `limit` at most.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn wait(
        &self,
        control: &Control,
        lists: BorrowedFd<'_>,
        limit: Option<Duration>,
    ) -> io::Result<Woken> {
        let ours = [
            self.stop.as_fd(),
            self.reload.as_fd(),
            self.links.as_fd(),
            self.notices.as_fd(),
            self.alarm.as_fd(),
            lists,
            self.bans.as_fd(),
        ];
        let ours = ours.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        let mut polled: Vec<_> = ours.into_iter().chain(control.polled()).collect();
        let patience = control.patience(Instant::now());
        let wait = limit.into_iter().chain(patience).min().and_then(|wait| Timespec::try_from(wait).ok());
        match poll(&mut polled, wait.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Woken::default()),
            Err(error) => return Err(error.into()),
        }
        let mut woken = polled.iter().map(|polled| !polled.revents().is_empty());
        let mut next = || woken.next().unwrap_or(false);
        let (stop, reload, links, rules, alarm, lists, bans) =
            (next(), next(), next(), next(), next(), next(), next());
        Ok(Woken {
            stop: stop && empty(&self.stop),
            reload: reload && empty(&self.reload),
            links: links && self.read_links(),
            rules: if rules { self.notices.read() } else { Changes::default() },
            lists,
            alarm: alarm && self.alarm.rang(),
            bans,
            // Those who only wait have to be looked after, too: their time may be over.
            asked: patience.is_some() || next(),
        })
    }

    /// Forgets what has become of the kernel's rules until now: it was our own doing.
    pub(super) fn forget_rules(&self) {
        self.notices.read();
    }

    /// The bans that are asked for.
    pub(super) fn ban_requests(&self) -> Vec<BanRequest> {
        self.bans.take()
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
