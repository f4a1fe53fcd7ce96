//! One who asks, seen from the daemon: nothing here ever waits.

use std::{
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::{event::PollFlags, process::geteuid};

use super::{
    LONGEST_REQUEST,
    message::{self, Access, Command, Malformed, Response},
};

/// A client that takes longer than this to ask, or to take its answer, is sent away.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection, from its first byte to the last of its answer.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    peer: Peer,
    received: Vec<u8>,
    /// The answer, as far as it is not sent yet.
    unsent: Vec<u8>,
    /// When our patience ends.
    pub(super) end: Instant,
}

/// Who is at the other end, as the kernel says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// Its user.
    user: u32,
    /// Its process, or 0 if that can't be seen from here.
    process: i32,
}

impl Peer {
    fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = getsockopt(stream, PeerCredentials)?;
        Ok(Self { user: credentials.uid(), process: credentials.pid() })
    }

    /// Root, or the daemon's own user, which can do all that the daemon can.
    pub(super) fn may_write(self) -> bool {
        self.user == 0 || self.user == geteuid().as_raw()
    }
}

/// What became of a client for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is to be heard again.
    Waiting,
    /// There is nothing left to do for it.
    Finished,
}

impl Client {
    pub(super) fn new(stream: UnixStream, now: Instant) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let peer = Peer::of(&stream)?;
        Ok(Self { stream, peer, received: Vec::new(), unsent: Vec::new(), end: now + PATIENCE })
    }

    pub(super) const fn peer(&self) -> Peer {
        self.peer
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> PollFlags {
        if self.unsent.is_empty() { PollFlags::IN } else { PollFlags::OUT }
    }

    /// Goes on as far as the socket allows.
    ///
    /// # Errors
    /// When the connection is of no use any more.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        answer: &mut dyn FnMut(Command) -> Response,
    ) -> io::Result<Progress> {
        if self.unsent.is_empty() {
            let Some(request) = self.read()? else { return Ok(self.unless_late(now)) };
            let response = self.answer(request, answer);
            self.unsent = message::line(&response)?;
            // However long it took to answer, the client has its time to take it.
            self.end = Instant::now() + PATIENCE;
        }
        self.write(now)
    }

    fn answer(&self, request: Request, answer: &mut dyn FnMut(Command) -> Response) -> Response {
        let Peer { user, process } = self.peer;
        match request {
            Request::Command(command) if command.access() == Access::Write && !self.peer.may_write() => {
                tracing::warn!("process {process} of user {user} is not permitted to {command:?}");
                Response::NotPermitted(
                    "not permitted: the group portcullis may look, but only root may change anything".into(),
                )
            }
            Request::Command(command) => {
                if command.access() == Access::Write {
                    tracing::info!("process {process} of user {user} asks: {command:?}");
                }
                answer(command)
            }
            Request::TooLong => Response::Refused(format!("a request has at most {LONGEST_REQUEST} bytes")),
            Request::Malformed(malformed) => Response::Refused(malformed.to_string()),
        }
    }

    /// Sends it away with an answer, as far as that fits into the socket.
    pub(super) fn dismiss(mut self, now: Instant, response: &Response) -> io::Result<()> {
        self.unsent = message::line(response)?;
        self.write(now).map(|_| ())
    }

    /// The request, when it is complete.
    fn read(&mut self) -> io::Result<Option<Request>> {
        let mut bytes = [0; 4096];
        loop {
            let count = match (&self.stream).read(&mut bytes) {
                // Whoever closes before the line's end has asked nothing.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let new = &bytes[..count];
            let end = new.iter().position(|&byte| byte == b'\n');
            self.received.extend_from_slice(&new[..end.unwrap_or(count)]);
            if self.received.len() > LONGEST_REQUEST {
                return Ok(Some(Request::TooLong));
            }
            if end.is_some() {
                let parsed = message::parse(&self.received);
                return Ok(Some(parsed.map_or_else(Request::Malformed, Request::Command)));
            }
        }
    }

    fn write(&mut self, now: Instant) -> io::Result<Progress> {
        while !self.unsent.is_empty() {
            match (&self.stream).write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(self.unless_late(now)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Progress::Finished)
    }

    fn unless_late(&self, now: Instant) -> Progress {
        if now < self.end { Progress::Waiting } else { Progress::Finished }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

enum Request {
    Command(Command),
    Malformed(Malformed),
    TooLong,
}
