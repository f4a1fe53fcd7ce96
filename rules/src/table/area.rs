//! Rules as areas: one range of each thing that most rules name.

use super::{
    axis::{Address, Axis},
    classes::Classes,
    kinds::{Ask, LONG, Taken},
    mark::Mark,
    steps::Coordinate,
};
use crate::{AddressSet, Match, RangeSet, Rule, RuleId, Standing, Step};

/// What a packet has in each dimension.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Point {
    /// Source, destination, source port, port, kind; padded, so that the remainder that keeps an index in bounds is
    /// a mask.
    pub(super) numbers: [u32; 8],
}

/// How many dimensions there are.
pub(super) const DIMENSIONS: usize = 5;

impl Point {
    /// The addresses are on their axes, and ports are 0 where there are none.
    #[inline]
    pub(super) fn new(source: u32, destination: u32, source_port: u16, port: u16, kind: u16) -> Self {
        Self { numbers: [source, destination, source_port.into(), port.into(), kind.into(), 0, 0, 0] }
    }

    #[inline]
    pub(super) const fn source(&self) -> u32 {
        self.numbers[0]
    }

    #[inline]
    pub(super) const fn destination(&self) -> u32 {
        self.numbers[1]
    }

    #[inline]
    pub(super) const fn source_port(&self) -> u32 {
        self.numbers[2]
    }

    #[inline]
    pub(super) const fn port(&self) -> u32 {
        self.numbers[3]
    }

    #[inline]
    pub(super) const fn kind(&self) -> u32 {
        self.numbers[4]
    }
}

/// A part of a rule, by one range in each dimension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) source: (u32, u32),
    pub(super) destination: (u32, u32),
    pub(super) source_port: (u16, u16),
    pub(super) port: (u16, u16),
    pub(super) kind: (u16, u16),
    /// Exact where every key in the area is one that the rule matches.
    pub(super) mark: Mark,
}

/// A rule's dimensions, each as the ranges that it allows.
#[derive(Debug, Clone)]
pub(super) struct Extent<'a, A> {
    /// Exact where the rule matches everything in its extent, but for what is in doubt.
    pub(super) mark: Mark,
    pub(super) source: Ranges<'a, A>,
    pub(super) destination: Ranges<'a, A>,
    pub(super) source_port: Ranges<'a, u16>,
    pub(super) port: Ranges<'a, u16>,
    pub(super) kinds: &'a Taken,
}

/// The ranges of a field; `None` where the rule does not name it, or its kinds know it.
pub(super) type Ranges<'a, T> = Option<&'a [(T, T)]>;

/// A range of fewer addresses after its first is narrow.
pub(super) const NARROW: u32 = 1 << 24;

/// Both addresses' axes.
#[derive(Debug, Clone)]
pub(super) struct Axes<A: Address> {
    pub(super) source: A::Axis,
    pub(super) destination: A::Axis,
}

impl<A: Address> Axes<A> {
    /// Axes on which these extents stay apart.
    pub(super) fn new<'a>(extents: &[Extent<'a, A>]) -> Self {
        let axis = |of: &dyn Fn(usize) -> Ranges<'a, A>| {
            A::Axis::new((0..extents.len()).flat_map(|extent| of(extent).unwrap_or_default().iter().copied()))
        };
        Self {
            source: axis(&|extent| extents[extent].source),
            destination: axis(&|extent| extents[extent].destination),
        }
    }

    /// In which addresses an extent is wide: 1 for sources, 2 for destinations.
    pub(super) fn width(&self, extent: &Extent<'_, A>) -> usize {
        let wide = |axis: &A::Axis, ranges: Ranges<'_, A>| {
            each(ranges).map(|range| axis.range(range)).any(|(first, last)| last - first >= NARROW)
        };
        usize::from(wide(&self.source, extent.source))
            + 2 * usize::from(wide(&self.destination, extent.destination))
    }

    /// The classes of sources, and of destinations, that these extents tell apart; see [`Classes::of`].
    pub(super) fn classes<'a>(&self, extents: &[Extent<'a, A>]) -> Option<[Classes<u32>; 2]> {
        let classes = |axis: &A::Axis, of: &dyn Fn(usize) -> Ranges<'a, A>| {
            let on_axis = |&range: &(A, A)| axis.range(range);
            Classes::of((0..extents.len()).map(|extent| Some(of(extent)?.iter().map(on_axis))))
        };
        Some([
            classes(&self.source, &|extent| extents[extent].source)?,
            classes(&self.destination, &|extent| extents[extent].destination)?,
        ])
    }
}

