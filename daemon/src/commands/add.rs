//! `allow` and `block`: the rule that would do it, what it changes, and its place.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use portcullis_config::{Config, Loaded, Sources, failed_tests};
use portcullis_rules::{Action, Rule, Ruleset, Space};

use super::{Outcome, diff::Comparison, fail};
use crate::{
    cli::{AllowArgs, BlockArgs},
    source::{self, Origin},
};

/// Where rules go whose place doesn't matter: after all others.
const OVERLAY: &str = "rules.d/99-commands.toml";

pub(super) fn allow(args: &AllowArgs) -> Outcome {
    let (port, protocol) = args.door.split_once('/').unwrap_or((&args.door, "tcp"));
    let is_plain = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !is_plain(port) || !is_plain(protocol) {
        return fail(Outcome::Usage, "a door is a port and a protocol: 443/tcp, 8000-8099/udp, ssh");
    }
    let source = match args.from.as_deref() {
        Some([from, address]) if from == "from" => Some(address.as_str()),
        None => None,
        Some(_) => return fail(Outcome::Usage, "after the door, write: from ADDRESS"),
    };
    if let Some(source) = source
        && !is_address(source)
    {
        return not_an_address();
    }
    let whose = source.map_or_else(String::new, |source| format!(" from {source}"));
    let mut keys = vec![format!("protocol = \"{protocol}\"")];
    keys.extend(source.map(|source| format!("source   = \"{source}\"")));
    let number = port.bytes().all(|byte| byte.is_ascii_digit());
    keys.push(if number { format!("port     = {port}") } else { format!("port     = \"{port}\"") });
    add(
        &Wanted { name: format!("allow {port}/{protocol}{whose}"), keys, action: Action::Accept },
        args.write,
        args.config.config.as_deref(),
    )
}

pub(super) fn block(args: &BlockArgs) -> Outcome {
    let address = &args.address;
    if !is_address(address) {
        return not_an_address();
    }
    let keys = vec![format!("source   = \"{address}\"")];
    add(
        &Wanted { name: format!("block {address}"), keys, action: Action::Drop },
        args.write,
        args.config.config.as_deref(),
    )
}

/// What goes between quotes as it is.
fn is_address(text: &str) -> bool {
    let set = text.strip_prefix('@').is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    set || text.parse::<IpNet>().is_ok() || text.parse::<std::net::IpAddr>().is_ok()
}

fn not_an_address() -> Outcome {
    fail(Outcome::Usage, "not an address, a prefix such as 203.0.113.0/24, or a set such as @office")
}

/// A rule on input that is wanted.
struct Wanted {
    name: String,
    keys: Vec<String>,
    action: Action,
}

impl Wanted {
    fn toml(&self, ruleset: &Ruleset) -> String {
        let is_free = |name: &String| ruleset.rules.iter().all(|rule| *rule.name != **name);
        let others = (2..).map(|number| format!("{} ({number})", self.name));
        let name = [self.name.clone()].into_iter().chain(others).find(is_free).unwrap_or_default();
        let Self { keys, action, .. } = self;
        format!(
            "[[rule]]\nname     = \"{name}\"\nhook     = \"input\"\n{}\naction   = \"{action}\"\n",
            keys.join("\n")
        )
    }
}

fn add(wanted: &Wanted, write: bool, file: Option<&Path>) -> Outcome {
    let (loaded, main) = match source::load_checked(file) {
        Ok((loaded, Origin::Files(main))) => (loaded, main),
        Ok(_) => return fail(Outcome::Invalid, format!("there is no {}", source::FILE)),
        Err(report) => {
            eprintln!("{report}");
            return Outcome::Invalid;
        }
    };
    let toml = wanted.toml(&loaded.config.ruleset);
    let overlay = main.parent().unwrap_or_else(|| Path::new("")).join(OVERLAY);
    let (place, edited) = match placed(&loaded, &overlay, &toml) {
        Ok(placed) => placed,
        Err(report) => {
            eprintln!("{report}");
            return Outcome::Usage;
        }
    };
    println!("# {}\n{toml}", place.in_words());
    eprint!("{}", Comparison::at_all_times(&loaded.config, &edited.config).in_words());
    for rule in failsafe_against(&edited.config, wanted.action) {
        eprintln!(
            "but the failsafe rule \"{}\" ({}) still lets in what it names: the kernel asks it first",
            rule.name, rule.place
        );
    }
    let failures = failed_tests(&edited.config);
    if !failures.is_empty() {
        failures.iter().for_each(|failure| eprintln!("{failure}"));
        return fail(Outcome::No, "a test of the policy fails with it: nothing is written");
    }
    if !write {
        eprintln!("nothing is written yet: --write does it");
        return Outcome::Fine;
    }
    match place.write(&toml) {
        Ok(()) => {
            eprintln!("written to {}; portcullis reload puts it in force", place.file().display());
            Outcome::Fine
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fail(Outcome::NotPermitted, format!("cannot write {}: {error}", place.file().display()))
        }
        Err(error) => fail(Outcome::No, format!("cannot write {}: {error}", place.file().display())),
    }
}

