//! The name that was probably meant.

/// Longer words are not names that anybody mistyped.
const LONGEST: usize = 40;

/// The known name nearest to what was written, if one is near enough to be meant: a few letters are
/// different, or one begins with the other.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let written: Vec<char> = written.to_lowercase().chars().collect();
    if written.is_empty() || written.len() > LONGEST {
        return None;
    }
    let scored = known.into_iter().filter_map(|name| {
        let letters: Vec<char> = name.to_lowercase().chars().take(LONGEST + 1).collect();
        let allowed = 1 + written.len().max(letters.len()) / 5;
        let distance = distance(&written, &letters);
        // A word that shares no letter in its place with the name is another word.
        let related = distance < written.len().min(letters.len());
        let begins = written.len().min(letters.len()) > 2
            && (written.starts_with(&letters) || letters.starts_with(&written));
        ((distance <= allowed && related) || begins).then_some((distance.min(2), !begins, name))
    });
    // Of several the first: tables begin with what is common.
    scored.min_by_key(|&(distance, begins, _)| (distance, begins)).map(|(.., name)| name.to_owned())
}

/// How many letters have to be changed, left out, put in, or exchanged with their neighbour
/// (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_when_it_is_near() {
        let known = ["source", "source-port", "port", "protocol", "state"];
        let cases = [
            ("soruce", Some("source")),
            ("sourceport", Some("source-port")),
            ("prot", Some("port")),
            ("Port", Some("port")),
            ("protokoll", Some("protocol")),
            ("sources", Some("source")),
            ("proto", Some("protocol")),
            ("banana", None),
            ("x", None),
            ("", None),
        ];
        for (written, meant) in cases {
            assert_eq!(nearest(written, known).as_deref(), meant, "{written}");
        }
    }
}
