//! What a worker tells the recorder, and what it keeps to itself.
//!
//! Packets that are refused are told, one by one. Of those that are accepted, first contacts are,
//! once: a detector wants to know who got in. What comes by again, packet for packet of a flow that
//! only one side talks in, would tell nothing new. All of it is bounded; what is left out is counted,
//! accepted packets first. Every packet is in the counters of its verdict, whatever is told of it.

use std::{
    hash::BuildHasher as _,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::Thread,
};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use portcullis_rules::{Action, Headers};

use super::{
    Event,
    reports::{ROOM, ToRecorder, Told},
};
use crate::{counters::Counters, generation::Generation, log::PerSecond};

/// Accepted packets that are told in a second.
const ACCEPTED_A_SECOND: u32 = 8192;
/// Refused packets that are told in a second: what the recorder can look at beside a worker that
/// has all of a processor.
const REFUSED_A_SECOND: u32 = 65_536;
/// Flows that are remembered as told.
const FLOWS: usize = 8192;
/// So long, in seconds, a flow counts as the same contact.
const SAME_CONTACT: i64 = 10;

/// A worker's way to the recorder. It takes no lock and allocates nothing.
#[derive(Debug)]
pub struct Reporter {
    ring: ToRecorder,
    recorder: Thread,
    counters: Arc<Counters>,
    /// The generation that the recorder knows of, by its number.
    told: Option<u64>,
    accepted: PerSecond,
    refused: PerSecond,
    contacts: Contacts,
    waits: bool,
}

impl Reporter {
    /// Tells `recorder` through `ring`.
    pub fn new(ring: ToRecorder, recorder: Thread, counters: Arc<Counters>) -> Self {
        Self {
            ring,
            recorder,
            counters,
            told: None,
            accepted: PerSecond::new(ACCEPTED_A_SECOND),
            refused: PerSecond::new(REFUSED_A_SECOND),
            contacts: Contacts::default(),
            waits: false,
        }
    }

    /// Tells of a packet that `generation` judged, if anybody wants to know.
    pub fn report(&mut self, event: Event<()>, generation: &Arc<Generation>) {
        if event.action == Action::Accept && !generation.logs_accepted(event.cause) {
            self.accepted(event, generation);
        } else if !self.refused.take(event.time) || !self.push(event, generation) {
            self.counters.events_lost.fetch_add(1, Relaxed);
        }
    }

    fn accepted(&mut self, event: Event<()>, generation: &Arc<Generation>) {
        if event.returning || !self.contacts.is_new(&event) {
            return;
        }
        // Half of the ring is for what was refused.
        let room = self.ring.0.slots() > ROOM / 2;
        if !room || !self.accepted.take(event.time) || !self.push(event, generation) {
            self.counters.contacts_left_out.fetch_add(1, Relaxed);
        }
    }

    fn push(&mut self, event: Event<()>, generation: &Arc<Generation>) -> bool {
        if self.told != Some(generation.number) {
            if self.ring.0.push(Told::Generation(Arc::clone(generation))).is_err() {
                return false;
            }
            self.told = Some(generation.number);
        }
        self.waits = true;
        self.ring.0.push(Told::Packet(event)).is_ok()
    }

    /// A batch is over: wakes the recorder, if there is something for it.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.recorder.unpark();
        }
    }
}

/// The flows whose first packet was told lately: a table of fingerprints, each in the one place that
/// its hash names. Two flows in one place are both told again and again, which is harmless; that one
/// is taken for the other would need 45 equal bits under a secret seed.
#[derive(Debug)]
struct Contacts {
    seed: RandomState,
    prints: Box<[u32; FLOWS]>,
    since: Timestamp,
}

impl Default for Contacts {
    fn default() -> Self {
        Self { seed: RandomState::default(), prints: Box::new([0; FLOWS]), since: Timestamp::UNIX_EPOCH }
    }
}

impl Contacts {
    fn is_new(&mut self, event: &Event<()>) -> bool {
        let Some(headers) = &event.headers else { return true };
        if (event.time.as_second() - self.since.as_second()).abs() >= SAME_CONTACT {
            self.prints.fill(0);
            self.since = event.time;
        }
        let Headers { source, destination, protocol, .. } = headers;
        let flow = (event.hook, source, destination, protocol, headers.ports(), headers.icmp());
        let hash = self.seed.hash_one(flow);
        let [a, b, c, d, low @ ..] = hash.to_be_bytes();
        let (print, place) = (u32::from_be_bytes([a, b, c, d]) | 1, u32::from_be_bytes(low) as usize % FLOWS);
        std::mem::replace(&mut self.prints[place], print) != print
    }
}
