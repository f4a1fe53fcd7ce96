//! Configurations in files, good and bad ones, read as an administrator's are.

/// What is exported, and what is said in the words of rules, loads again.
mod again;
/// Bad ones, each with the exact text that the administrator sees.
mod bad;
/// Configurations at random, every field in every way.
mod generators;
/// Good ones, and what they mean.
mod good;
/// What holds for any text.
mod properties;
/// The JSON Schema that editors complete them by.
mod schema;
/// Snapshots of them.
mod snapshots;
/// Valid ones that are suspicious, each with the exact text of the warnings.
mod suspicious;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use portcullis_config::{Loaded, Report, SystemNames, load_with_names};

/// The system's names, the same on every machine.
fn names() -> SystemNames {
    SystemNames::from_files("tests/names/services", "tests/names/passwd")
}

fn load(path: &Path) -> Result<Loaded, Report> {
    load_with_names(path, &names())
}

/// The configurations in a directory: a file each, or a directory with a `portcullis.toml`.
fn configurations(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("the directory can be read").path());
    let configuration = |path: PathBuf| match path.is_dir() {
        true => Some(path.join("portcullis.toml")),
        false => Some(path).filter(|path| path.extension().is_some_and(|ending| ending == "toml")),
    };
    let mut paths: Vec<PathBuf> = paths.filter_map(configuration).collect();
    paths.sort();
    paths
}

/// Holds what is told of each configuration in a directory against its golden file. `UPDATE_GOLDEN=1 cargo test -p
/// portcullis-config` writes the expected texts anew; read them then.
fn hold_against_golden(directory: &str, tell: impl Fn(&Path) -> String) {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in configurations(directory) {
        let golden = golden(&path);
        let told = tell(&path);
        if update {
            fs::write(&golden, told).expect("our directory");
            continue;
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if told != expected {
            wrong.push(format!("{}: expected\n{expected}\ntold\n{told}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `NAME.stderr`, beside `NAME.toml` or the directory `NAME`.
fn golden(path: &Path) -> PathBuf {
    match path.parent() {
        Some(directory) if path.ends_with("portcullis.toml") => directory.with_extension("stderr"),
        _ => path.with_extension("stderr"),
    }
}
