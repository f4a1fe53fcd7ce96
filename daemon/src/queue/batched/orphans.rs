//! Taking over the socket of a process that is gone.
//!
//! Its last batch is still in the kernel, read but unjudged: nobody will be handed those packets again,
//! and the first range verdict would take them with it. They are dropped before anything else. What was not
//! read is in the socket, with higher ids, and lost to nobody.

use std::{io, time::Duration};

use nix::sys::socket::MultiHeaders;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Batched, ROOM};
use crate::{
    netlink::{Content, Message},
    queue::{
        QueueStatus, Verdict,
        codec::{self, Scope},
    },
};

/// A packet is numbered an instant before it is in the socket; this is many instants.
const INSTANT: Duration = Duration::from_millis(5);
const NO_ENTRY: i32 = 2; // ENOENT

/// Whether the kernel says that a verdict was for no packet at all.
pub(super) fn none(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_ENTRY)
}

impl Batched {
    /// Drops what was read but not judged, and tells how many packets that were; 0 where the kernel's
    /// count can't be read.
    pub(super) fn drop_orphans(&mut self, headers: &mut MultiHeaders<()>) -> io::Result<u64> {
        let before = QueueStatus::of(self.number);
        // Whatever waits below the first packet that can still be read is an orphan; if none can be, so is
        // all that had a number before we looked.
        let all = before.map_or(0, |queue| queue.last_id());
        let last = self.first_unread(headers)?.map_or(all, |id| id.wrapping_sub(1));
        codec::put_verdict(&mut self.verdicts, self.number, Scope::UpTo(last), Verdict::Drop);
        self.send()?;
        self.pardoned = true;
        let after = QueueStatus::of(self.number);
        Ok(before.zip(after).map_or(0, |(before, after)| answered_between(before, after)))
    }

    /// The id of the first packet in the socket. What is received on the way to it stays in the buffer.
    fn first_unread(&mut self, headers: &mut MultiHeaders<()>) -> io::Result<Option<u32>> {
        while readable(self)? {
            self.receive(headers)?;
            let datagrams = self.buffer.chunks_exact(ROOM).zip(&self.received);
            let first = datagrams.filter_map(|(datagram, &length)| first_id(&datagram[..length])).next();
            if first.is_some() {
                return Ok(first);
            }
            // Nothing but answers to what the dead process sent.
            self.received.clear();
        }
        Ok(None)
    }
}

fn readable(queue: &Batched) -> io::Result<bool> {
    let mut polled = [PollFd::new(&queue.socket, PollFlags::IN)];
    let limit = Timespec::try_from(INSTANT).ok();
    Ok(poll(&mut polled, limit.as_ref())? > 0)
}

fn first_id(mut datagram: &[u8]) -> Option<u32> {
    while let Some((message, rest)) = Message::split(datagram) {
        if let Content::Object(codec::PACKET, _, attributes) = message.content() {
            return codec::packet(attributes).map(|(id, _)| id);
        }
        datagram = rest;
    }
    None
}

/// Packets that were answered, while others may have come.
const fn answered_between(before: QueueStatus, after: QueueStatus) -> u64 {
    let numbered = after.packets.saturating_sub(before.packets);
    let lost = after.dropped_unsent.saturating_sub(before.dropped_unsent);
    let would_wait = before.waiting as u64 + numbered.saturating_sub(lost);
    would_wait.saturating_sub(after.waiting as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphans_are_told_from_packets_that_come_meanwhile() {
        let status = |waiting, packets, dropped_unsent| QueueStatus {
            number: 7300,
            port_id: 1,
            waiting,
            dropped_full: 0,
            dropped_unsent,
            packets,
        };
        assert_eq!(answered_between(status(70, 500, 0), status(6, 500, 0)), 64);
        assert_eq!(answered_between(status(70, 500, 0), status(16, 510, 0)), 64);
        assert_eq!(answered_between(status(70, 500, 3), status(14, 510, 5)), 64, "two of ten found no room");
        assert_eq!(answered_between(status(0, 500, 0), status(2, 502, 0)), 0);
    }
}
