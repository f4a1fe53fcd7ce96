//! Sources that have tried a door, in a table that never grows.

mod doorkeeper;

use self::doorkeeper::Doorkeeper;
use super::{
    keyed::Keyed,
    source::{Kind, Source},
    table::table,
    time::{FAST, SLOW, Tenths},
};

/// Buckets of the table; 16,384 records in all, 1 MiB.
const BUCKETS: usize = 2048;
/// Records in a bucket.
const WAYS: usize = 8;
/// Doors remembered for a source, so that a retry is none: as many as an alert needs, and some more.
const DOORS: usize = 8;
/// What honest contacts can outweigh, at most, of the fast and of the slow score.
const MOST_CREDIT: (f32, f32) = (5.0, 7.0);

/// Five minutes, in seconds.
const PAUSE: f32 = 300.0;

/// What is known of one source: a line of the cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Record {
    bits: u64,
    /// The first packet's number.
    pub(super) first_packet: u32,
    pub(super) first: Tenths,
    pub(super) last: Tenths,
    fast: f32,
    slow: f32,
    credit: f32,
    /// A bit for each of the addresses of a /64, or of the sources of a network, by their hash.
    pub(super) faces: u32,
    doors: [u16; DOORS],
    /// Doors tried, each once.
    pub(super) tried: u16,
    /// The open incident, and one; 0 for none.
    pub(super) incident: u8,
    kind: Option<Kind>,
    /// Families of ports that were tried, as bits.
    pub(super) families: u8,
    /// Doors that others tried in the same moment.
    pub(super) echoes: u8,
    /// Services where it has completed a handshake, as bits by their hash.
    pub(super) opened: u8,
    /// The first host that it tried, by 16 bits of a hash.
    pub(super) host: u16,
    /// When it was turned away last, in seconds modulo 18 hours.
    blamed: u16,
    /// Signs of operating system detection, as bits.
    pub(super) signs: u8,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    fn source(&self) -> Option<Source> {
        self.kind.map(|kind| Source { kind, bits: self.bits })
    }

    /// Whether the door with this hash was tried before.
    pub(super) fn knows(&self, door: u64) -> bool {
        let (mark, tried) = (mark(door), usize::from(self.tried));
        // All of them, whatever the first ones say: that is one comparison.
        self.doors
            .iter()
            .enumerate()
            .fold(false, |known, (place, &door)| known | (door == mark && place < tried))
    }

    /// Takes note of a door that is new to this source.
    pub(super) fn try_door(&mut self, door: u64) {
        self.doors[usize::from(self.tried) % DOORS] = mark(door);
        self.tried = self.tried.saturating_add(1);
    }

    /// Lets everything fade until `now`.
    pub(super) fn fade(&mut self, now: Tenths) {
        if now > self.last {
            self.fast *= now.left(self.last, FAST);
            let slowly = now.left(self.last, SLOW);
            self.slow *= slowly;
            self.credit *= slowly;
            self.last = now;
        }
    }

    /// Counts a door that turned it away: so much for the fast score, and so much for the slow one. What
    /// comes in bursts is the fast score's business: the slow one takes in a door every five minutes, and
    /// of a burst what its time is worth.
    pub(super) fn blame(&mut self, fast: f32, slow: f32, now: Tenths) {
        self.fast += fast;
        #[expect(clippy::cast_possible_truncation, reason = "seconds, modulo 18 hours")]
        let seconds = (now.0 / 10) as u16;
        let since = seconds.wrapping_sub(std::mem::replace(&mut self.blamed, seconds));
        let share = if self.tried <= 1 { 1.0 } else { (f32::from(since) / PAUSE).min(1.0) };
        // Ports for a client's own use say too little to add them up over a day.
        if slow >= 0.5 {
            self.slow += slow * share;
        }
    }

    /// Whether another door turned it away a moment ago.
    pub(super) const fn is_hasty(&self, now: Tenths) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "seconds, modulo 18 hours")]
        let seconds = (now.0 / 10) as u16;
        self.tried > 0 && seconds.wrapping_sub(self.blamed) <= 1
    }

    /// Whether it has tried more doors than a record remembers.
    pub(super) const fn forgets(&self) -> bool {
        self.tried as usize > DOORS
    }

    /// Counts a contact that was welcome.
    pub(super) fn praise(&mut self, weight: f32) {
        self.credit = (self.credit + weight).min(MOST_CREDIT.1);
    }

    /// How suspicious it is: what it was turned away from, lately or over a day, less what it was
    /// welcome to.
    pub(super) fn score(&self) -> f32 {
        let fast = self.fast - self.credit.min(MOST_CREDIT.0);
        fast.max(self.slow - self.credit).max(0.0)
    }

    /// Restores a score that was saved.
    pub(super) fn restore(&mut self, score: f32) {
        (self.fast, self.slow, self.credit) = (score, score, 0.0);
    }

    /// How worth keeping it is.
    fn worth(&self, now: Tenths) -> f32 {
        if self.incident != 0 { f32::INFINITY } else { self.slow.max(self.fast) * now.left(self.last, SLOW) }
    }
}

