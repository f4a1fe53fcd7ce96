//! A queue read in batches: one system call takes up to 64 packets, one more answers them all.

mod length;
mod orphans;

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{
    MsgFlags, MultiHeaders, recvmmsg, setsockopt,
    sockopt::{RcvBuf, RcvBufForce},
};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use self::length::Length;
use super::{
    COPY_RANGE, Judge, LENGTH, Settings, Verdict,
    codec::{self, Scope},
    tells_connections,
};
use crate::netlink::{Content, Message};

/// The most packets of a batch.
const BATCH: usize = 64;
/// Room for a datagram: a packet's first bytes, and all attributes that the kernel may add.
const ROOM: usize = COPY_RANGE as usize + 768;
/// Kernel memory for one packet that waits to be received; the default would hold a few hundred.
const KERNEL_ROOM: usize = 2048;

/// A bound queue.
#[derive(Debug)]
pub(super) struct Batched {
    number: u16,
    socket: OwnedFd,
    buffer: Box<[u8]>,
    /// Lengths of the datagrams in the buffer.
    received: Vec<usize>,
    decided: Vec<(u32, Verdict)>,
    verdicts: Vec<u8>,
    length: Length,
    /// The kernel can tell a packet's connection.
    connections: bool,
    /// A packet could not even be named, so it waits for ever: a range verdict would accept it.
    blind: bool,
    /// Another process read from this socket before.
    inherited: bool,
    /// The kernel may answer that there was no orphan to drop; that is no error.
    pardoned: bool,
}

