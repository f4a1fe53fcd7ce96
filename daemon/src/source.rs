//! Where the daemon's rules come from.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use portcullis_config::{DEFAULT, Loaded, Report, failed_tests, load, load_text};

use crate::{
    snapshot::Snapshots,
    trial::{Fingerprint, Held, Standing},
};

/// The configuration file, unless another is named.
pub const FILE: &str = "/etc/portcullis/portcullis.toml";

/// Where live rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file and those beside it.
    Files(PathBuf),
    /// The last good configuration, because the files are not usable.
    LastGood {
        /// What is wrong with them.
        because: String,
    },
    /// Rules that were live before, by their number in the history.
    History(u64),
    /// The files, in monitor mode whatever they say, because they were never confirmed.
    Unconfirmed {
        /// The configuration file.
        file: PathBuf,
        /// Why that matters.
        because: String,
    },
    /// The built-in default, because there is no configuration file.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(file) => write!(f, "{}", file.display()),
            Self::LastGood { .. } => f.write_str("the last good configuration"),
            Self::History(number) => write!(f, "the history, number {number}"),
            Self::Unconfirmed { file, .. } => write!(f, "{}, in monitor mode", file.display()),
            Self::BuiltIn => f.write_str("the built-in default policy"),
        }
    }
}

/// Reads and checks a configuration, its own tests included: the file named, else the usual one,
/// else the built-in default.
///
/// # Errors
/// The whole report, ready to print.
pub fn load_checked(file: Option<&Path>) -> Result<(Loaded, Origin), String> {
    let (loaded, origin) = load_untested(file)?;
    let failures = failed_tests(&loaded.config);
    if failures.is_empty() {
        return Ok((loaded, origin));
    }
    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
    Err(failures.join("\n"))
}

/// The same, whatever its tests say: to be looked at, not to go live.
///
/// # Errors
/// The whole report, ready to print.
pub fn load_untested(file: Option<&Path>) -> Result<(Loaded, Origin), String> {
    let usual = Path::new(FILE);
    let (loaded, origin) = match file {
        None if is_missing(usual) => (load_text("built-in default", DEFAULT), Origin::BuiltIn),
        file => {
            let file = file.unwrap_or(usual);
            (load(file), Origin::Files(file.to_owned()))
        }
    };
    Ok((loaded.map_err(|report: Report| report.to_string())?, origin))
}

/// What a start runs: the files, unless they are unusable or held back; then the last good
/// configuration.
///
/// # Errors
/// The whole report, when there is no last good configuration either.
pub fn load_for_start(
    file: Option<&Path>,
    snapshots: &Snapshots,
    standing: &Standing,
) -> Result<(Loaded, Origin), String> {
    let (mut loaded, origin) = match standing.keeps_back() {
        Some(held) => load_held(file, snapshots, &held)?,
        None => load_or_last_good(file, snapshots)?,
    };
    settle(&mut loaded, &origin, standing.enabled);
    Ok((loaded, origin))
}

/// Decides what a mode of `when-enabled` means. The built-in default is never enabled.
pub fn settle(loaded: &mut Loaded, origin: &Origin, enabled: bool) {
    loaded.config.settle(enabled && *origin != Origin::BuiltIn);
}

/// The last good configuration; the files only if they are the same, or in monitor mode if there is none.
fn load_held(file: Option<&Path>, snapshots: &Snapshots, held: &Held) -> Result<(Loaded, Origin), String> {
    let files = load_checked(file);
    if let Some(kept) = snapshots.load() {
        return match files {
            Ok(files) if Fingerprint::of(&files.0.sources) == Fingerprint::of(&kept.sources) => Ok(files),
            _ => Ok((kept, Origin::LastGood { because: held.to_string() })),
        };
    }
    let (mut loaded, origin) = files?;
    Ok(match origin {
        Origin::Files(file) => {
            loaded.config.watch();
            loaded.config.when_enabled = false;
            (loaded, Origin::Unconfirmed { file, because: held.to_string() })
        }
        origin => (loaded, origin),
    })
}

/// Like [`load_checked`], but an unusable configuration gives way to the last good one.
fn load_or_last_good(file: Option<&Path>, snapshots: &Snapshots) -> Result<(Loaded, Origin), String> {
    let because = match load_checked(file) {
        // The usual file was there once: its loss must not open an enforcing host.
        Ok((_, Origin::BuiltIn)) if !is_missing(&snapshots.file()) => format!("{FILE} is missing"),
        Ok(found) => return Ok(found),
        Err(report) => report,
    };
    let loaded = snapshots.load().ok_or_else(|| because.clone())?;
    Ok((loaded, Origin::LastGood { because }))
}

/// Whether there is nothing by this name. What is there and can't be looked at, such as a link to a disk that is not
/// mounted, is not missing: it must not open an enforcing host.
fn is_missing(file: &Path) -> bool {
    fs::symlink_metadata(file).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nowhere_and_what_is_out_of_sight_are_not_missing() {
        let home = tempfile::tempdir().expect("a directory");
        let [file, link] = ["file", "link"].map(|name| home.path().join(name));
        assert!(is_missing(&link));
        std::os::unix::fs::symlink("nowhere", &link).expect("our directory");
        assert!(!is_missing(&link));
        fs::write(&file, "").expect("our directory");
        assert!(!is_missing(&file.join("out of sight")), "its directory is none");
    }
}
