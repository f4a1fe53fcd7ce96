//! The ring between a worker and the recorder, as the recorder sees it.

use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use super::Event;
use crate::generation::Generation;

/// What may wait for the recorder, for each worker.
pub(super) const ROOM: usize = 8192;

/// What a worker puts into its ring.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would be allocated for each packet")]
pub(super) enum Told {
    /// From here on, this generation judges.
    Generation(Arc<Generation>),
    /// A packet was judged.
    Packet(Event<()>),
}

/// A worker's end of its ring; [`super::Reporter`] writes to it.
#[derive(Debug)]
pub struct ToRecorder(pub(super) Producer<Told>);

/// A ring, for one worker.
pub fn ring() -> (ToRecorder, Reports) {
    let (producer, consumer) = RingBuffer::new(ROOM);
    (ToRecorder(producer), Reports { ring: consumer, generation: None })
}

/// The recorder's end: the events of one worker, in their order.
#[derive(Debug)]
pub struct Reports {
    ring: Consumer<Told>,
    generation: Option<Arc<Generation>>,
}

impl Reports {
    /// How many may be taken now; generations among them count, too.
    pub fn waiting(&self) -> usize {
        self.ring.slots()
    }

    /// Takes the next event, if there is one.
    pub fn take(&mut self) -> Option<Event> {
        loop {
            match (self.ring.pop().ok()?, &self.generation) {
                (Told::Generation(generation), _) => self.generation = Some(generation),
                (Told::Packet(event), Some(generation)) => return Some(event.by(Arc::clone(generation))),
                // A worker tells its generation first.
                (Told::Packet(_), None) => {}
            }
        }
    }
}
