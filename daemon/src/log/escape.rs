//! Text from outside, made safe for a terminal.

use std::fmt;

/// Shows text with everything that could move the cursor, hide or reorder other text written as
/// `\u{…}`.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains(is_unsafe) {
            return f.pad(self.0);
        }
        let escaped: String = self
            .0
            .chars()
            .map(|c| if is_unsafe(c) { c.escape_unicode().to_string() } else { c.to_string() })
            .collect();
        f.pad(&escaped)
    }
}

/// A JSON text with the same characters written as JSON's own escapes, which changes nothing in its
/// meaning: they are only valid inside strings.
pub fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if !is_unsafe(c) {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            safe.push_str(&format!("\\u{unit:04x}"));
        }
    }
    safe
}

/// Control characters (C0, DEL, C1), bidirectional marks, embeddings, overrides and isolates
/// (Unicode Standard Annex 9), line and paragraph separators, characters without width, and tags.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_could_deceive() {
        for (text, shown) in [
            ("ssh from the office", "ssh from the office"),
            ("büro 東京", "büro 東京"),
            ("\x1b[2J\x07", "\\u{1b}[2J\\u{7}"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("x\u{202e}y\u{2066}", "x\\u{202e}y\\u{2066}"),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
        assert_eq!(format!("{:<4}|", Escaped("a")), "a   |");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let json = "{\"a\":\"x\u{202e}y\u{e0041}\u{7f}\"}";
        let safe = escape_json(json);
        assert!(safe.is_ascii());
        let value = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(json), value(&safe));
    }
}
