//! IPv6 addresses by the longest prefix that they are in, of those that rules name.
//!
//! Rules name networks here and there and single hosts in them, which no few bits tell apart. Up to the 64th bit,
//! where networks end, what prefix an address is in is searched; beyond it, each length that occurs is a
//! table of its own (Srinivasan, Suri, Varghese: Packet Classification using Tuple Space Search, SIGCOMM 1999). Neither
//! has a branch that nobody could predict.

use std::hint::select_unpredictable;

use super::spread;
use crate::table::slots::Slots;

/// The prefixes into which the rules' ranges fall. All addresses of which one is the longest are in the same ranges,
/// and have one number, counted in the order of the first of these.
#[derive(Debug, Clone)]
pub(in crate::table) struct Prefixes {
    /// By the high halves of addresses, ascending from 0, where another prefix is the longest of those of up to 64 bits.
    networks: Box<[u64]>,
    /// The numbers of these prefixes.
    numbers: Box<[u32]>,
    /// Longer prefixes by their lengths, ascending.
    longer: Box<[Longer]>,
    /// By number, the first address of which this prefix is the longest.
    firsts: Box<[u128]>,
    /// See [`spread`].
    spread: u32,
}

/// All prefixes of one length.
#[derive(Debug, Clone)]
struct Longer {
    mask: u128,
    slots: Slots,
    /// By slot; of one that nobody has, any other's.
    numbers: Box<[u32]>,
}

impl Longer {
    fn bytes(&self) -> usize {
        size_of_val(self) + self.slots.bytes() + size_of_val(&*self.numbers)
    }
}

/// Lengths beyond 64 bits that may occur: hosts, links of two, translated IPv4.
const MOST_LENGTHS: usize = 4;
/// Ranges may have so many pieces more than four each: what is around a network has a hundred.
const MOST_PIECES: usize = 4096;

impl Prefixes {
    /// The prefixes of these ranges; `None` where they have too many pieces, or lengths.
    pub(super) fn new(ranges: &[(u128, u128)]) -> Option<Self> {
        let most = 4 * ranges.len() + MOST_PIECES;
        let mut prefixes = vec![Prefix { first: 0, length: 0 }];
        for &(first, last) in ranges {
            Prefix::append(first, last, &mut prefixes);
            if prefixes.len() > most {
                return None;
            }
        }
        prefixes.sort_unstable();
        prefixes.dedup();
        let mut numbers = vec![None; prefixes.len()];
        let mut firsts = Vec::with_capacity(prefixes.len());
        for (start, prefix) in regions(&prefixes, |_| true) {
            if numbers[prefix].is_none() {
                numbers[prefix] = Some(u32::try_from(firsts.len()).ok()?);
                firsts.push(start);
            }
        }
        // Without a number, a prefix is the longest of no address.
        let longer = prefixes.iter().zip(&numbers).filter(|(prefix, _)| prefix.length > Prefix::NETWORK);
        let mut longer: Vec<(Prefix, u32)> =
            longer.filter_map(|(&prefix, &number)| Some((prefix, number?))).collect();
        longer.sort_by_key(|(prefix, _)| prefix.length);
        let lengths = longer.chunk_by(|(one, _), (other, _)| one.length == other.length);
        if lengths.clone().count() > MOST_LENGTHS {
            return None;
        }
        let longer = lengths.map(|prefixes| {
            let (slots, slot_of) = Slots::new(prefixes.iter().map(|(prefix, _)| prefix.first))?;
            let (prefix, number) = prefixes[0];
            let mut numbers = vec![number; slots.count()];
            for (&(_, number), slot) in prefixes.iter().zip(slot_of) {
                numbers[slot] = number;
            }
            Some(Longer { mask: !host(prefix.length), slots, numbers: numbers.into() })
        });
        let longer = longer.collect::<Option<_>>()?;
        let mut networks = regions(&prefixes, |prefix| prefix.length <= Prefix::NETWORK);
        // The first is at 0, and not searched for; what is added at the end is never passed, or as good as the last.
        let searched = (networks.len()).next_power_of_two();
        let last = networks.last().map(|&(_, prefix)| (u128::MAX, prefix));
        networks.extend(last.into_iter().cycle().take(searched - networks.len()));
        Some(Self {
            networks: networks.iter().skip(1).map(|&(start, _)| high(start)).collect(),
            numbers: networks.iter().map(|&(_, prefix)| numbers[prefix].unwrap_or_default()).collect(),
            longer,
            spread: spread(firsts.len()),
            firsts: firsts.into(),
        })
    }