/// What is remembered of a door.
#[expect(clippy::cast_possible_truncation, reason = "16 bits of a hash")]
const fn mark(door: u64) -> u16 {
    (door >> 13) as u16
}

/// The table of sources, with a doorkeeper before it.
///
/// A bucket that has room takes every newcomer. One that is full takes only who was here before, and
/// in the place of who is least worth keeping: the doorkeeper remembers the last million or so sources
/// that found no room, in a byte each. So millions of sources that knock once push out nobody,
/// and one that comes back finds its place, however slow it is.
#[derive(Debug)]
pub(super) struct Sources {
    keyed: Keyed,
    /// By bucket: a byte of the hash of each record's source, the first one lowest; 0 where there is none. What is
    /// looked at for every contact fits in the innermost cache.
    tags: Box<[u64; BUCKETS]>,
    records: Box<[[Record; WAYS]; BUCKETS]>,
    doorkeeper: Doorkeeper,
    /// A bit for each bucket where a record may belong to an incident.
    concerned: [u64; BUCKETS / 64],
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    bucket: u32,
    way: u8,
}

impl Sources {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self {
            keyed,
            tags: table(),
            records: table(),
            doorkeeper: Doorkeeper::new(),
            concerned: [0; BUCKETS / 64],
        }
    }

    /// Bytes that the tables take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.tags) + size_of_val(&*self.records) + self.doorkeeper.bytes()
    }

    pub(super) fn at(&mut self, place: Place) -> &mut Record {
        &mut self.records[place.bucket as usize][usize::from(place.way)]
    }

    /// The sources whose score is at least `least`.
    pub(super) fn over(&self, least: f32) -> impl Iterator<Item = (Source, &Record)> {
        let records = self.records.iter().flatten();
        records
            .filter(move |record| record.score() >= least)
            .filter_map(|record| Some((record.source()?, record)))
    }

    /// Makes a source part of an incident.
    pub(super) fn join(&mut self, place: Place, incident: u8) {
        self.at(place).incident = incident;
        self.concerned[place.bucket as usize / 64] |= 1 << (place.bucket % 64);
    }

    /// Gives the sources of one incident to another.
    pub(super) fn hand_over(&mut self, part: u8, whole: u8) {
        self.each_of(part, |record| record.incident = whole);
    }

    /// Takes an incident that is over from its sources. What is left of their score, `rest`, is less
    /// than an incident: the next door alone does not open another.
    pub(super) fn release(&mut self, incident: u8, rest: f32) {
        self.each_of(incident, |record| {
            record.incident = 0;
            record.echoes = 0;
            record.restore(record.score().min(rest));
        });
    }

    /// Changes the sources of an incident. Only buckets are looked at that have any: who forges addresses
    /// can begin and end incidents as fast as he likes.
    fn each_of(&mut self, incident: u8, change: impl Fn(&mut Record)) {
        for (word, bits) in self.concerned.iter_mut().enumerate() {
            let mut left = *bits;
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                let records = &mut self.records[word * 64 + bit as usize];
                records.iter_mut().filter(|record| record.incident == incident).for_each(&change);
                if records.iter().all(|record| record.incident == 0) {
                    *bits &= !(1 << bit);
                }
            }
        }
    }

    /// The record of `source`, if there is one.
    pub(super) fn find(&self, source: Source) -> Option<Place> {
        self.locate(source, self.keyed.source(source))
    }

    #[inline]
    fn locate(&self, source: Source, hash: u64) -> Option<Place> {
        let bucket = bucket(hash);
        let mut maybe = equal_bytes(self.tags[bucket], tag(hash));
        while maybe != 0 {
            let way = maybe.trailing_zeros() as usize / 8;
            let Record { bits, kind, .. } = self.records[bucket][way];
            if bits == source.bits && kind == Some(source.kind) {
                return Some(place(bucket, way));
            }
            maybe &= maybe - 1;
        }
        None
    }

    /// The record of `source`, made if there is room for it, or if it was here before.
    pub(super) fn find_or_make(&mut self, source: Source, now: Tenths, packet: u64) -> Option<Place> {
        self.find_or_make_at(source, self.keyed.source(source), now, packet)
    }

    /// The same, where the hash is known.
    #[inline]
    pub(super) fn find_or_make_at(
        &mut self,
        source: Source,
        hash: u64,
        now: Tenths,
        packet: u64,
    ) -> Option<Place> {
        self.locate(source, hash).or_else(|| self.make(source, hash, now, packet))
    }

    /// A record for a source that has none. Not a part of who finds one.
    #[inline(never)]
    fn make(&mut self, source: Source, hash: u64, now: Tenths, packet: u64) -> Option<Place> {
        let bucket = bucket(hash);
        let records = &self.records[bucket];
        let way = match WAYS - self.tags[bucket].leading_zeros() as usize / 8 {
            free @ 0..WAYS => free,
            _ if self.doorkeeper.greet(hash) => {
                let worth = |way: &usize| records[*way].worth(now);
                let least = (0..WAYS).min_by(|a, b| worth(a).total_cmp(&worth(b)))?;
                // A newcomer is worth one door.
                if worth(&least) > 1.0 {
                    return None;
                }
                if let Some(gone) = records[least].source() {
                    let hash = self.keyed.source(gone);
                    self.doorkeeper.greet(hash);
                }
                least
            }
            _ => return None,
        };
        let tags = &mut self.tags[bucket];
        *tags = *tags & !(0xff << (8 * way)) | u64::from(tag(hash)) << (8 * way);
        self.records[bucket][way] = Record {
            bits: source.bits,
            kind: Some(source.kind),
            first: now,
            last: now,
            first_packet: u32::try_from(packet).unwrap_or(u32::MAX),
            ..Record::default()
        };
        Some(place(bucket, way))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "part of a hash")]
