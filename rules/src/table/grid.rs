//! A table of rows and columns, most of which is the same again and again.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::classes::Folding;

/// So many neighbouring cells of a row are a page: pages that are the same are kept once.
const PAGE: usize = 16;

/// Numbers by row and column.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// The numbers of each row's pages.
    pages: Box<[u16]>,
    cells: Box<[u16]>,
}

impl Grid {
    /// The number in this column of the row that begins at `row`.
    #[inline(always)]
    pub(super) fn at(&self, row: usize, column: u16) -> u16 {
        let column = usize::from(column);
        let page = self.pages.get(row + column / PAGE).copied().unwrap_or_default();
        self.cells.get(usize::from(page) * PAGE + column % PAGE).copied().unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.pages) + size_of_val(&*self.cells)
    }
}

/// A grid that is being made, row by row.
#[derive(Debug)]
pub(super) struct Growing {
    pages: Vec<u16>,
    cells: Vec<u16>,
    /// The pages' numbers, but for the first, which is empty.
    numbers: HashMap<[u16; PAGE], u16, BuildHasherDefault<Folding>>,
}

impl Growing {
    /// How many cells a page has: a row of n cells begins n / `PAGE` places, rounded up, before the next.
    pub(super) const PAGE: usize = PAGE;

    pub(super) fn new() -> Self {
        Self { pages: Vec::new(), cells: vec![0; PAGE], numbers: HashMap::default() }
    }

    /// Adds a row. Where it begins; `None` where there are too many different pages.
    pub(super) fn push(&mut self, row: &[u16]) -> Option<usize> {
        let begin = self.pages.len();
        for cells in row.chunks(PAGE) {
            let page = if cells.iter().all(|&cell| cell == 0) { 0 } else { self.page(cells)? };
            self.pages.push(page);
        }
        Some(begin)
    }

    fn page(&mut self, cells: &[u16]) -> Option<u16> {
        let mut page = [0; PAGE];
        page[..cells.len()].copy_from_slice(cells);
        if let Some(&number) = self.numbers.get(&page) {
            return Some(number);
        }
        let number = u16::try_from(self.cells.len() / PAGE).ok()?;
        self.cells.extend(page);
        self.numbers.insert(page, number);
        Some(number)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.pages) + size_of_val(&*self.cells)
    }

    /// The same, with other numbers in place of these.
    pub(super) fn with(mut self, numbers: &[u16]) -> Self {
        self.cells.iter_mut().for_each(|cell| *cell = numbers[usize::from(*cell)]);
        self
    }

    pub(super) fn done(self) -> Grid {
        Grid { pages: self.pages.into(), cells: self.cells.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Growing;

    #[test]
    fn what_is_the_same_is_kept_once() {
        let rows: [Vec<u16>; 4] = [
            vec![0; 100],
            (0..100).collect(),
            (0..100).map(|column| if column < 50 { column } else { 0 }).collect(),
            (0..100).collect(),
        ];
        let mut growing = Growing::new();
        let begins = rows.each_ref().map(|row| growing.push(row).unwrap());
        let bytes = growing.bytes();
        assert_eq!(
            growing.push(&rows[1]).map(|_| growing.bytes() - bytes),
            Some(2 * 100usize.div_ceil(Growing::PAGE))
        );
        let grid = growing.done();
        for (row, begin) in rows.iter().zip(begins) {
            for (column, &number) in (0..).zip(row) {
                assert_eq!(grid.at(begin, column), number, "{column}");
            }
        }
    }
}
