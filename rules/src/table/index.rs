//! The rules of one hook and one address family, and the choice of what looks them up.

use super::{
    area::{Axes, Extent, Point},
    axis::{Address, Axis},
    bits::{self, Bits},
    kinds::Kinds,
    mark::Mark,
    pairs::Pairs,
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
    Pairs(Box<Pairs>),
    Bits(Box<Bits>),
    Tree(Box<Tree>),
}

/// So many keys are looked up together: enough that one's way through memory is waited for while others go on.
pub(super) const BATCH: usize = 32;

/// So few areas are compared one by one, eight at a time.
const FEW_AREAS: usize = 16;
/// Lists and rows of bits are made for up to so many rules: they take memory with the square of it.
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
        let extents = uncovered(extents);
        let axes = Axes::new(&extents);
        let finder = Finder::new(&extents, &axes, kinds.count(), rules.len(), wanted);
        Self { kinds, axes, finder }
    }

    /// The first rule that matches the key.
    #[inline(never)]
    pub(super) fn first(&self, key: &Key) -> Mark {
        self.point(key).map_or(Mark::UNTOLD, |point| self.finder.first(&point))
    }

    /// The first rule that matches each of the keys before one that is not like the first, in hook and family. How
    /// many these are, at most `BATCH`.
    pub(super) fn first_of_each(&self, keys: &[Key], marks: &mut [Mark; BATCH]) -> usize {
        let mut points = [Point::default(); BATCH];
        let mut count = 0;
        for (point, key) in points.iter_mut().zip(keys) {
            if key.hook != keys[0].hook {
                break;
            }
            let Some(of) = self.point(key) else { break };
            *point = of;
            count += 1;
        }
        self.finder.first_of_each(&points[..count], &mut marks[..count]);
        count
    }

    /// Calls `each` with the rules that may hold the key, in any order; some of those after one that
    /// holds it exactly are left out, others may come twice.
    pub(super) fn each(&self, key: &Key, each: impl FnMut(RuleId)) {
        let Some(point) = self.point(key) else { return };
        match &self.finder {
            Finder::Pairs(pairs) => pairs.each(&point, each),
            Finder::Bits(bits) => bits.each(&point, each),
            Finder::Tree(tree) => tree.each(&point, each),
        }
    }

    /// What the key has in each dimension; none where its addresses are not of this family.
    #[inline(always)]
    fn point(&self, key: &Key) -> Option<Point> {
        let (source, destination) = (A::of(&key.source)?, A::of(&key.destination)?);
        let kind = if self.kinds.tell_more_than_protocols() {
            self.kinds.of(key, source, destination)
        } else {
            self.kinds.by_protocol(key)
        };
        let (source_port, port) = key.ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let (source, destination) =
            (self.axes.source.number(source), self.axes.destination.number(destination));
        Some(Point::new(source, destination, source_port, port, kind))
    }

    /// What was chosen for how many rules, its bytes, and the most comparisons of eight that a lookup
    /// makes.
    pub(super) fn strategy(&self) -> (Strategy, usize, usize) {
        let Self { kinds, axes, finder } = self;
        let bytes = kinds.bytes() + axes.source.bytes() + axes.destination.bytes();
        match finder {
            Finder::Pairs(pairs) => (Strategy::Pairs, bytes + pairs.bytes(), pairs.longest()),
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
    #[inline(always)]
    fn first(&self, point: &Point) -> Mark {
        match self {
            Self::Pairs(pairs) => pairs.first(point),
            Self::Bits(bits) => bits.first(point),
            Self::Tree(tree) => tree.first(point),
        }
    }

    /// The first rule for each point.
    fn first_of_each(&self, points: &[Point], marks: &mut [Mark]) {
        match self {
            Self::Pairs(pairs) => pairs.first_of_each(points, marks),
            // These gain nothing from stages: what they wait for are branches that nobody could predict.
            Self::Bits(bits) => {
                points.iter().zip(marks).for_each(|(point, mark)| *mark = bits.first(point));
            }
            Self::Tree(tree) => {
                points.iter().zip(marks).for_each(|(point, mark)| *mark = tree.first(point));
            }
        }
    }

    /// Lists by pairs of addresses are quickest, for as many rules as they can be made for; then rows of bits,
    /// for few rules; a tree stands everything.
    fn new<A: Address>(
        extents: &[Extent<'_, A>],
        axes: &Axes<A>,
        kinds: usize,
        rules: usize,
        wanted: Option<Strategy>,
    ) -> Self {
        let in_pairs = match wanted {
            None => rules <= MOST_IN_BITS,
            wanted => wanted == Some(Strategy::Pairs),
        };
        if in_pairs && let Some(pairs) = Pairs::new(extents, axes, most_bytes(rules)) {
            return Self::Pairs(Box::new(pairs));
        }
        let total = |most: usize| extents.iter().map(|extent| extent.parts(most)).sum::<usize>();
        let mut most = 4096;
        while most > 1 && total(most) > 2 * extents.len() + 1024 {
            most /= 2;
        }
        let count = total(most);
        let in_bits = match wanted {
            None => count > FEW_AREAS && rules <= MOST_IN_BITS,
            wanted => wanted == Some(Strategy::Bits) && extents.len() <= bits::MOST_RULES,
        };
        if in_bits && let Some(bits) = Bits::new(extents, axes, kinds, most_bytes(extents.len())) {
            return Self::Bits(Box::new(bits));
        }
        let mut areas = Vec::with_capacity(count);
        extents.iter().for_each(|extent| extent.areas(axes, most, &mut areas));
        let copies = match wanted {
            Some(Strategy::Scan) => 0,
            Some(Strategy::CappedTree) => 1,
            Some(Strategy::Pairs | Strategy::Bits | Strategy::Tree) | None => MOST_COPIES,
        };
        Self::Tree(Box::new(Tree::new(&areas, copies)))
    }
}

/// The bytes that lists or rows may take for so many rules. What few rules take doesn't matter, and a
/// processor's cache bounds what is quick for many.
fn most_bytes(rules: usize) -> usize {
    (1 << 19) + (2048 * rules).min(3 << 19)
}

/// Leaves out extents that lie within an exact one of an earlier rule, which matches wherever they would.
/// Only the widest are tried as cover: rules in no particular order have some that cover many.
fn uncovered<A: Address>(extents: Vec<Extent<'_, A>>) -> Vec<Extent<'_, A>> {
    const MOST: usize = 64;
    let exact = extents.iter().enumerate().filter(|(_, extent)| extent.mark.is_exact());
    let mut widest: Vec<(u32, usize)> = exact.map(|(number, extent)| (extent.narrowness(), number)).collect();
    widest.sort_unstable();
    widest.truncate(MOST);
    widest.sort_unstable_by_key(|&(_, number)| number);
    let covers: Vec<(usize, Extent<'_, A>)> =
        widest.into_iter().map(|(_, number)| (number, extents[number].clone())).collect();
    let covered = |number: usize, extent: &Extent<'_, A>| {
        let mut earlier = covers.iter().take_while(|(earlier, _)| *earlier < number);
        earlier.any(|(_, earlier)| earlier.covers(extent))
    };
    let extents = extents.into_iter().enumerate().filter(|(number, extent)| !covered(*number, extent));
    extents.map(|(_, extent)| extent).collect()
}