fn bucket(hash: u64) -> usize {
    hash as usize % BUCKETS
}

/// What of a hash stands in [`Sources::tags`]: other bits than those that choose the bucket.
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

/// The highest bit of each byte of `bytes` that is `byte`; above the first one, perhaps of others, too (zero bytes
/// in the difference; Hacker's Delight, 6-1).
const fn equal_bytes(bytes: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let differs = bytes ^ (LOW * byte as u64);
    differs.wrapping_sub(LOW) & !differs & (LOW << 7)
}

fn place(bucket: usize, way: usize) -> Place {
    Place { bucket: u32::try_from(bucket).unwrap_or(0), way: u8::try_from(way).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn source(number: u32) -> Source {
        IpAddr::V4(Ipv4Addr::from(number)).into()
    }

    #[test]
    fn millions_of_strangers_push_nobody_out() {
        let mut sources = Sources::new(Keyed::new([1, 2]));
        let now = Tenths(1000);
        let slow = sources.find_or_make(source(7), now, 1).expect("there is room");
        sources.at(slow).blame(2.5, 2.5, now);
        for stranger in 0..1_000_000 {
            if let Some(place) = sources.find_or_make(source(0x0a00_0000 + stranger), now, 1) {
                sources.at(place).blame(1.0, 1.0, Tenths(1000));
            }
        }
        assert_eq!(sources.find(source(7)), Some(slow));
    }

    #[test]
    fn who_comes_back_finds_a_place_in_a_full_table() {
        let mut sources = Sources::new(Keyed::new([1, 2]));
        for stranger in 0..200_000 {
            if let Some(place) = sources.find_or_make(source(0x0a00_0000 + stranger), Tenths(1000), 1) {
                sources.at(place).blame(1.0, 1.0, Tenths(1000));
            }
        }
        let hour = |n: u32| Tenths(1000 + 36_000 * n);
        assert!(sources.find_or_make(source(7), hour(1), 1).is_none());
        assert!(sources.find_or_make(source(7), hour(2), 1).is_some());
    }

    #[test]
    fn a_record_fades_and_remembers_its_doors() {
        let mut record = Record::default();
        for door in 0..20_u64 {
            assert!(!record.knows(door << 13));
            record.try_door(door << 13);
            record.blame(1.0, 1.0, Tenths(10_000));
            assert!(record.knows(door << 13));
        }
        record.praise(100.0);
        assert!((record.score() - 15.0).abs() < 0.01);
        record.fade(Tenths(36_000));
        assert!(record.score() < 13.0, "{}", record.score());
    }
}
