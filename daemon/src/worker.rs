//! The packet loop: receive, judge, answer. No lock, no log, no system call but those two.

use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use portcullis_rules::{Headers, Hook};

use crate::{
    counters::Counters,
    event::{Event, Reporter},
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
    /// Its place in [`Generation::hits`].
    pub number: usize,
    /// The layout of the marks.
    pub layout: MarkLayout,
    /// Where generations are published.
    pub live: Arc<ArcSwap<Generation>>,
    /// The batch at hand.
    pub batch: Option<Batch>,
    /// Names of interfaces.
    pub interfaces: Interfaces,
    /// The way to the recorder.
    pub reporter: Reporter,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// How the queue behaves.
    pub settings: Settings,
}

/// What holds for all packets of a batch. Between batches a worker holds on to nothing, or an idle
/// one would keep an old table alive.
#[derive(Debug)]
pub struct Batch {
    generation: Arc<Generation>,
    time: Timestamp,
    /// When it was received, by a clock that nobody sets, and what had been judged then.
    received: Instant,
    judged: u64,
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
}

impl Judge for Worker {
    fn begin(&mut self) {
        self.batch = Some(Batch {
            generation: self.live.load_full(),
            time: Timestamp::now(),
            received: Instant::now(),
            judged: self.counters.judged(),
        });
    }

    fn judge(&mut self, queued: &Queued<'_>) -> Verdict {
        let (Some(Batch { generation, time, .. }), Some(hook), Some(question)) =
            (&self.batch, hook(queued.hook), self.layout.read_question(queued.mark))
        else {
            // Nothing of ours sent it here: somebody else's rule uses our queue.
            self.refused();
            return Verdict::Drop;
        };
        let packet = Packet {
            time: *time,
            hook,
            question,
            in_interface: self.interfaces.name(queued.in_interface),
            out_interface: self.interfaces.name(queued.out_interface),
            user: queued.user,
            headers: Headers::parse(queued.bytes, queued.length),
        };
        let judgement = packet.judge(generation);
        self.counters.count(hook, judgement.action, judgement.reason);
        if let (Some(cause), Some(hits)) = (judgement.cause, generation.hits.get(self.number)) {
            hits.count(cause, hook, *time);
        }
        let event = Event {
            time: *time,
            hook,
            in_interface: packet.in_interface,
            out_interface: packet.out_interface,
            user: queued.user,
            sender: queued.sender,
            asked_for: queued.asked_for.filter(|_| !question.reply),
            headers: packet.headers.ok(),
            ends: if packet.headers.is_ok() { None } else { Headers::addresses(queued.bytes) },
            length: queued.length,
            state: question.state,
            reply: question.reply,
            returning: packet.returning(),
            action: judgement.action,
            cause: judgement.cause,
            reason: judgement.reason,
            generation: (),
        };
        self.reporter.report(event, generation);
        match judgement.answer {
            None => Verdict::Drop,
            Some(answer) => Verdict::Repeat { mark: self.layout.with_answer(queued.mark, answer) },
        }
    }

    fn refused(&mut self) {
        self.counters.errors.fetch_add(1, Relaxed);
    }

    fn orphaned(&mut self, packets: u64) {
        self.counters.orphans.fetch_add(packets, Relaxed);
    }

    fn end(&mut self) {
        if let Some(Batch { received, judged, .. }) = self.batch {
            self.counters.latency.count(self.counters.judged() - judged, received.elapsed());
        }
        self.reporter.end();
    }

    fn new_settings(&mut self) -> Option<Settings> {
        let Batch { generation, .. } = self.batch.take()?;
        let Generation { fail_open, connections, .. } = *generation;
        let wanted = Settings { fail_open, connections, ..self.settings };
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
