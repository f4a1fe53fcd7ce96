//! A line of iptables-save, in words.

/// Splits at blanks; what stands in double quotes is one word, in which a backslash takes the next
/// character as it is (`xtables_save_string` in libxtables).
pub(super) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => (quoted, begun) = (!quoted, true),
            '\\' if quoted => word.extend(characters.next()),
            ' ' | '\t' if !quoted => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            other => word.push(other),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quoted_words_stay_together() {
        assert_eq!(words("-A INPUT  -j X"), ["-A", "INPUT", "-j", "X"]);
        assert_eq!(words(r#"--comment "a \"b\" c" "" x"#), ["--comment", "a \"b\" c", "", "x"]);
    }
}
