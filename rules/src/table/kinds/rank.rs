//! Which protocols are neighbours.

use crate::Protocol;

/// A protocol's place in an order in which the protocols that rules often name together are
/// neighbours: first those with ports, then the ICMPs.
pub(super) const fn rank(protocol: u8) -> u8 {
    RANKS[protocol as usize]
}

#[expect(clippy::cast_possible_truncation, reason = "there are 256 protocols")]
const RANKS: [u8; 256] = {
    const FIRST: [Protocol; 7] = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::SCTP,
        Protocol::DCCP,
        Protocol::UDPLITE,
        Protocol::ICMP,
        Protocol::ICMPV6,
    ];
    let mut ranks = [u8::MAX; 256];
    let mut next = 0;
    while next < FIRST.len() {
        ranks[FIRST[next].0 as usize] = next as u8;
        next += 1;
    }
    let mut protocol = 0;
    while protocol < ranks.len() {
        if ranks[protocol] == u8::MAX && next < ranks.len() {
            ranks[protocol] = next as u8;
            next += 1;
        }
        protocol += 1;
    }
    ranks
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::rank;

    #[test]
    fn every_protocol_has_a_rank_of_its_own() {
        assert_eq!((0..=u8::MAX).map(rank).collect::<BTreeSet<_>>().len(), 256);
        assert_eq!([6, 17, 132].map(rank), [0, 1, 2]);
    }
}
