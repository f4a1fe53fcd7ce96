//! Text of others, made fit to be shown.

use std::fmt::{self, Write as _};

/// Longer texts are cut when quoted, in letters.
const LONGEST: usize = 100;

/// A text in backquotes, escaped, and cut when it is long.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('`')?;
        for (n, letter) in self.0.chars().enumerate() {
            if n == LONGEST {
                f.write_char('…')?;
                break;
            }
            write_escaped(f, letter)?;
        }
        f.write_char('`')
    }
}

/// `text` with its control characters escaped.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        // Writing to a string cannot fail.
        let _ = write_escaped(&mut escaped, letter);
    }
    escaped
}

fn write_escaped(to: &mut impl fmt::Write, letter: char) -> fmt::Result {
    match letter {
        '\t' => to.write_char(' '),
        '\n' => to.write_str("\\n"),
        '\r' => to.write_str("\\r"),
        _ if !is_visible(letter) => write!(to, "\\u{{{:x}}}", u32::from(letter)),
        _ => to.write_char(letter),
    }
}

/// Whether a letter shows as itself. Control characters do not, nor do those that hide or turn the
/// direction of what follows: with them a text does not look like what it is.
pub(crate) fn is_visible(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_cannot_speak_to_the_terminal() {
        assert_eq!(Quoted("a\u{1b}[2Jb\n\u{202e}c").to_string(), "`a\\u{1b}[2Jb\\n\\u{202e}c`");
        assert_eq!(Quoted(&"x".repeat(110)).to_string(), format!("`{}…`", "x".repeat(100)));
    }
}
