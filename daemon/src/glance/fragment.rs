//! Fragments: put together as far as a transport header reaches, as the kernel does before any rule.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::detect::Oddity;

/// Datagrams that are put together at the same time.
const MOST: usize = 1024;
/// Bytes of a datagram that are kept: no transport header that is looked at is longer.
const KEPT: usize = 64;
/// A TCP header without options: less is too little for any.
const WHOLE_TCP: usize = 20;
const WHOLE_UDP: usize = 8;

/// A fragment, where its IP header is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fragment<'a> {
    /// Tells datagrams apart: addresses, protocol and identification, hashed.
    pub(crate) datagram: u64,
    /// The protocol of the datagram.
    pub(crate) protocol: u8,
    /// Where its bytes belong.
    pub(crate) offset: usize,
    /// Whether others follow.
    pub(crate) more: bool,
    /// Its bytes, as far as they were captured.
    pub(crate) bytes: &'a [u8],
    /// How many there were.
    pub(crate) length: usize,
}

/// A datagram whose parts come in.
#[derive(Debug, Clone, Copy)]
struct Partial {
    datagram: u64,
    bytes: [u8; KEPT],
    /// A bit for each of the first bytes that is there.
    there: u64,
    /// A bit for each 512 bytes of the rest that was claimed, so that a part that lies wholly in another
    /// one is noticed.
    rest: u128,
    done: bool,
}

/// What a fragment brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Put {
    /// What is odd about it.
    pub(crate) odd: Option<Oddity>,
    /// The first bytes of the datagram, once there are enough of them to read a header; told once.
    pub(crate) whole: Option<[u8; KEPT]>,
}

/// Datagrams in parts, by their hash; one that finds its place taken takes it over.
#[derive(Debug)]
pub(crate) struct Fragments(Box<[Option<Partial>]>);

impl Fragments {
    pub(crate) fn new() -> Self {
        Self(vec![None; MOST].into_boxed_slice())
    }

    /// Puts a fragment where it belongs.
    pub(crate) fn put(&mut self, fragment: &Fragment<'_>) -> Put {
        let Fragment { datagram, protocol, offset, more, bytes, length } = *fragment;
        let enough = if protocol == 6 { WHOLE_TCP } else { WHOLE_UDP };
        let place = usize::try_from(datagram).unwrap_or(0).checked_rem(MOST).unwrap_or(0);
        let Some(slot) = self.0.get_mut(place) else { return Put { odd: None, whole: None } };
        let fresh = Partial { datagram, bytes: [0; KEPT], there: 0, rest: 0, done: false };
        let partial = match slot {
            Some(partial) if partial.datagram == datagram => partial,
            _ => slot.insert(fresh),
        };
        let claimed = span(offset, length);
        let overlaps = partial.there & claimed != 0 || {
            let rest = far(offset, length);
            let overlaps = partial.rest & rest != 0;
            partial.rest |= rest;
            overlaps
        };
        for (place, byte) in (offset..).zip(bytes) {
            if let Some(kept) = partial.bytes.get_mut(place) {
                *kept = *byte;
            }
        }
        partial.there |= claimed;
        let tiny = offset == 0 && more && length < enough && matches!(protocol, 6 | 17);
        let odd = match (overlaps, tiny) {
            (true, _) => Some(Oddity::OverlappingFragment),
            (false, true) => Some(Oddity::TinyFragment),
            (false, false) => None,
        };
        let needed = span(0, enough);
        let whole = (!partial.done && partial.there & needed == needed).then_some(partial.bytes);
        partial.done |= whole.is_some();
        Put { odd, whole }
    }
}

/// The bits of the first bytes from `offset` on.
fn span(offset: usize, length: usize) -> u64 {
    let end = offset.saturating_add(length).min(KEPT);
    let width = u32::try_from(end.saturating_sub(offset)).unwrap_or(0);
    let ones = match width {
        0 => return 0,
        64.. => u64::MAX,
        _ => u64::MAX.wrapping_shr(64_u32.saturating_sub(width)),
    };
    ones.wrapping_shl(u32::try_from(offset).unwrap_or(0))
}

/// The bits of the 512-byte pages that lie wholly in a fragment beyond the first page.
fn far(offset: usize, length: usize) -> u128 {
    let first = offset.div_ceil(512).max(1);
    let end = offset.saturating_add(length).checked_div(512).unwrap_or(0).min(128);
    (first..end).fold(0, |bits, page| bits | 1_u128.wrapping_shl(u32::try_from(page).unwrap_or(0)))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests {
    use super::*;

    fn part(offset: usize, bytes: &[u8], more: bool) -> Fragment<'_> {
        Fragment { datagram: 7, protocol: 6, offset, more, bytes, length: bytes.len() }
    }

    #[test]
    fn a_header_in_three_parts_is_put_together() {
        let mut fragments = Fragments::new();
        let header: Vec<u8> = (0..24).collect();
        let first = fragments.put(&part(0, &header[..8], true));
        assert_eq!(first, Put { odd: Some(Oddity::TinyFragment), whole: None });
        assert_eq!(fragments.put(&part(16, &header[16..], false)).whole, None);
        let whole = fragments.put(&part(8, &header[8..16], true));
        assert_eq!(whole.odd, None);
        assert_eq!(whole.whole.unwrap()[..24], header[..]);
        assert_eq!(fragments.put(&part(8, &header[8..16], true)).odd, Some(Oddity::OverlappingFragment));
    }

    #[test]
    fn large_fragments_are_nothing_odd() {
        let mut fragments = Fragments::new();
        let bytes = [0; 1480];
        for number in 0..5 {
            let put = fragments.put(&part(number * 1480, &bytes, number < 4));
            assert_eq!(put.odd, None, "{number}");
        }
        assert_eq!(fragments.put(&part(1480, &bytes, true)).odd, Some(Oddity::OverlappingFragment));
    }
}
