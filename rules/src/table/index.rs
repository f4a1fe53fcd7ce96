//! The rules of one hook and one address family, and the choice of what looks them up.

use super::{
    area::{Address, Area, Extent, Point},
    cross::Cross,
    summary::Strategy,
    tree::Tree,
};
use crate::{RuleId, Ruleset};

/// What finds the rules that hold a point.
#[derive(Debug, Clone)]
pub(super) enum Index<A: Address> {
    Cross(Box<Cross<A>>),
    Tree { source: A::Axis, destination: A::Axis, tree: Tree },
}

/// So few areas are compared one by one, eight at a time.
const FEW_AREAS: usize = 16;
/// Tables of classes are tried for up to so many rules: building them takes time with the square.
const MOST_IN_CROSS: usize = 2048;

/// A tree that is left with a leaf of more blocks has met its cap.
const LONG: usize = 8;

impl<A: Address> Index<A> {
    pub(super) fn new(ruleset: &Ruleset, rules: &[RuleId]) -> Self {
        let extents: Vec<Extent<'_, A>> =
            rules.iter().filter_map(|&rule| Extent::of(ruleset, rule)).collect();
        let areas = areas(&extents);
        if (FEW_AREAS + 1..).contains(&areas.len()) && extents.len() <= MOST_IN_CROSS {
            let most = extents.len() * 256 + (1 << 14);
            if let Some(cross) = Cross::new(&extents, most) {
                return Self::Cross(Box::new(cross));
            }
        }
        Self::tree(&areas)
    }

    fn tree(areas: &[Area<A>]) -> Self {
        let source = A::axis(areas.iter().map(|area| area.source));
        let destination = A::axis(areas.iter().map(|area| area.destination));
        let on = |(first, last): (A, A), axis: &A::Axis| (first.on(axis), last.on(axis));
        let areas: Vec<Area<u32>> = areas
            .iter()
            .map(|area| Area {
                source: on(area.source, &source),
                destination: on(area.destination, &destination),
                source_port: area.source_port,
                port: area.port,
                protocol: area.protocol,
                rule: area.rule,
                exact: area.exact,
            })
            .collect();
        Self::Tree { tree: Tree::new(&areas), source, destination }
    }

    /// The first rule that holds `point` exactly, or that holds it and `confirms`.
    #[inline]
    pub(super) fn first(&self, point: &Point<A>, confirms: impl Fn(RuleId) -> bool) -> Option<RuleId> {
        match self {
            Self::Cross(cross) => {
                cross.holding(point).find(|&(rule, exact)| exact || confirms(rule)).map(|(rule, _)| rule)
            }
            Self::Tree { source, destination, tree } => {
                tree.first(&on_axes(point, source, destination), confirms)
            }
        }
    }

    /// What was chosen for how many rules, its bytes, and the most comparisons of eight that a lookup
    /// makes.
    pub(super) fn strategy(&self) -> (Strategy, usize, usize) {
        match self {
            Self::Cross(cross) => (Strategy::Tables, cross.bytes(), 0),
            Self::Tree { source, destination, tree } => {
                let axes = [source, destination].map(A::axis_bytes).into_iter().sum::<usize>();
                let strategy = match tree.longest() {
                    _ if tree.is_uncut() => Strategy::Scan,
                    longest if longest > LONG => Strategy::CappedTree,
                    _ => Strategy::Tree,
                };
                (strategy, tree.bytes() + axes, tree.longest())
            }
        }
    }

    /// The rules that may hold `point`, ascending; some of those after one that holds it exactly are
    /// left out.
    pub(super) fn all(&self, point: &Point<A>) -> Vec<RuleId> {
        match self {
            Self::Cross(cross) => cross.holding(point).map(|(rule, _)| rule).collect(),
            Self::Tree { source, destination, tree } => tree.all(&on_axes(point, source, destination)),
        }
    }
}

#[inline]
fn on_axes<A: Address>(point: &Point<A>, source: &A::Axis, destination: &A::Axis) -> Point<u32> {
    Point {
        source: point.source.on(source),
        destination: point.destination.on(destination),
        source_port: point.source_port,
        port: point.port,
        protocol: point.protocol,
    }
}

/// The extents as areas: each rule's exactly, as long as there are not many more areas than rules.
fn areas<A: Address>(extents: &[Extent<'_, A>]) -> Vec<Area<A>> {
    let parts: Vec<usize> = extents.iter().map(Extent::parts).collect();
    let total = |most: usize| parts.iter().map(|&parts| if parts > most { 1 } else { parts }).sum::<usize>();
    let mut most = 4096;
    while most > 1 && total(most) > 2 * extents.len() + 1024 {
        most /= 2;
    }
    let mut areas = Vec::with_capacity(total(most));
    extents.iter().for_each(|extent| extent.areas(most, &mut areas));
    areas
}
