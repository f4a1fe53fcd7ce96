//! What finds the first rule that holds a point, and the choice of it.

use super::{
    area::{Axes, Extent, Point},
    axis::Address,
    cross::Cross,
    mark::Mark,
    pairs::Pairs,
    summary::Strategy,
    tree::Tree,
};
use crate::RuleId;

#[derive(Debug, Clone)]
pub(super) enum Finder {
    Pairs(Box<Pairs>),
    Cross(Box<Cross>),
    Tree(Box<Tree>),
}

/// So many points are looked up together: enough that one's way through memory is waited for while others go on.
pub(super) const BATCH: usize = 32;

/// Lists are made for up to so many rules, or so many that are left of more; classes are crossed for up to so many:
/// both take memory with the square of it.
const MOST_IN_PAIRS: usize = 2048;
const FEW: usize = 256;
const MOST_CROSSED: usize = 4096;
/// A tree may hold this many copies of each area: with overlapping ranges of ports it would grow
/// without end.
const MOST_COPIES: usize = 4;
/// A tree that is left with a leaf of more blocks has met its cap.
const LONG: usize = 8;

impl Finder {
    /// Lists by pairs of addresses are quickest, for as many rules as they can be made for; then classes that are
    /// crossed, as long as they stay small; a tree stands everything.
    pub(super) fn new<A: Address>(
        extents: &[Extent<'_, A>],
        axes: &Axes<A>,
        kinds: usize,
        rules: usize,
        wanted: Option<Strategy>,
    ) -> Self {
        let fits = |strategy: Strategy, fits: bool| wanted.map_or(fits, |wanted| wanted == strategy);
        if fits(Strategy::Pairs, rules <= MOST_IN_PAIRS || extents.len() <= FEW)
            && let Some(pairs) = Pairs::new(extents, axes, most_bytes(rules))
        {
            return Self::Pairs(Box::new(pairs));
        }
        if fits(Strategy::Cross, true)
            && extents.len() <= MOST_CROSSED
            && let Some(cross) = Cross::new(extents, axes, kinds, most_bytes(rules))
        {
            return Self::Cross(Box::new(cross));
        }
        let copies = match wanted {
            Some(Strategy::Scan) => 0,
            Some(Strategy::CappedTree) => 1,
            Some(Strategy::Pairs | Strategy::Cross | Strategy::Tree) | None => MOST_COPIES,
        };
        Self::Tree(Box::new(Tree::new(&super::area::areas(extents, axes), copies)))
    }

    /// The first rule that holds `point`.
    #[inline(always)]
    pub(super) fn first(&self, point: &Point) -> Mark {
        match self {
            Self::Pairs(pairs) => pairs.first(point),
            Self::Cross(cross) => cross.first(point),
            Self::Tree(tree) => tree.first(point),
        }
    }

    /// The first rule for each point, at most `BATCH` of them.
    pub(super) fn first_of_each(&self, points: &[Point], marks: &mut [Mark]) {
        match self {
            Self::Pairs(pairs) => pairs.first_of_each(points, marks),
            Self::Cross(cross) => cross.first_of_each(points, marks),
            // It gains nothing from stages: what it waits for are branches that nobody could predict.
            Self::Tree(tree) => {
                points.iter().zip(marks).for_each(|(point, mark)| *mark = tree.first(point));
            }
        }
    }

    /// Calls `each` with the rules that may hold `point`, in any order; some of those after one that holds it
    /// exactly are left out, others may come twice.
    pub(super) fn each(&self, point: &Point, each: impl FnMut(RuleId)) {
        match self {
            Self::Pairs(pairs) => pairs.each(point, each),
            Self::Cross(cross) => cross.each(point, each),
            Self::Tree(tree) => tree.each(point, each),
        }
    }

    /// What was chosen, its bytes, and the most comparisons of eight that a lookup makes.
    pub(super) fn strategy(&self) -> (Strategy, usize, usize) {
        match self {
            Self::Pairs(pairs) => (Strategy::Pairs, pairs.bytes(), pairs.longest()),
            Self::Cross(cross) => (Strategy::Cross, cross.bytes(), 0),
            Self::Tree(tree) => {
                let strategy = match tree.longest() {
                    _ if tree.is_uncut() => Strategy::Scan,
                    longest if longest > LONG => Strategy::CappedTree,
                    _ => Strategy::Tree,
                };
                (strategy, tree.bytes(), tree.longest())
            }
        }
    }
}

/// The bytes that lists or tables may take for so many rules. What few rules take doesn't matter, and a
/// processor's cache bounds what is quick for many.
fn most_bytes(rules: usize) -> usize {
    (1 << 19) + (2048 * rules).min(3 << 19)
}