    /// The number of the longest prefix that `address` is in.
    #[inline]
    pub(super) fn number(&self, address: u128) -> u32 {
        let mut number = self.numbers[at_or_below(&self.networks, high(address))];
        for Longer { mask, slots, numbers } in &self.longer {
            let prefix = address & mask;
            let found = numbers[slots.of(prefix)];
            number = select_unpredictable(self.firsts[found as usize] & mask == prefix, found, number);
        }
        number << self.spread
    }

    /// From the smallest to the largest number of those in a range for which this was made.
    pub(super) fn range(&self, first: u128, last: u128) -> (u32, u32) {
        let from = self.firsts.partition_point(|&start| start < first);
        let after = self.firsts.partition_point(|&start| start <= last);
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX) << self.spread;
        (number(from), number(after.saturating_sub(1)))
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.networks)
            + size_of_val(&*self.numbers)
            + size_of_val(&*self.firsts)
            + self.longer.iter().map(Longer::bytes).sum::<usize>()
    }
}

/// How many of these ascending numbers are at or below `at`, of which there are one less than a power of two.
#[inline]
fn at_or_below(ascending: &[u64], at: u64) -> usize {
    let (mut passed, mut step) = (0, ascending.len().div_ceil(2));
    while step > 0 {
        let next = passed + step;
        passed = select_unpredictable(ascending[next - 1] <= at, next, passed);
        step /= 2;
    }
    passed
}

/// Ordered so that a prefix comes after those that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Prefix {
    first: u128,
    length: u32,
}

impl Prefix {
    /// The length of a network.
    const NETWORK: u32 = 64;

    fn last(self) -> u128 {
        self.first | host(self.length)
    }

    /// Adds the fewest prefixes that are this range together.
    fn append(mut first: u128, last: u128, prefixes: &mut Vec<Self>) {
        loop {
            // As long as the bits of both ends allow: host bits are 0 in the first, and may be 1 up to the last.
            let zeros = first.trailing_zeros();
            let fits = |&bits: &u32| first | host(u128::BITS - bits) <= last;
            let bits = (0..=zeros).rev().find(fits).unwrap_or_default();
            let prefix = Self { first, length: u128::BITS - bits };
            prefixes.push(prefix);
            match prefix.last().checked_add(1) {
                Some(next) if next <= last => first = next,
                _ => break,
            }
        }
    }
}

/// The bits after so many.
fn host(length: u32) -> u128 {
    u128::MAX.checked_shr(length).unwrap_or_default()
}

const fn high(address: u128) -> u64 {
    (address >> 64) as u64
}

/// Where another of these sorted prefixes becomes the longest that addresses are in, and which, by its place; as far as
/// `counts` takes prefixes for such.
fn regions(prefixes: &[Prefix], counts: impl Fn(&Prefix) -> bool) -> Vec<(u128, usize)> {
    let mut regions: Vec<(u128, usize)> = Vec::new();
    let mut region = |start, prefix| {
        regions.pop_if(|&mut (before, _)| before == start);
        regions.push((start, prefix));
    };
    let mut open: Vec<usize> = Vec::new();
    for (place, prefix) in prefixes.iter().enumerate().filter(|(_, prefix)| counts(prefix)) {
        while let Some(ended) = open.pop_if(|&mut open| prefixes[open].last() < prefix.first) {
            region(prefixes[ended].last() + 1, open[open.len() - 1]);
        }
        region(prefix.first, place);
        open.push(place);
    }
    while let Some(ended) = open.pop() {
        if let (Some(after), Some(&around)) = (prefixes[ended].last().checked_add(1), open.last()) {
            region(after, around);
        }
    }
    regions
}
