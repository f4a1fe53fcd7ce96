//! The rules of one hook and one address family.

use super::{
    area::{Axes, Extent, Point},
    axis::{Address, Axis},
    finder::{BATCH, Finder},
    kinds::Kinds,
    mark::Mark,
    summary::Strategy,
};
use crate::{Key, Match, RuleId, Ruleset};

/// Looks up the rules that hold a key.
#[derive(Debug, Clone)]
pub(super) struct Index<A: Address> {
    kinds: Kinds<A>,
    axes: Axes<A>,
    finder: Finder,
}

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

    /// The first rule that matches the key. What is quick is inlined; the rest would cost it registers.
    #[inline(always)]
    pub(super) fn first(&self, key: &Key) -> Mark {
        match &self.finder {
            Finder::Pairs(pairs) if self.kinds.are_protocols() => {
                self.point_by_protocol(key).map_or(Mark::UNTOLD, |point| pairs.first(&point))
            }
            Finder::Cross(cross) if self.kinds.are_protocols() => {
                self.point_by_protocol(key).map_or(Mark::UNTOLD, |point| cross.first(&point))
            }
            _ => self.first_by_all(key),
        }
    }

    /// The same by whatever it takes.
    #[inline(never)]
    fn first_by_all(&self, key: &Key) -> Mark {
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
        let (points, marks) = (&points[..count], &mut marks[..count]);
        self.finder.first_of_each(points, marks);
        count
    }

    /// Calls `each` with the rules that may hold the key, in any order; some of those after one that
    /// holds it exactly are left out, others may come twice.
    pub(super) fn each(&self, key: &Key, each: impl FnMut(RuleId)) {
        let Some(point) = self.point(key) else { return };
        self.finder.each(&point, each);
    }

    /// What the key has in each dimension; none where its addresses are not of this family.
    #[inline(always)]
    fn point(&self, key: &Key) -> Option<Point> {
        if self.kinds.are_protocols() {
            return self.point_by_protocol(key);
        }
        let (source, destination) = (A::of(&key.source)?, A::of(&key.destination)?);
        Some(self.point_of_kind(key, source, destination, self.kinds.of(key, source, destination)))
    }

    /// The same where the protocol is all that tells kinds apart.
    #[inline(always)]
    fn point_by_protocol(&self, key: &Key) -> Option<Point> {
        let (source, destination) = (A::of(&key.source)?, A::of(&key.destination)?);
        Some(self.point_of_kind(key, source, destination, self.kinds.by_protocol(key)))
    }

    #[inline(always)]
    fn point_of_kind(&self, key: &Key, source: A, destination: A, kind: u16) -> Point {
        let (source_port, port) = key.ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let Axes { source: sources, destination: destinations } = &self.axes;
        Point::new(sources.number(source), destinations.number(destination), source_port, port, kind)
    }

    /// What was chosen for how many rules, its bytes, and the most comparisons of eight that a lookup
    /// makes.
    pub(super) fn strategy(&self) -> (Strategy, usize, usize) {
        let Self { kinds, axes, finder } = self;
        let (strategy, bytes, comparisons) = finder.strategy();
        (strategy, bytes + kinds.bytes() + axes.source.bytes() + axes.destination.bytes(), comparisons)
    }
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
