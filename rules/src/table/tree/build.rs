//! How the tree grows.

use super::{
    Child, Group, Node, Tree,
    cut::{Cut, Region, clip},
};
use crate::table::{
    area::{Area, NARROW},
    block::{Block, LANES},
};

/// Groups of fewer areas join the group of what is wide in both addresses.
const FEWEST_IN_GROUP: usize = 2 * LANES;

pub(super) fn tree(areas: &[Area], copies: usize) -> Tree {
    let regions: Vec<Region> = areas.iter().map(region_of).collect();
    let mut everything = EVERYTHING;
    // There are no kinds beyond the last that a rule takes, as far as rules go.
    everything[KIND].1 = regions.iter().map(|region| region[KIND].1).max().unwrap_or_default();
    let mut groups: [Vec<u32>; 4] = Default::default();
    for (number, region) in (0..).zip(&regions) {
        let wide = |dimension: usize| region[dimension].1 - region[dimension].0 >= NARROW;
        groups[usize::from(wide(0)) + 2 * usize::from(wide(1))].push(number);
    }
    for narrow in 0..3 {
        if groups[narrow].len() < FEWEST_IN_GROUP {
            let few = std::mem::take(&mut groups[narrow]);
            groups[3].extend(few);
        }
    }
    groups[3].sort_unstable();
    let mut builder = Builder { areas, regions, tree: Tree::empty() };
    for group in groups {
        if let Some(&first) = group.first() {
            let most = group.len() * copies;
            let root = builder.child(group, everything, most);
            builder.tree.groups.push(Group { first: areas[first as usize].mark, root });
        }
    }
    builder.tree.groups.sort_by_key(|group| group.first);
    builder.tree
}

const KIND: usize = 4;

const EVERYTHING: Region = [(0, u32::MAX), (0, u32::MAX), (0, 0xffff), (0, 0xffff), (0, 0xffff)];

struct Builder<'a> {
    areas: &'a [Area],
    regions: Vec<Region>,
    tree: Tree,
}

impl Builder<'_> {
    /// The subtree for these areas, in the order of their rules, of which each meets `region`. It
    /// holds at most `most` copies of areas.
    fn child(&mut self, mut areas: Vec<u32>, region: Region, most: usize) -> Child {
        if areas.len() > LANES {
            self.prune(&mut areas, &region);
        }
        if areas.len() <= LANES {
            return self.leaf(&areas);
        }
        let regions: Vec<Region> = areas.iter().map(|&area| self.regions[area as usize]).collect();
        let Some(cut) = Cut::best(&regions, &region, most) else {
            return self.leaf(&areas);
        };
        let pieces = pieces(&cut, &areas, &regions, &region);
        let copies: usize = pieces.iter().map(|piece| piece.areas.len()).sum();
        let first_cell = self.tree.cells.len();
        self.tree.cells.resize(first_cell + cut.last + 1, Child::EMPTY);
        let node = Child(small(self.tree.nodes.len()));
        self.tree.nodes.push(Node {
            dimension: small(cut.dimension),
            shift: small(cut.shift as usize),
            last: small(cut.last),
            base: cut.base,
            first_cell: small(first_cell),
        });
        for Piece { cells, areas } in pieces {
            let mut region = region;
            region[cut.dimension] = cut.range(cells, region[cut.dimension]);
            let share = (most as u128 * areas.len() as u128 / copies as u128) as usize;
            let child = self.child(areas, region, share);
            self.tree.cells[first_cell + cells.0..=first_cell + cells.1].fill(child);
        }
        node
    }

    fn leaf(&mut self, areas: &[u32]) -> Child {
        if areas.is_empty() {
            return Child::EMPTY;
        }
        let first = self.tree.blocks.len();
        let blocks = areas.len().div_ceil(LANES);
        self.tree.longest = self.tree.longest.max(blocks);
        for (number, lanes) in (1..).zip(areas.chunks(LANES)) {
            let lanes: Vec<&Area> = lanes.iter().map(|&area| &self.areas[area as usize]).collect();
            self.tree.blocks.push(Block::new(&lanes, number < blocks));
        }
        Child(small::<u32>(first) | Child::LEAF)
    }

    /// Leaves out areas that lie, as far as they are in the region, within an exact area of an
    /// earlier rule: wherever one of them holds a point, the earlier rule matches.
    fn prune(&self, areas: &mut Vec<u32>, region: &Region) {
        const FEW: usize = 64;
        let clipped = |area: u32| -> Region {
            let area = &self.regions[area as usize];
            std::array::from_fn(|dimension| clip(area[dimension], region[dimension]))
        };
        let exact = |area: u32| self.areas[area as usize].mark.is_exact();
        if let Some(all) = areas.iter().position(|&area| exact(area) && clipped(area) == *region) {
            areas.truncate(all + 1);
        }
        if areas.len() <= FEW {
            let mut kept: Vec<(Region, bool)> = Vec::with_capacity(areas.len());
            areas.retain(|&area| {
                let region = clipped(area);
                let covered = kept.iter().any(|(earlier, exact)| *exact && within(&region, earlier));
                if !covered {
                    kept.push((region, exact(area)));
                }
                !covered
            });
        }
    }
}

