use std::fs;

use portcullis_config::{Sources, SystemNames, load_with_names};

use super::{configurations, load};

fn stored(json: &str) -> serde_json::Result<Sources> {
    serde_json::from_str(json)
}

#[test]
fn a_snapshot_loads_the_same_without_the_files() {
    for path in configurations("tests/good") {
        let loaded = load(&path).unwrap();
        let again = stored(&loaded.sources.to_json()).unwrap();
        assert_eq!(again, loaded.sources);
        assert_eq!(again.load().unwrap().at(loaded.config.time), loaded, "{}", path.display());
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
    let paths: Vec<&str> = loaded.sources.files().iter().map(|source| &*source.path).collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    let json = loaded.sources.to_json();
    directory.close().unwrap();
    assert!(load_with_names(&main, &names).is_err());
    assert_eq!(stored(&json).unwrap().load().unwrap().at(loaded.config.time), loaded);
}

#[test]
fn what_is_no_snapshot_is_refused() {
    assert!(stored("{}").is_err());
    assert!(stored("mode = \"monitor\"").is_err());
    let empty = Sources::default().load().unwrap_err();
    assert_eq!(empty.to_string(), "error: the stored configuration is empty");
}

/// Of a list the addresses are kept, not how they were written; and how it was written before still loads.
#[test]
fn a_list_is_kept_as_its_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("portcullis.toml");
    let rules = "[policy]\ninput = \"drop\"\n[sets.bad]\nfile = \"bad.netset\"\n\
        [[rule]]\nname = \"a\"\nsource = \"@bad\"\naction = \"drop\"\n";
    fs::write(&main, rules).unwrap();
    fs::write(directory.path().join("bad.netset"), "; ours\r\n192.0.2.1 # a\n192.0.2.0\n::1-::2\n").unwrap();
    let mut sources = load(&main).unwrap().sources;
    let json = sources.to_json();
    assert!(json.contains(r#""text":"192.0.2.0/31\n::1-::2\n","is_list":true"#), "{json}");
    let as_written =
        json.replace(r"192.0.2.0/31\n::1-::2\n", r"; ours\r\n192.0.2.1 # a\n192.0.2.0\n::1-::2\n");
    assert_eq!(stored(&as_written).unwrap(), sources);
    assert!(stored(&json.replace("/31", "/33")).is_err());

    // Other words for the same addresses are no change.
    let (list, before) = (directory.path().join("bad.netset"), sources.clone());
    fs::write(&list, "192.0.2.0/31\n::1\n::2\n").unwrap();
    sources.read_list_again(&list).unwrap();
    assert_eq!(sources, before);
    fs::write(&list, "").unwrap();
    assert!(sources.read_list_again(&list).unwrap_err().to_string().contains("is empty"));
    fs::write(&list, "::1\nx\n").unwrap();
    let why = sources.read_list_again(&list).unwrap_err().to_string();
    assert!(why.contains("bad.netset:2:1") && why.contains("2 | x"), "{why}");
    assert_eq!(sources, before);
    fs::write(&list, "::1\n").unwrap();
    sources.read_list_again(&list).unwrap();
    assert_ne!(sources, before);
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
