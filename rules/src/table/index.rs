//! The rules of one hook and one address family, and the choice of what looks them up.

use super::{
    area::{Axes, Extent, Point},
    axis::{Address, Axis},
    bits::{self, Bits},
    kinds::Kinds,
    summary::Strategy,
    tree::Tree,
};
use crate::{Key, Match, RuleId, Ruleset};

/// Looks up the rules that hold a key.
#[derive(Debug, Clone)]
pub(super) struct Index<A: Address> {
    kinds: Kinds<A>,
    axes: Axes<A>,
    finder: Finder,
}

#[derive(Debug, Clone)]
enum Finder {
    Bits(Box<Bits>),
    Tree(Tree),
}

/// So few areas are compared one by one, eight at a time.
const FEW_AREAS: usize = 16;
/// Rows of bits are made for up to so many rules: they take memory with the square of it.
const MOST_IN_BITS: usize = 2048;
/// A tree may hold this many copies of each area: with overlapping ranges of ports it would grow
/// without end.
const MOST_COPIES: usize = 4;
/// A tree that is left with a leaf of more blocks has met its cap.
const LONG: usize = 8;

impl<A: Address> Index<A> {
    /// What looks these rules up: as `wanted`, or by what fits them.
    pub(super) fn new(ruleset: &Ruleset, rules: &[RuleId], wanted: Option<Strategy>) -> Self {
        let matches: Vec<&Match> = rules.iter().map(|&rule| &ruleset.rule(rule).matches).collect();
        let (kinds, taken, taken_by) = Kinds::new(&matches);
        let extents = rules.iter().zip(&taken_by);
        let extents: Vec<Extent<'_, A>> =
            extents.filter_map(|(&id, &by)| Extent::of(id, ruleset.rule(id), &taken[by as usize])).collect();
        let axes = Axes::new(&extents);
        let finder = Finder::new(&extents, &axes, kinds.count(), wanted);
        Self { kinds, axes, finder }
    }

    /// The first rule that holds the key exactly, or that holds it and `confirms`.
    #[inline]
    pub(super) fn first(
        &self,
        key: &Key,
        source: A,
        destination: A,
        confirms: impl Fn(RuleId) -> bool,
    ) -> Option<RuleId> {
        let point = self.point(key, source, destination);
        match &self.finder {
            Finder::Bits(bits) => bits.first(&point, confirms),
            Finder::Tree(tree) => tree.first(&point, confirms),
        }
    }

    /// Calls `each` with the rules that may hold the key, in any order; some of those after one that
    /// holds it exactly are left out, others may come twice.
    pub(super) fn each(&self, key: &Key, source: A, destination: A, each: impl FnMut(RuleId)) {
        let point = self.point(key, source, destination);
        match &self.finder {
            Finder::Bits(bits) => bits.each(&point, each),
            Finder::Tree(tree) => tree.each(&point, each),
        }
    }

    #[inline]
    fn point(&self, key: &Key, source: A, destination: A) -> Point {
        let (source_port, port) = key.ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let kind = self.kinds.of(key, source, destination);
        let (source, destination) =
            (self.axes.source.number(source), self.axes.destination.number(destination));
        Point::new(source, destination, source_port, port, kind)
    }

    /// What was chosen for how many rules, its bytes, and the most comparisons of eight that a lookup
    /// makes.
    pub(super) fn strategy(&self) -> (Strategy, usize, usize) {
        let Self { kinds, axes, finder } = self;
        let bytes = kinds.bytes() + axes.source.bytes() + axes.destination.bytes();
        match finder {
            Finder::Bits(bits) => (Strategy::Bits, bytes + bits.bytes(), 0),
            Finder::Tree(tree) => {
                let strategy = match tree.longest() {
                    _ if tree.is_uncut() => Strategy::Scan,
                    longest if longest > LONG => Strategy::CappedTree,
                    _ => Strategy::Tree,
                };
                (strategy, bytes + tree.bytes(), tree.longest())
            }
        }
    }
}

impl Finder {
    fn new<A: Address>(
        extents: &[Extent<'_, A>],
        axes: &Axes<A>,
        kinds: usize,
        wanted: Option<Strategy>,
    ) -> Self {
        let total = |most: usize| extents.iter().map(|extent| extent.parts(most)).sum::<usize>();
        let mut most = 4096;
        while most > 1 && total(most) > 2 * extents.len() + 1024 {
            most /= 2;
        }
        let count = total(most);
        let in_bits = match wanted {
            None => count > FEW_AREAS && extents.len() <= MOST_IN_BITS,
            wanted => wanted == Some(Strategy::Bits),
        };
        if in_bits && extents.len() <= bits::MOST_RULES {
            let most = extents.len() * 2048 + (1 << 19);
            if let Some(bits) = Bits::new(extents, axes, kinds, most) {
                return Self::Bits(Box::new(bits));
            }
        }
        let mut areas = Vec::with_capacity(count);
        extents.iter().for_each(|extent| extent.areas(axes, most, &mut areas));
        let copies = match wanted {
            Some(Strategy::Scan) => 0,
            Some(Strategy::CappedTree) => 1,
            Some(Strategy::Bits | Strategy::Tree) | None => MOST_COPIES,
        };
        Self::Tree(Tree::new(&areas, copies))
    }
}
