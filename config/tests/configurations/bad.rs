use super::{hold_against_golden, load};

#[test]
fn every_mistake_is_told_in_the_expected_words() {
    hold_against_golden("tests/bad", |path| match load(path) {
        Ok(_) => "(no error)\n".into(),
        Err(report) => format!("{report}\n"),
    });
}

#[test]
fn colours_change_nothing_but_the_colours() {
    let report = load("tests/bad/key_unknown.toml".as_ref()).unwrap_err();
    let coloured = report.render(true);
    assert!(coloured.contains('\u{1b}'));
    assert!(!report.render(false).contains('\u{1b}'));
}

#[test]
fn errors_have_their_place_also_for_machines() {
    let report = load("tests/bad/key_unknown.toml".as_ref()).unwrap_err();
    let first = report.errors().next().unwrap();
    assert_eq!(first.file, Some("tests/bad/key_unknown.toml"));
    assert_eq!((first.line, first.column), (6, 1));
    assert_eq!(first.message, "unknown key `soruce` in [[rule]]");
    assert_eq!(first.help.as_deref(), Some("did you mean `source`?"));
}
