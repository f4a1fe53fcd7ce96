//! `UPDATE_GOLDEN=1 cargo test -p portcullis-config` writes the expected texts anew; read them then.

use std::{env, fs};

use portcullis_config::lint;

use super::{configurations, golden, load};

#[test]
fn what_is_suspicious_is_told_in_the_expected_words() {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in configurations("tests/suspicious") {
        let golden = golden(&path);
        let loaded = load(&path).unwrap_or_else(|report| panic!("{report}"));
        let warnings = lint(&loaded);
        assert!(warnings.undecided().is_empty(), "{}", path.display());
        let told = format!("{warnings}\n");
        if update {
            fs::write(&golden, told).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if told != expected {
            wrong.push(format!("{}: expected\n{expected}\ntold\n{told}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
