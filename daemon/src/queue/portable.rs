//! A queue through the `nfq` crate: the portable reference. One packet for each system call.

use std::{fmt, io};

use nfq::{Message, Queue};

use super::{COPY_RANGE, Judge, LENGTH, Queued, Settings, Verdict};

/// A bound queue.
pub(super) struct Portable {
    number: u16,
    queue: Queue,
}

impl Portable {
    /// Binds queue `number`. Packets that come before this returns are lost to the crate, and wait
    /// until this process ends.
    pub(super) fn bind(
        number: u16,
        Settings { gso, fail_open, connections: _ }: Settings,
    ) -> io::Result<Self> {
        let mut queue = Queue::open()?;
        queue.bind(number)?;
        queue.set_copy_range(number, COPY_RANGE)?;
        queue.set_queue_max_len(number, LENGTH)?;
        queue.set_recv_gso(number, gso)?;
        queue.set_recv_uid_gid(number, true)?;
        queue.set_fail_open(number, fail_open)?;
        Ok(Self { number, queue })
    }

    /// Answers packets until something fails.
    pub(super) fn serve(&mut self, judge: &mut impl Judge) -> io::Result<()> {
        loop {
            let mut message = self.queue.recv()?;
            judge.begin();
            match judge.judge(&queued(&message)) {
                Verdict::Drop => message.set_verdict(nfq::Verdict::Drop),
                Verdict::Repeat { mark } => {
                    message.set_nfmark(mark);
                    message.set_verdict(nfq::Verdict::Repeat);
                }
            }
            let answered = self.queue.verdict(message);
            judge.end();
            answered?;
            if let Some(Settings { fail_open, .. }) = judge.new_settings() {
                self.queue.set_fail_open(self.number, fail_open)?;
            }
        }
    }
}

impl fmt::Debug for Portable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portable").field("number", &self.number).finish_non_exhaustive()
    }
}

fn queued(message: &Message) -> Queued<'_> {
    Queued {
        hook: message.get_hook(),
        mark: message.get_nfmark(),
        in_interface: message.get_indev(),
        out_interface: message.get_outdev(),
        user: message.get_uid(),
        sender: message.get_hw_addr().and_then(|address| address.try_into().ok()),
        // The crate can't ask for it.
        asked_for: None,
        length: u32::try_from(message.get_original_len()).unwrap_or(u32::MAX),
        bytes: message.get_payload(),
    }
}