/// Where a rule's text goes.
enum Place {
    /// At the end of the overlay, which may not exist yet.
    End { file: PathBuf, before: String },
    /// Before this line of a file, from 1, where the rule stands that would decide otherwise.
    Line { file: PathBuf, before: String, line: usize, rule: String },
}

impl Place {
    fn file(&self) -> &Path {
        match self {
            Self::End { file, .. } | Self::Line { file, .. } => file,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::End { file, .. } => format!("at the end of {}", file.display()),
            Self::Line { file, rule, line, .. } => {
                format!("before the rule \"{rule}\", which would decide first: {}:{line}", file.display())
            }
        }
    }

    /// The file's text with the rule in it; all that was there still is.
    fn text(&self, toml: &str) -> String {
        match self {
            Self::End { before, .. } if before.is_empty() => toml.to_owned(),
            Self::End { before, .. } => format!("{}\n\n{toml}", before.trim_end_matches('\n')),
            Self::Line { before, line, .. } => {
                let mut lines = before.split_inclusive('\n');
                let head: String = lines.by_ref().take(line - 1).collect();
                format!("{head}{toml}\n{}", lines.collect::<String>())
            }
        }
    }

    /// Replaces the file in one step, unless somebody has changed it since it was read.
    fn write(&self, toml: &str) -> io::Result<()> {
        let (Self::End { file, before } | Self::Line { file, before, .. }) = self;
        let now = match fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        if now != *before {
            return Err(io::Error::other("it was changed meanwhile; try again"));
        }
        let directory = file.parent().unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(directory)?;
        // Hidden, so that no reload takes the half for the whole.
        let draft = directory.join(".portcullis-commands.new");
        let mut written = fs::File::create(&draft)?;
        written.write_all(self.text(toml).as_bytes())?;
        if let Ok(metadata) = fs::metadata(file) {
            written.set_permissions(metadata.permissions())?;
        }
        written.sync_all()?;
        fs::rename(draft, file)
    }
}

/// The place where nothing decides otherwise before the rule, and the configuration with it there.
fn placed(loaded: &Loaded, overlay: &Path, toml: &str) -> Result<(Place, Loaded), String> {
    let text = |sources: &Sources, path: &Path| {
        let path = path.to_string_lossy();
        let found = sources.files().iter().find(|source| *source.path == *path);
        found.map_or_else(String::new, |source| source.text().to_owned())
    };
    let end = Place::End { file: overlay.to_owned(), before: text(&loaded.sources, overlay) };
    let with = |place: &Place| {
        let sources = loaded.sources.with_text(place.file(), place.text(toml).into());
        sources.load().map_err(|report| report.to_string())
    };
    let edited = with(&end)?;
    let ruleset = &edited.config.ruleset;
    // It is the last, unless other overlays come after ours.
    let old = &loaded.config.ruleset.rules;
    let Some(own) = ruleset.rules.iter().position(|rule| old.iter().all(|old| old.name != rule.name)) else {
        return Ok((end, edited));
    };
    let space = Space::of([&**ruleset]);
    let regions = space.matched(&ruleset.rules[own]);
    let accepts = |rule: &Rule| rule.action == Action::Accept;
    let otherwise = |rule: &&Rule| {
        accepts(rule) != accepts(&ruleset.rules[own])
            && space.matched(rule).iter().any(|region| regions.iter().any(|own| region.and(own).is_some()))
    };
    let Some(first) = ruleset.rules[..own].iter().find(otherwise) else { return Ok((end, edited)) };
    let file = PathBuf::from(&*first.place.file);
    let before = text(&loaded.sources, &file);
    let place = Place::Line { file, before, line: first.place.line as usize, rule: first.name.to_string() };
    let edited = with(&place)?;
    Ok((place, edited))
}

/// What the kernel lets in ahead of a rule that refuses.
fn failsafe_against(config: &Config, action: Action) -> impl Iterator<Item = &Rule> {
    config.ruleset.rules.iter().filter(move |rule| rule.failsafe && action != Action::Accept)
}
