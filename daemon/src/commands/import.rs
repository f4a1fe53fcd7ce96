//! `import`: somebody else's rules, as a configuration of ours.

use std::io::{self, Read as _};

use super::{Outcome, fail};
use crate::import::import;

/// More than this is no set of rules.
const LONGEST: u64 = 64 * 1024 * 1024;

pub(super) fn run() -> Outcome {
    let mut bytes = Vec::new();
    if let Err(error) = io::stdin().lock().take(LONGEST).read_to_end(&mut bytes) {
        return fail(Outcome::No, format!("cannot read standard input: {error}"));
    }
    let imported = import(&String::from_utf8_lossy(&bytes));
    print!("{}", imported.to_toml());
    let left = imported.all_left();
    let lost = left.iter().filter(|left| !left.why.is_harmless()).count();
    for left in &left {
        let word = if left.why.is_harmless() { "left out" } else { "NOT TRANSLATED" };
        eprintln!("{word}: {left}");
    }
    eprintln!("rules translated: {}; not translated: {lost}", imported.rules());
    if lost == 0 { Outcome::Fine } else { Outcome::No }
}
