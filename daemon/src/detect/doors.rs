//! Doors, whoever tries them: many sources at one, and floods.

use super::time::{Fading, Tenths};

/// Buckets of the table.
const BUCKETS: usize = 128;
/// Doors in a bucket.
const WAYS: usize = 4;

/// A minute, in tenths of a second: who comes rarely is forgotten slowly.
const HALF: u32 = 600;
/// Being busy is no reason to stay for ever.
const MOST_RANK: f32 = 1000.0;

/// What is known of a door.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    key: u64,
    /// New sources that were turned away; fades in minutes.
    pub(super) strangers: Fading,
    /// Contacts that were turned away; fades in seconds.
    pub(super) refused: Fading,
    /// Handshakes that were not completed; fades in seconds.
    pub(super) unfinished: Fading,
    /// Handshakes that were; fades in seconds.
    pub(super) completed: Fading,
    /// Sources, as bits by their hash.
    pub(super) faces: u64,
    pub(super) first_packet: u64,
    pub(super) first: Tenths,
    /// The open incident, and one; 0 for none.
    pub(super) incident: u8,
    /// How often it was tried; halves every minute, in whole steps.
    rank: f32,
    last: Tenths,
}

impl Crowd {
    /// About how many sources there are, from how many bits they have set (linear counting; Whang et
    /// al. 1990): 64 bits tell up to some two hundred.
    pub(super) fn sources(&self) -> f32 {
        match self.faces.count_zeros() {
            0 => 266.0,
            #[expect(clippy::cast_precision_loss, reason = "at most 64")]
            unset => 64.0 * (64.0 / unset as f32).ln(),
        }
    }

    /// How worth keeping it is, roughly and quickly: it is asked of every door in a bucket.
    fn worth(&self, now: Tenths) -> f32 {
        if self.incident != 0 {
            return f32::INFINITY;
        }
        match now.since(self.last) / HALF {
            0 => self.rank,
            steps @ 1..32 => self.rank / (1_u64 << steps) as f32,
            _ => 0.0,
        }
    }
}

/// The doors that are tried most.
#[derive(Debug)]
pub(super) struct Doors(Box<[[Option<Crowd>; WAYS]]>);

impl Doors {
    pub(super) fn new() -> Self {
        Self(vec![[None; WAYS]; BUCKETS].into_boxed_slice())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// The door with this hash. The one that is tried least makes room for it, unless all of a bucket
    /// are busier than a first call.
    pub(super) fn at(&mut self, key: u64, now: Tenths, packet: u64) -> Option<&mut Crowd> {
        let bucket = &mut self.0[(key >> 17) as usize % BUCKETS];
        let known = bucket.iter().position(|slot| slot.is_some_and(|crowd| crowd.key == key));
        let way = match known {
            Some(way) => way,
            None => {
                let worth = |slot: &Option<Crowd>| slot.as_ref().map_or(-1.0, |crowd| crowd.worth(now));
                let least = (0..WAYS).min_by(|&a, &b| worth(&bucket[a]).total_cmp(&worth(&bucket[b])))?;
                if worth(&bucket[least]) >= 1.0 {
                    // Who comes often enough wears it down (Misra and Gries 1982).
                    if let Some(crowd) = &mut bucket[least] {
                        crowd.rank -= 0.5;
                    }
                    return None;
                }
                bucket[least] = Some(Crowd {
                    key,
                    strangers: Fading::default(),
                    refused: Fading::default(),
                    unfinished: Fading::default(),
                    completed: Fading::default(),
                    faces: 0,
                    first_packet: packet,
                    first: now,
                    incident: 0,
                    rank: 0.0,
                    last: now,
                });
                least
            }
        };
        let crowd = bucket[way].as_mut()?;
        (crowd.rank, crowd.last) = (crowd.worth(now).min(MOST_RANK) + 1.0, crowd.last.max(now));
        Some(crowd)
    }

    /// Forgets what belongs to an incident that is over.
    pub(super) fn release(&mut self, incident: u8) {
        for crowd in self.0.iter_mut().flatten().flatten() {
            if crowd.incident == incident {
                crowd.incident = 0;
                crowd.faces = 0;
            }
        }
    }
}
