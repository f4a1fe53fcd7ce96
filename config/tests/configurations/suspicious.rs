use portcullis_config::lint;

use super::{hold_against_golden, load};

#[test]
fn what_is_suspicious_is_told_in_the_expected_words() {
    hold_against_golden("tests/suspicious", |path| {
        let loaded = load(path).unwrap_or_else(|report| panic!("{report}"));
        let warnings = lint(&loaded);
        assert!(warnings.undecided().is_empty(), "{}", path.display());
        format!("{warnings}\n")
    });
}