impl<'a, A: Address> Extent<'a, A> {
    /// The extent of a rule; none where it matches no key of the family. No key outside a rule's
    /// extent is one that it matches, nor one on which it depends.
    pub(super) fn of(id: RuleId, rule: &'a Rule, kinds: &'a Taken) -> Option<Self> {
        // Destructured, so that a new field does not compile until it is placed: here, or among the
        // facts of which kinds are made.
        let Match {
            source,
            destination,
            source_port,
            port,
            protocol: _,
            interface: _,
            in_interface: _,
            out_interface: _,
            icmp_type: _,
            tcp_flags: _,
            state: _,
            user: _,
        } = &rule.matches;
        let addresses = |set: &'a Option<std::sync::Arc<AddressSet>>, ask| {
            let ranges = set.as_deref().map(A::ranges);
            ranges.filter(|ranges| ranges.len() <= LONG || kinds.misses(ask))
        };
        let ports = |set: &'a Option<RangeSet<u16>>, ask| {
            let ranges = set.as_ref().map(RangeSet::ranges);
            ranges.filter(|ranges| ranges.len() <= LONG || kinds.misses(ask))
        };
        let exact = kinds.is_complete() && rule.standing == Standing::InForce;
        let extent = Self {
            mark: Mark::new(id, rule.action, exact),
            source: addresses(source, Ask::Source),
            destination: addresses(destination, Ask::Destination),
            source_port: ports(source_port, Ask::SourcePort),
            port: ports(port, Ask::Port),
            kinds,
        };
        let empty = [extent.source, extent.destination].contains(&Some(&[]))
            || [extent.source_port, extent.port].contains(&Some(&[]))
            || (kinds.certain.is_empty() && kinds.doubtful.is_empty());
        (!empty).then_some(extent)
    }

    /// The extent that the rule would have if it named no address.
    pub(super) fn anywhere(&self) -> Self {
        Self { source: None, destination: None, ..self.clone() }
    }

    /// Whether the rule matches whatever `other` may match, as far as both are for the same addresses.
    pub(super) fn covers_at_same_addresses(&self, other: &Self) -> bool {
        let kinds = |of: &RangeSet<u16>| within(Some(of.ranges()), Some(self.kinds.certain.ranges()));
        self.mark.is_exact()
            && within(other.port, self.port)
            && within(other.source_port, self.source_port)
            && kinds(&other.kinds.certain)
            && kinds(&other.kinds.doubtful)
    }

    /// Whether the rule matches whatever `other` may match.
    pub(super) fn covers(&self, other: &Self) -> bool {
        within(other.source, self.source)
            && within(other.destination, self.destination)
            && self.covers_at_same_addresses(other)
    }

    /// How often all keys have to be halved until about the rule's are left.
    pub(super) fn narrowness(&self) -> u32 {
        fn halvings<T: Coordinate>(ranges: Ranges<'_, T>) -> u32 {
            let widest = each(ranges).map(|(first, last)| last.shift_from(first, 0)).max();
            T::MAX.shift_from(T::MIN, 0) - widest.unwrap_or_default()
        }
        halvings(self.source)
            + halvings(self.destination)
            + halvings(self.source_port)
            + halvings(self.port)
            + halvings(Some(self.kinds.certain.ranges()))
    }

    /// How many ranges it has of source, destination, source port and port.
    fn ranges(&self) -> [usize; 4] {
        let Self { source, destination, source_port, port, .. } = self;
        let [source, destination] = [source, destination].map(|ranges| ranges.map_or(1, <[_]>::len));
        let [source_port, port] = [source_port, port].map(|ranges| ranges.map_or(1, <[_]>::len));
        [source, destination, source_port, port]
    }

    /// Which of these stay the ranges that they are if there are at most `most` areas, and how many areas they
    /// make; of the others, only from the first to the last is told.
    fn kept(&self, most: usize) -> ([bool; 4], usize) {
        let ranges = self.ranges();
        let mut order = [1, 3, 0, 2];
        order.sort_by_key(|&dimension| std::cmp::Reverse(ranges[dimension]));
        let (mut kept, mut areas) = ([false; 4], 1usize);
        for dimension in order {
            let product = areas.saturating_mul(ranges[dimension]);
            if product <= most {
                (kept[dimension], areas) = (true, product);
            }
        }
        (kept, areas)
    }

    /// How many areas [`Self::areas`] makes.
    pub(super) fn parts(&self, most: usize) -> usize {
        let kinds = self.kinds.certain.ranges().len() + self.kinds.doubtful.ranges().len();
        let all = self.ranges().into_iter().fold(kinds, usize::saturating_mul);
        if all <= most { all } else { self.kept(most).1 }
    }

    /// The extent as areas, at most `most` of them: what would take more is put in areas that are
    /// wider than the extent, of which the rule is asked.
    pub(super) fn areas(&self, axes: &Axes<A>, most: usize, areas: &mut Vec<Area>) {
        let Self { mark, source, destination, source_port, port, kinds: Taken { certain, doubtful, .. } } =
            self;
        let certain = certain.ranges().iter().map(|&range| (range, *mark));
        let doubtful = doubtful.ranges().iter().map(|&range| (range, mark.asked()));
        let kinds: Vec<((u16, u16), Mark)> = certain.chain(doubtful).collect();
        if self.ranges().into_iter().fold(kinds.len(), usize::saturating_mul) <= most {
            for (kind, mark) in kinds {
                boxes_of(*source, *destination, *source_port, *port).for_each(|area| {
                    areas.push(axes.area(area, kind, mark));
                });
            }
            return;
        }
        let first = kinds.iter().map(|(kind, _)| kind.0).min().unwrap_or_default();
        let last = kinds.iter().map(|(kind, _)| kind.1).max().unwrap_or_default();
        let (kept, _) = self.kept(most);
        let hulls = ([hull(*source)], [hull(*destination)], [hull(*source_port)], [hull(*port)]);
        let source = if kept[0] { *source } else { Some(&hulls.0[..]) };
        let destination = if kept[1] { *destination } else { Some(&hulls.1[..]) };
        let source_port = if kept[2] { *source_port } else { Some(&hulls.2[..]) };
        let port = if kept[3] { *port } else { Some(&hulls.3[..]) };
        boxes_of(source, destination, source_port, port).for_each(|area| {
            areas.push(axes.area(area, (first, last), mark.asked()));
        });
    }
}

