//! The packet loop: receive, judge, answer. No lock, no log, no system call but those two.

use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::Thread,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use portcullis_rules::{Headers, Hook};

use crate::{
    counters::Counters,
    event::Event,
    generation::Generation,
    interfaces::Interfaces,
    judge::Packet,
    mark::MarkLayout,
    queue::{Judge, Queue, Queued, Settings, Verdict},
};

/// After so many failures in a row the queue is taken to be gone.
const HOPELESS: u32 = 1000;

/// One queue's worker.
#[derive(Debug)]
pub struct Worker {
    /// The layout of the marks.
    pub layout: MarkLayout,
    /// Where generations are published.
    pub live: Arc<ArcSwap<Generation>>,
    /// The generation that judges this batch.
    pub generation: Arc<Generation>,
    /// Names of interfaces.
    pub interfaces: Interfaces,
    /// The way to the recorder.
    pub events: rtrb::Producer<Event>,
    /// The recorder, to be woken.
    pub recorder: Thread,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// How the queue behaves.
    pub settings: Settings,
}

impl Worker {
    /// Judges packets until the queue is gone.
    ///
    /// # Errors
    /// The last of many failures without a packet between them.
    pub fn run(mut self, mut queue: Queue) -> io::Result<()> {
        let mut failures = 0;
        loop {
            let judged = self.counters.judged();
            if let Err(error) = queue.serve(&mut self) {
                self.refused();
                failures = if self.counters.judged() == judged { failures + 1 } else { 0 };
                if failures == HOPELESS {
                    return Err(error);
                }
            }
        }
    }

    fn report(&mut self, event: Event) {
        if self.events.push(event).is_err() {
            self.counters.events_lost.fetch_add(1, Relaxed);
        }
    }
}

impl Judge for Worker {
    fn begin(&mut self) {
        self.generation = self.live.load_full();
    }

    fn judge(&mut self, queued: &Queued<'_>) -> Verdict {
        let (Some(hook), Some(question)) = (hook(queued.hook), self.layout.read_question(queued.mark)) else {
            // Nothing of ours sent it here: somebody else's rule uses our queue.
            self.refused();
            return Verdict::Drop;
        };
        let packet = Packet {
            hook,
            question,
            in_interface: self.interfaces.name(queued.in_interface),
            out_interface: self.interfaces.name(queued.out_interface),
            user: queued.user,
            headers: Headers::parse(queued.bytes, queued.length),
        };
        let judgement = packet.judge(&self.generation);
        self.counters.count(judgement.action, judgement.reason);
        self.report(Event {
            time: Timestamp::now(),
            hook,
            in_interface: packet.in_interface,
            out_interface: packet.out_interface,
            headers: packet.headers.ok(),
            length: queued.length,
            state: question.state,
            returning: packet.returning(),
            action: judgement.action,
            cause: judgement.cause,
            reason: judgement.reason,
            generation: Arc::clone(&self.generation),
        });
        match judgement.answer {
            None => Verdict::Drop,
            Some(answer) => Verdict::Repeat { mark: self.layout.with_answer(queued.mark, answer) },
        }
    }

    fn refused(&mut self) {
        self.counters.errors.fetch_add(1, Relaxed);
    }

    fn end(&mut self) {
        self.recorder.unpark();
    }

    fn new_settings(&mut self) -> Option<Settings> {
        let wanted = Settings { fail_open: self.generation.fail_open, ..self.settings };
        let changed = wanted != self.settings;
        self.settings = wanted;
        changed.then_some(wanted)
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
