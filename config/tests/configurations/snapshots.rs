use std::fs;

use portcullis_config::{Sources, SystemNames, load_with_names};

use super::{configurations, load};

#[test]
fn a_snapshot_loads_the_same_without_the_files() {
    for path in configurations("tests/good") {
        let loaded = load(&path).unwrap();
        let stored = Sources::from_json(&loaded.sources.to_json()).unwrap();
        assert_eq!(stored, loaded.sources);
        assert_eq!(stored.load().unwrap().at(loaded.config.time), loaded, "{}", path.display());
    }
}

/// Files, port names and user names are gone; the snapshot has them.
#[test]
fn a_snapshot_needs_nothing_of_the_system() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let main = file(
        "portcullis.toml",
        "[policy]\noutput = \"drop\"\n[sets.bad]\nfile = \"bad.netset\"\n\
         [[rule]]\nname = \"a\"\nuser = \"me\"\nport = \"door\"\ndestination = \"@bad\"\naction = \"accept\"\n",
    );
    file("bad.netset", "192.0.2.0/24\n");
    file("rules.d/a.toml", "[[rule]]\nname = \"b\"\nport = 25\naction = \"reject\"\n");
    let names = SystemNames::from_files(
        file("services", "door 7000/udp\n"),
        file("passwd", "me:x:1234:1234::/:/bin/sh\n"),
    );
    let loaded = load_with_names(&main, &names).unwrap();
    let paths: Vec<&str> = loaded.sources.texts().iter().map(|source| &*source.path).collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    let json = loaded.sources.to_json();
    directory.close().unwrap();
    assert!(load_with_names(&main, &names).is_err());
    assert_eq!(Sources::from_json(&json).unwrap().load().unwrap().at(loaded.config.time), loaded);
}

#[test]
fn what_is_no_snapshot_is_refused() {
    assert!(Sources::from_json("{}").is_err());
    assert!(Sources::from_json("mode = \"monitor\"").is_err());
    let empty = Sources::default().load().unwrap_err();
    assert_eq!(empty.to_string(), "error: the stored configuration is empty");
}

#[test]
fn a_missing_file_is_told() {
    let report = load("/nonexistent/portcullis.toml".as_ref()).unwrap_err();
    assert_eq!(
        report.to_string(),
        "error: cannot read `/nonexistent/portcullis.toml`: there is no such file\nhelp: make sure that the \
         path is right and that the file exists"
    );
}