/// These extents as areas: not many more than the ranges that they name.
pub(super) fn areas<A: Address>(extents: &[Extent<'_, A>], axes: &Axes<A>) -> Vec<Area> {
    let named: usize = extents.iter().map(|extent| extent.ranges().into_iter().max().unwrap_or(1)).sum();
    let total = |most: usize| extents.iter().map(|extent| extent.parts(most)).sum::<usize>();
    let mut most = 4096;
    while most > 1 && total(most) > 2 * named + 1024 {
        most /= 2;
    }
    let mut areas = Vec::with_capacity(total(most));
    extents.iter().for_each(|extent| extent.areas(axes, most, &mut areas));
    areas
}

type Box4<A> = ((A, A), (A, A), (u16, u16), (u16, u16));

impl<A: Address> Axes<A> {
    fn area(&self, (source, destination, source_port, port): Box4<A>, kind: (u16, u16), mark: Mark) -> Area {
        Area {
            source: self.source.range(source),
            destination: self.destination.range(destination),
            source_port,
            port,
            kind,
            mark,
        }
    }
}

fn boxes_of<'a, A: Address>(
    source: Ranges<'a, A>,
    destination: Ranges<'a, A>,
    source_port: Ranges<'a, u16>,
    port: Ranges<'a, u16>,
) -> impl Iterator<Item = Box4<A>> + 'a {
    each(source).flat_map(move |source| {
        each(destination).flat_map(move |destination| {
            each(source_port).flat_map(move |source_port| {
                each(port).map(move |port| (source, destination, source_port, port))
            })
        })
    })
}

/// Whether every number of these ranges is in those of `outer`, which don't touch.
fn within<T: Step>(ranges: Ranges<'_, T>, outer: Ranges<'_, T>) -> bool {
    let Some(outer) = outer else { return true };
    each(ranges).all(|(first, last)| {
        let before = outer.partition_point(|range| range.0 <= first);
        before > 0 && last <= outer[before - 1].1
    })
}

fn each<T: Step>(ranges: Ranges<'_, T>) -> impl Iterator<Item = (T, T)> {
    let all = ranges.is_none().then_some((T::MIN, T::MAX));
    all.into_iter().chain(ranges.unwrap_or_default().iter().copied())
}

/// From the first to the last of the ranges.
fn hull<T: Step>(ranges: Ranges<'_, T>) -> (T, T) {
    match ranges {
        Some([first, .., last]) => (first.0, last.1),
        Some([only]) => *only,
        Some([]) | None => (T::MIN, T::MAX),
    }
}
