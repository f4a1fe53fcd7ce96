//! Byte offsets as lines and columns.

use std::ops::Range;

/// Where the lines of a text begin.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let after_newlines =
            text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after_newlines).collect())
    }

    /// The number of the line that holds `offset`, from 1.
    pub(crate) fn number(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|&start| start <= offset)).unwrap_or(u32::MAX)
    }

    /// The bytes of line `number` of `text`, without its line break.
    pub(crate) fn range(&self, number: u32, text: &str) -> Range<usize> {
        let index = (number as usize).saturating_sub(1);
        let start = self.0.get(index).copied().unwrap_or(text.len());
        let end = self.0.get(index + 1).map_or(text.len(), |next| next - 1);
        let line = &text[start..end];
        start..start + line.strip_suffix('\r').unwrap_or(line).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_after_line_breaks() {
        let text = "one\r\n\nthree";
        let lines = Lines::of(text);
        let numbers: Vec<u32> = [0, 4, 5, 6, 11].map(|offset| lines.number(offset)).into();
        assert_eq!(numbers, [1, 1, 2, 3, 3]);
        let words: Vec<&str> = (1..=4).map(|number| &text[lines.range(number, text)]).collect();
        assert_eq!(words, ["one", "", "three", ""]);
    }
}