impl Batched {
    /// Binds queue `number`. Packets that come before this returns are judged first.
    pub(super) fn bind(number: u16, settings: Settings) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // A full buffer drops packets, and says so in the queue's counters, not by an error.
        socket.set_no_enobufs(true)?;
        let room = KERNEL_ROOM * LENGTH as usize;
        setsockopt(&socket, RcvBufForce, &room).or_else(|_| setsockopt(&socket, RcvBuf, &room))?;
        // A socket that can be owned whoever made it.
        let mut queue = Self::over(number, socket.as_fd().try_clone_to_owned()?);
        let settings = queue.possible(settings);
        codec::put_bind(&mut queue.verdicts, number, settings);
        queue.send()?;
        queue.await_acknowledgement()?;
        Ok(queue)
    }

    /// Goes on with the `socket` of a process that is gone, to which queue `number` is bound.
    pub(super) fn inherit(number: u16, socket: OwnedFd, settings: Settings) -> io::Result<Self> {
        let mut queue = Self { inherited: true, ..Self::over(number, socket) };
        let settings = queue.possible(settings);
        codec::put_settings(&mut queue.verdicts, number, settings);
        codec::put_length(&mut queue.verdicts, number, LENGTH);
        queue.send()?;
        Ok(queue)
    }

    fn over(number: u16, socket: OwnedFd) -> Self {
        Self {
            number,
            socket,
            buffer: vec![0; BATCH * ROOM].into(),
            received: Vec::with_capacity(BATCH),
            decided: Vec::with_capacity(BATCH),
            verdicts: Vec::with_capacity(BATCH * 64),
            length: Length::default(),
            connections: false,
            blind: false,
            inherited: false,
            pardoned: false,
        }
    }

    /// These settings, as far as the kernel has them: it would refuse all of them for one that it hasn't.
    fn possible(&mut self, settings: Settings) -> Settings {
        self.connections = tells_connections();
        Settings { connections: settings.connections && self.connections, ..settings }
    }

    /// Sends, all at once, the messages that were written.
    fn send(&mut self) -> io::Result<()> {
        let sent = if self.verdicts.is_empty() {
            Ok(0)
        } else {
            send(&self.socket, &self.verdicts, SendFlags::empty())
        };
        self.verdicts.clear();
        Ok(sent.map(drop)?)
    }

    /// The first packets may be here before the kernel's answer is: they stay in the buffer.
    fn await_acknowledgement(&mut self) -> io::Result<()> {
        for datagram in self.buffer.chunks_exact_mut(ROOM) {
            let (length, _) = recv(&self.socket, &mut *datagram, RecvFlags::empty())?;
            self.received.push(length);
            match Message::split(&datagram[..length]).map(|(message, _)| message.content()) {
                Some(Content::Done) => return Ok(()),
                Some(Content::Failed(error)) => return Err(error),
                _ => {}
            }
        }
        // So many packets come from a queue that is bound.
        Ok(())
    }

    /// Answers packets until something fails.
    pub(super) fn serve(&mut self, judge: &mut impl Judge) -> io::Result<()> {
        let mut headers = MultiHeaders::preallocate(BATCH, None);
        if self.inherited {
            let orphans = self.drop_orphans(&mut headers)?;
            self.inherited = false;
            judge.orphaned(orphans);
        }
        loop {
            if self.received.is_empty() {
                self.receive(&mut headers)?;
            }
            let new_length = self.length.after(self.received.len());
            self.answer(judge)?;
            if let Some(settings) = judge.new_settings() {
                let connections = settings.connections && self.connections;
                let settings = Settings { connections, ..settings };
                codec::put_settings(&mut self.verdicts, self.number, settings);
            }
            if let Some(length) = new_length {
                codec::put_length(&mut self.verdicts, self.number, length);
            }
            self.send()?;
        }
    }

    /// Waits for a packet, and takes all that are there.
    fn receive(&mut self, headers: &mut MultiHeaders<()>) -> io::Result<()> {
        let mut room = self.buffer.chunks_exact_mut(ROOM);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(room.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_WAITFORONE;
        let received = recvmmsg(self.socket.as_raw_fd(), headers, &mut slices, flags, None)?;
        self.received.extend(received.map(|message| message.bytes.min(ROOM)));
        Ok(())
    }

    /// Has the received packets judged, and sends their verdicts.
    fn answer(&mut self, judge: &mut impl Judge) -> io::Result<()> {
        judge.begin();
        self.decided.clear();
        for (datagram, length) in self.buffer.chunks_exact(ROOM).zip(self.received.drain(..)) {
            let mut rest = &datagram[..length];
            while !rest.is_empty() {
                let Some((message, after)) = Message::split(rest) else {
                    self.blind = true;
                    break;
                };
                rest = after;
                match message.content() {
                    Content::Object(codec::PACKET, _, attributes) => match codec::packet(attributes) {
                        Some((id, packet)) => self.decided.push((id, judge.judge(&packet))),
                        None => self.blind = true,
                    },
                    Content::Failed(error) if self.pardoned && orphans::none(&error) => self.pardoned = false,
                    Content::Failed(_) => judge.refused(),
                    Content::Object(..) | Content::Done => {}
                }
            }
        }
        put_verdicts(&mut self.verdicts, self.number, &self.decided, self.blind);
        let sent = self.send();
        judge.end();
        sent
    }
}

impl AsFd for Batched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The verdicts of a batch: the most frequent one for all that wait up to the last of its packets, and
/// before it, one by one, those that differ. Packets of earlier batches are answered already, and
/// later ones have higher ids, so nothing unjudged is in its range.
fn put_verdicts(out: &mut Vec<u8>, number: u16, decided: &[(u32, Verdict)], blind: bool) {
    let common = if blind { None } else { majority(decided) };
    for &(id, verdict) in decided.iter().filter(|(_, verdict)| Some(*verdict) != common) {
        codec::put_verdict(out, number, Scope::One(id), verdict);
    }
    let last = decided.iter().rev().find(|(_, verdict)| Some(*verdict) == common);
    if let Some(&(id, verdict)) = last {
        codec::put_verdict(out, number, Scope::UpTo(id), verdict);
    }
}

/// The verdict that more than half of the packets have, or else one of them (Boyer and Moore, "MJRTY:
/// A Fast Majority Vote Algorithm", 1991).
fn majority(decided: &[(u32, Verdict)]) -> Option<Verdict> {
    let mut candidate = (None, 0u32);
    for &(_, verdict) in decided {
        candidate = match candidate {
            (_, 0) => (Some(verdict), 1),
            (Some(same), votes) if same == verdict => (Some(same), votes + 1),
            (other, votes) => (other, votes - 1),
        };
    }
    candidate.0
}

#[cfg(test)]
mod tests;