/// Neighbouring cells that share a child, and its areas.
struct Piece {
    cells: (usize, usize),
    areas: Vec<u32>,
}

/// What a cut makes. Neighbouring cells become one where they hold the same areas, and where what
/// they hold fits in one block together: it is compared at once either way.
fn pieces(cut: &Cut, areas: &[u32], regions: &[Region], region: &Region) -> Vec<Piece> {
    let span = |area: &Region| {
        let (first, last) = clip(area[cut.dimension], region[cut.dimension]);
        (cut.cell(first), cut.cell(last))
    };
    let mut starts = vec![false; cut.last + 2];
    starts[0] = true;
    for (first, last) in regions.iter().map(span) {
        starts[first] = true;
        starts[last + 1] = true;
    }
    let mut piece_of = Vec::with_capacity(cut.last + 1);
    let mut pieces: Vec<Piece> = Vec::new();
    for (cell, starts) in starts.into_iter().take(cut.last + 1).enumerate() {
        match pieces.last_mut() {
            Some(piece) if !starts => piece.cells.1 = cell,
            _ => pieces.push(Piece { cells: (cell, cell), areas: Vec::new() }),
        }
        piece_of.push(pieces.len() - 1);
    }
    for (&area, (first, last)) in areas.iter().zip(regions.iter().map(span)) {
        for piece in &mut pieces[piece_of[first]..=piece_of[last]] {
            piece.areas.push(area);
        }
    }
    pieces.dedup_by(|next, piece| {
        if piece.areas.len() + next.areas.len() > 2 * LANES {
            return false;
        }
        let mut both = [&piece.areas[..], &next.areas].concat();
        both.sort_unstable();
        both.dedup();
        let fits = both.len() <= LANES;
        if fits {
            piece.areas = both;
            piece.cells.1 = next.cells.1;
        }
        fits
    });
    pieces
}

fn within(inner: &Region, outer: &Region) -> bool {
    inner.iter().zip(outer).all(|(inner, outer)| outer.0 <= inner.0 && inner.1 <= outer.1)
}

fn region_of(area: &Area) -> Region {
    fn wide<T: Into<u32>>((first, last): (T, T)) -> (u32, u32) {
        (first.into(), last.into())
    }
    let &Area { source, destination, source_port, port, kind, mark: _ } = area;
    [source, destination, wide(source_port), wide(port), wide(kind)]
}

fn small<T: TryFrom<usize>>(count: usize) -> T {
    T::try_from(count).ok().expect("cuts, and trees under their cap, are smaller than that")
}
