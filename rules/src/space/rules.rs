//! A ruleset's rules as regions, and which of them meet.

use std::{cmp::Reverse, ops::ControlFlow};

use super::{Space, near::Near, region::Region};
use crate::{Cause, HookSet, Key, Matched, Protocol, RuleId, Ruleset, Standing, space::part::Extent as _};

/// Pieces into which a rule may fall while others are taken away from it.
const MOST_PIECES: usize = 16_384;

/// Whether the first of two rules counts whenever the second does, as far as that is known. It is asked
/// only about a first that does not always count.
pub type Covers<'a> = &'a dyn Fn(RuleId, RuleId) -> bool;

/// A ruleset's rules as regions, at the hooks that are ours.
pub(super) struct Rules<'a> {
    pub(super) ruleset: &'a Ruleset,
    pub(super) space: &'a Space,
    /// None for a rule that has expired.
    regions: Vec<Vec<Region>>,
    hulls: Vec<Hull>,
    near: Near,
    covers: Covers<'a>,
    /// Rules that count at other times, or at times that are not told.
    pub(super) sometimes: Vec<RuleId>,
}

/// What is come by while rules are taken away from pieces.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    /// A rule that takes something away.
    Met(RuleId),
    /// What none takes away.
    Left(&'a Region),
}

/// A question took more work than was allowed for it, and stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecided;

/// How much may still be done about a question: about as many comparisons of two regions.
#[derive(Debug)]
pub(super) struct Work(pub(super) u32);

impl Work {
    fn spend(&mut self, amount: usize) -> Result<(), Undecided> {
        let amount = u32::try_from(amount).map_err(|_| Undecided)?;
        self.0 = self.0.checked_sub(amount).ok_or(Undecided)?;
        Ok(())
    }
}

impl<'a> Rules<'a> {
    pub(super) fn new(ruleset: &'a Ruleset, space: &'a Space, covers: Covers<'a>) -> Self {
        let ours = ruleset.policy.hooks();
        let mut regions = Vec::with_capacity(ruleset.rules.len());
        let mut sometimes = Vec::new();
        for (id, rule) in (0..).map(RuleId).zip(&ruleset.rules) {
            let mut matched = match rule.standing {
                Standing::Expired => Vec::new(),
                _ => space.matched(rule),
            };
            matched.retain_mut(|region| {
                region.hooks = region.hooks.and(&ours);
                region.is_possible()
            });
            if matches!(rule.standing, Standing::Resting | Standing::Sometimes) {
                sometimes.push(id);
            }
            regions.push(matched);
        }
        let hulls: Vec<Hull> = regions.iter().map(|regions| Hull::of(regions)).collect();
        let near = Near::of(&hulls);
        Self { ruleset, space, regions, hulls, near, covers, sometimes }
    }

    pub(super) fn ids(&self) -> impl DoubleEndedIterator<Item = RuleId> + use<> {
        let count = u32::try_from(self.regions.len()).unwrap_or(u32::MAX);
        (0..count).map(RuleId)
    }

    /// What a rule matches while it counts.
    pub(super) fn regions(&self, rule: RuleId) -> &[Region] {
        &self.regions[rule.0 as usize]
    }

    /// The other rules that may match a packet that `rule` matches, and count whenever it does; in order.
    pub(super) fn meeting(&self, rule: RuleId) -> Vec<RuleId> {
        let hull = &self.hulls[rule.0 as usize];
        self.in_hull(hull).filter(|&other| other != rule && self.counts_with(other, rule)).collect()
    }

    /// The rules in force that may match a packet of `region`, in order.
    pub(super) fn meeting_region(&self, region: &Region) -> Vec<RuleId> {
        let in_force = |id: &RuleId| self.ruleset.rule(*id).standing == Standing::InForce;
        self.in_hull(&Hull::of(std::slice::from_ref(region))).filter(in_force).collect()
    }

    fn in_hull(&self, hull: &Hull) -> impl Iterator<Item = RuleId> {
        let near = self.near.to(hull).into_iter();
        near.filter(|&place| hull.meets(&self.hulls[place as usize])).map(RuleId)
    }

    /// Whether `other` counts whenever `rule` does, as far as that is known.
    pub(super) fn counts_with(&self, other: RuleId, rule: RuleId) -> bool {
        match self.ruleset.rule(other).standing {
            Standing::InForce => true,
            Standing::Expired => false,
            Standing::Resting | Standing::Sometimes => other == rule || (self.covers)(other, rule),
        }
    }

    /// The widest first: of what they leave, the others take little.
    pub(super) fn widest_first(&self, rules: &[RuleId]) -> Vec<RuleId> {
        let mut sorted = rules.to_vec();
        sorted.sort_by_key(|id| Reverse(self.hulls[id.0 as usize].size()));
        sorted
    }

    /// Which of `among`, or else the policy, decides about a packet of which every fact is known, while
    /// they count.
    pub(super) fn decides(&self, key: &Key, among: impl IntoIterator<Item = RuleId>) -> Cause {
        let mut among = among.into_iter();
        let first = among.find(|&id| self.ruleset.rule(id).fits(key) == Matched::Yes);
        first.map_or(Cause::Policy, Cause::Rule)
    }

    /// The reference while `rule` counts: which of all the rules that count then decides, by its own fields.
    pub(super) fn decides_while(&self, rule: RuleId, key: &Key) -> Cause {
        self.decides(key, self.ids().filter(|&other| self.counts_with(other, rule)))
    }

