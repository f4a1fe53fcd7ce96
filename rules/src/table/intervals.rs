//! From a number to the interval that it lies in: the step that turns addresses and ports into
//! small numbers.

use crate::Step;

/// A number that can be cut into equal cells.
pub(super) trait Coordinate: Step {
    /// How many cells of 2^`shift` values lie between `base` and this; 0 below `base`.
    fn cells_from(self, base: Self, shift: u32) -> usize;
    /// The smallest shift that leaves at most 2^`bits` cells between `base` and this.
    fn shift_from(self, base: Self, bits: u32) -> u32;
}

macro_rules! coordinate {
    ($($number:ty)*) => {$(
        impl Coordinate for $number {
            #[inline]
            fn cells_from(self, base: Self, shift: u32) -> usize {
                usize::try_from(self.saturating_sub(base) >> shift).unwrap_or(usize::MAX)
            }
            fn shift_from(self, base: Self, bits: u32) -> u32 {
                (Self::BITS - self.saturating_sub(base).leading_zeros()).saturating_sub(bits)
            }
        }
    )*};
}
coordinate!(u8 u16 u32 u128);

/// A function that is constant between its steps.
///
/// A node cuts the span of its steps into equal cells, about as many as there are steps. A cell
/// says the value, or which few steps to compare with, or the node that cuts it further: usually one
/// or two nodes, and at most one for every three bits of `T`.
#[derive(Debug, Clone)]
pub(super) struct Intervals<T> {
    /// Ascending; the first is the smallest `T`.
    starts: Box<[T]>,
    values: Box<[u32]>,
    nodes: Vec<Node<T>>,
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy)]
struct Node<T> {
    base: T,
    shift: u32,
    first_cell: u32,
    last: u32,
}

/// Two bits that say what the others are.
#[derive(Debug, Clone, Copy)]
struct Cell(u32);

const FEW: usize = 4;
const MOST_BITS: u32 = 15;

impl Cell {
    const TAG: u32 = 30;
    const VALUE: u32 = 0;
    const NODE: u32 = 1;

    const fn node(number: u32) -> Self {
        Self(Self::NODE << Self::TAG | number)
    }

    /// `FEW` intervals or fewer after the one numbered `first`.
    const fn few(first: u32) -> Self {
        Self(2 << Self::TAG | first)
    }
}

impl<T: Coordinate> Intervals<T> {
    /// The function that has the value of the last of these steps at or below each number; they
    /// ascend, and the first is at the smallest number. Values are below 2^30.
    pub(super) fn new(steps: impl IntoIterator<Item = (T, u32)>) -> Self {
        let (mut starts, mut values): (Vec<T>, Vec<u32>) = (Vec::new(), Vec::new());
        for (start, value) in steps {
            if values.last() != Some(&value) {
                starts.push(start);
                values.push(value);
            }
        }
        let mut intervals =
            Self { starts: starts.into(), values: values.into(), nodes: Vec::new(), cells: Vec::new() };
        let count = intervals.starts.len();
        if count > 1 {
            intervals.node(1, count);
        }
        intervals
    }

    /// The value at `at`.
    #[inline]
    pub(super) fn value(&self, at: T) -> u32 {
        let Some(mut node) = self.nodes.first() else {
            return self.values[0];
        };
        loop {
            let index = at.cells_from(node.base, node.shift).min(node.last as usize);
            let Cell(cell) = self.cells[node.first_cell as usize + index];
            let rest = cell & ((1 << Cell::TAG) - 1);
            match cell >> Cell::TAG {
                Cell::VALUE => return rest,
                Cell::NODE => node = &self.nodes[rest as usize],
                _ => {
                    let few = self.starts[rest as usize + 1..].iter().take(FEW);
                    let passed = few.map(|&start| usize::from(start <= at)).sum::<usize>();
                    return self.values[rest as usize + passed];
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.starts)
            + size_of_val(&*self.values)
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.cells)
    }

    /// Adds a node for the steps `from..to`.
    fn node(&mut self, from: usize, to: usize) -> u32 {
        let (base, end) = (self.starts[from], self.starts[to - 1]);
        let bits = ((to - from).ilog2() + 2).min(MOST_BITS);
        let shift = end.shift_from(base, bits);
        let last = end.cells_from(base, shift);
        let (number, first_cell) = (self.nodes.len(), self.cells.len());
        self.nodes.push(Node { base, shift, first_cell: small(first_cell), last: small(last) });
        self.cells.resize(first_cell + last + 1, Cell(0));
        let mut next = from;
        for index in 0..=last {
            let first = next;
            while next < to && self.starts[next].cells_from(base, shift) <= index {
                next += 1;
            }
            self.cells[first_cell + index] = match next - first {
                0 => Cell(self.values[first - 1]),
                1..=FEW => Cell::few(small(first - 1)),
                _ => Cell::node(self.node(first, next)),
            };
        }
        small(number)
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).expect("there are fewer intervals than that")
}
