//! The words of a packet text, and where they stand in it.

use std::ops::Range;

use super::{Expected, PacketTextError, PacketTextFault};

/// A text's words, parted by white space.
#[derive(Debug)]
pub(super) struct Words<'a> {
    text: &'a str,
    at: usize,
}

/// One word, or a part of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    start: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text: text.trim_end(), at: 0 }
    }

    /// The next word; where there is none, an error that names what was expected.
    pub(super) fn next(&mut self, expected: Expected) -> Result<Word<'a>, PacketTextError> {
        let end = self.text.len();
        self.next_if_any().ok_or(PacketTextError { span: end..end, kind: PacketTextFault::Ends(expected) })
    }

    pub(super) fn next_if_any(&mut self) -> Option<Word<'a>> {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let text = rest.split_whitespace().next()?;
        self.at = start + text.len();
        Some(Word { text, start })
    }
}

impl<'a> Word<'a> {
    /// The word's meaning, where `meaning` finds one.
    pub(super) fn read<T>(
        self,
        expected: Expected,
        meaning: impl Fn(&str) -> Option<T>,
    ) -> Result<T, PacketTextError> {
        meaning(self.text).ok_or_else(|| self.wrong(PacketTextFault::Not(expected)))
    }

    pub(super) fn wrong(self, kind: PacketTextFault) -> PacketTextError {
        PacketTextError { span: self.start..self.start + self.text.len(), kind }
    }

    /// `[INSIDE]` or `[INSIDE]:AFTER`.
    pub(super) fn bracketed(self) -> Option<(Self, Option<Self>)> {
        let close = self.text.strip_prefix('[')?.find(']')? + 1;
        let end = self.text.len();
        let after = match &self.text[close + 1..] {
            "" => None,
            rest if rest.starts_with(':') => Some(self.part(close + 2..end)),
            _ => return None,
        };
        Some((self.part(1..close), after))
    }

    /// `BEFORE:AFTER`, at the only colon.
    pub(super) fn split_at_colon(self) -> Option<(Self, Self)> {
        let colon = self.text.find(':').filter(|&colon| self.text.rfind(':') == Some(colon))?;
        Some((self.part(0..colon), self.part(colon + 1..self.text.len())))
    }

    fn part(self, range: Range<usize>) -> Self {
        Self { start: self.start + range.start, text: &self.text[range] }
    }
}