    /// Takes `others` away from `pieces`, one piece after the other to its end, which is soon found where
    /// something is left: tells `see` of every rule that meets a piece, and of what no rule meets, until
    /// it breaks.
    pub(super) fn walk(
        &self,
        pieces: Vec<Region>,
        others: &[RuleId],
        work: &mut Work,
        mut see: impl FnMut(Seen<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Undecided> {
        // Each piece with the first rule that has not been taken away from it.
        let mut open: Vec<(Region, usize)> = pieces.into_iter().map(|piece| (piece, 0)).collect();
        while let Some((piece, next)) = open.pop() {
            let rest = others.get(next..).unwrap_or_default();
            let mut met = None;
            for (place, &other) in (next..).zip(rest) {
                work.spend(piece.weight())?;
                if self.regions(other).iter().any(|region| piece.meets(region)) {
                    met = Some((place, other));
                    break;
                }
            }
            let seen = met.map_or(Seen::Left(&piece), |(_, other)| Seen::Met(other));
            if see(seen).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let Some((place, other)) = met else { continue };
            let left = self.left(vec![piece], [other], &mut Vec::new(), work)?;
            open.extend(left.into_iter().map(|piece| (piece, place + 1)));
            if open.len() > MOST_PIECES {
                return Err(Undecided);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What is left of `pieces` after `others`; who took nothing away is not in `took`.
    pub(super) fn left(
        &self,
        mut pieces: Vec<Region>,
        others: impl IntoIterator<Item = RuleId>,
        took: &mut Vec<RuleId>,
        work: &mut Work,
    ) -> Result<Vec<Region>, Undecided> {
        for other in others {
            if pieces.is_empty() {
                break;
            }
            let mut takes = false;
            for region in self.regions(other) {
                let mut left = Vec::with_capacity(pieces.len());
                for piece in pieces {
                    work.spend(piece.weight())?;
                    if piece.meets(region) {
                        takes = true;
                        piece.minus(region, &mut left);
                    } else {
                        left.push(piece);
                    }
                }
                if left.len() > MOST_PIECES {
                    return Err(Undecided);
                }
                pieces = left;
            }
            if takes {
                took.push(other);
            }
        }
        Ok(pieces)
    }
}

/// A coarse box around a rule: two rules whose boxes don't meet have no packet in common.
#[derive(Debug)]
pub(super) struct Hull {
    hooks: HookSet,
    /// A bit for each kind of protocol.
    kinds: u8,
    port: (u16, u16),
    v4: [(u32, u32); 2],
    /// The upper halves.
    v6: [(u64, u64); 2],
}

impl Hull {
    fn of(regions: &[Region]) -> Self {
        let mut hull = Self {
            hooks: HookSet::EMPTY,
            kinds: 0,
            port: (u16::MAX, 0),
            v4: [(u32::MAX, 0); 2],
            v6: [(u64::MAX, 0); 2],
        };
        for region in regions {
            hull.hooks = hull.hooks.or(&region.hooks);
            hull.kinds |= kinds(region);
            match region.port.values.ranges() {
                [first, ..] if !region.port.absent => {
                    let last = region.port.values.ranges().last().unwrap_or(first);
                    hull.port = (hull.port.0.min(first.0), hull.port.1.max(last.1));
                }
                _ => hull.port = (0, u16::MAX),
            }
            for (end, set) in [&region.source, &region.destination].into_iter().enumerate() {
                if let (Some(first), Some(last)) = (set.v4().ranges().first(), set.v4().ranges().last()) {
                    let wide = &mut hull.v4[end];
                    *wide = (wide.0.min(first.0), wide.1.max(last.1));
                }
                if let (Some(first), Some(last)) = (set.v6().ranges().first(), set.v6().ranges().last()) {
                    let wide = &mut hull.v6[end];
                    *wide = (wide.0.min(upper(first.0)), wide.1.max(upper(last.1)));
                }
            }
        }
        hull
    }

    /// The sources, or the destinations: where the IPv4 ones are, and the IPv6 ones after them.
    pub(super) fn addresses(&self, end: usize) -> [Option<(u128, u128)>; 2] {
        let ((first, last), (upper_first, upper_last)) = (self.v4[end], self.v6[end]);
        let after = |upper: u64| (1 << 64) + u128::from(upper);
        [
            (first <= last).then(|| (first.into(), last.into())),
            (upper_first <= upper_last).then(|| (after(upper_first), after(upper_last))),
        ]
    }

    /// How much there is in it, as a logarithm.
    fn size(&self) -> u32 {
        let addresses = |end: usize| {
            let spans = self.addresses(end).into_iter().flatten();
            spans.map(|(first, last)| (last - first + 1).ilog2()).sum::<u32>()
        };
        let ports = u32::from(self.port.1.saturating_sub(self.port.0)) + 1;
        addresses(0) + addresses(1) + ports.ilog2() + self.kinds.count_ones()
    }

    fn meets(&self, other: &Self) -> bool {
        fn meet<T: PartialOrd>(a: (T, T), b: (T, T)) -> bool {
            a.0 <= b.1 && b.0 <= a.1
        }
        self.kinds & other.kinds != 0
            && meet(self.port, other.port)
            && ((meet(self.v4[0], other.v4[0]) && meet(self.v4[1], other.v4[1]))
                || (meet(self.v6[0], other.v6[0]) && meet(self.v6[1], other.v6[1])))
            && !self.hooks.and(&other.hooks).is_empty()
    }
}

const fn upper(address: u128) -> u64 {
    (address >> 64) as u64
}

/// TCP, UDP, ICMP, ICMPv6, and all others.
fn kinds(region: &Region) -> u8 {
    const KINDS: [Protocol; 4] = [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6];
    let mut others = region.protocol;
    let mut bits = 0;
    for (bit, kind) in KINDS.into_iter().enumerate() {
        if region.protocol.contains(kind.0) {
            bits |= 1 << bit;
        }
        others = others.minus(&[kind.0].into_iter().collect());
    }
    if others.is_empty() { bits } else { bits | 1 << KINDS.len() }
}
