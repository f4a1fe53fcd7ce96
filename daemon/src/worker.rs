//! The packet loop: receive, judge, answer. No lock, no log, no system call but those two.

use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::Thread,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use nfq::{Message, Queue, Verdict};
use portcullis_rules::{Headers, Hook};

use crate::{
    counters::Counters, event::Event, generation::Generation, interfaces::Interfaces, judge::Packet,
    mark::MarkLayout,
};

/// After so many failed receives in a row the queue is taken to be gone.
const HOPELESS: u32 = 1000;

/// One queue's worker.
#[derive(Debug)]
pub struct Worker {
    /// The queue's number.
    pub number: u16,
    /// The layout of the marks.
    pub layout: MarkLayout,
    /// The generation to judge by.
    pub live: Arc<ArcSwap<Generation>>,
    /// Names of interfaces.
    pub interfaces: Interfaces,
    /// The way to the recorder.
    pub events: rtrb::Producer<Event>,
    /// The recorder, to be woken.
    pub recorder: Thread,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Whether the queue passes packets when it is full.
    pub fail_open: bool,
}

impl Worker {
    /// Judges packets until the queue is gone.
    ///
    /// # Errors
    /// The last of many failures in a row to receive.
    pub fn run(mut self, mut queue: Queue) -> io::Result<()> {
        let mut failures = 0;
        loop {
            match queue.recv() {
                Ok(message) => {
                    failures = 0;
                    self.answer(&mut queue, message);
                }
                // Lost packets and refused verdicts are reported on this socket, too.
                Err(error) if failures == HOPELESS => return Err(error),
                Err(_) => {
                    failures += 1;
                    self.counters.errors.fetch_add(1, Relaxed);
                }
            }
        }
    }

    fn answer(&mut self, queue: &mut Queue, mut message: Message) {
        let generation = self.live.load_full();
        if self.fail_open != generation.fail_open
            && queue.set_fail_open(self.number, generation.fail_open).is_ok()
        {
            self.fail_open = generation.fail_open;
        }
        let mark = message.get_nfmark();
        let hook = hook(message.get_hook());
        let (Some(hook), Some(question)) = (hook, self.layout.read_question(mark)) else {
            // Nothing of ours sent it here: somebody else's rule uses our queue.
            self.counters.errors.fetch_add(1, Relaxed);
            message.set_verdict(Verdict::Drop);
            let _ = queue.verdict(message);
            return;
        };
        let length = u32::try_from(message.get_original_len()).unwrap_or(u32::MAX);
        let packet = Packet {
            hook,
            question,
            in_interface: self.interfaces.name(message.get_indev()),
            out_interface: self.interfaces.name(message.get_outdev()),
            user: message.get_uid(),
            headers: Headers::parse(message.get_payload(), length),
        };
        let judgement = packet.judge(&generation);
        match judgement.answer {
            None => message.set_verdict(Verdict::Drop),
            Some(answer) => {
                message.set_nfmark(self.layout.with_answer(mark, answer));
                message.set_verdict(Verdict::Repeat);
            }
        }
        if queue.verdict(message).is_err() {
            self.counters.errors.fetch_add(1, Relaxed);
        }
        self.counters.count(judgement.action, judgement.reason);
        self.report(Event {
            time: Timestamp::now(),
            hook,
            in_interface: packet.in_interface,
            out_interface: packet.out_interface,
            headers: packet.headers.ok(),
            length,
            state: question.state,
            returning: packet.returning(),
            action: judgement.action,
            cause: judgement.cause,
            reason: judgement.reason,
            generation,
        });
    }

    fn report(&mut self, event: Event) {
        match self.events.push(event) {
            Ok(()) => self.recorder.unpark(),
            Err(_) => drop(self.counters.events_lost.fetch_add(1, Relaxed)),
        }
    }
}

/// `enum nf_inet_hooks`, `linux/netfilter.h`.
const fn hook(number: u8) -> Option<Hook> {
    match number {
        1 => Some(Hook::Input),
        2 => Some(Hook::Forward),
        3 => Some(Hook::Output),
        _ => None,
    }
}
