//! What can be read of a configuration that is not valid, for a host that has never had a valid one.

use std::{path::Path, sync::Arc};

use portcullis_rules::{Action, Rule, Ruleset};

use crate::{
    Config,
    lines::Lines,
    load::read_what_can_be,
    problem::{Diagnostic, Problem},
    settings::Mode,
    sources::Sources,
};

/// Of a configuration that is not valid, what is beyond doubt: its settings, the policies that refuse,
/// and those of its failsafe rules that have nothing wrong with them. The kernel alone can keep to that:
/// a door that was meant to be shut is, and the way in of its administrator is open.
///
/// `None` where nothing may be shut: the main file can't be read, something is wrong before its first
/// section (`mode` is there), the mode is monitor, or no policy refuses. A mode of `when-enabled` is
/// still to be [settled](Config::settle).
pub fn salvage(path: &Path) -> Option<Config> {
    let (mut config, sources, found) = read_what_can_be(path).ok()?;
    let wreck = Wreck::of(&sources, &found);
    if (config.mode == Mode::Monitor && !config.when_enabled) || wreck.broken_at_its_head() {
        return None;
    }
    let Ruleset { mut rules, mut policy } = Arc::unwrap_or_clone(config.ruleset);
    for action in [&mut policy.input, &mut policy.output, &mut policy.forward] {
        *action = action.filter(|action| *action != Action::Accept);
    }
    if policy.hooks().is_empty() {
        return None;
    }
    wreck.keep_sound(&mut rules);
    rules.retain(|rule| rule.failsafe);
    config.ruleset = Arc::new(Ruleset { rules, policy });
    (config.validities, config.tests) = (Vec::new(), Vec::new());
    Some(config)
}

/// Where the texts of a configuration are wrong.
struct Wreck<'a> {
    sources: &'a Sources,
    /// The file's name, and the line, from 1.
    broken: Vec<(&'a str, u32)>,
    /// Whether a set is not what it was meant to be.
    sets: bool,
}

impl<'a> Wreck<'a> {
    fn of(sources: &'a Sources, found: &[Diagnostic]) -> Self {
        let (mut broken, mut sets) = (Vec::new(), false);
        for Diagnostic { problem, at } in found {
            sets |= matches!(problem, Problem::Set(_));
            let Some(at) = at else { continue };
            let source = sources.get(at.file);
            let header = source.text()[..at.range.start].rsplit('\n').find(|line| is_header(line));
            sets |= header.is_some_and(|header| header.trim_start().starts_with("[sets"));
            broken.push((&*source.path, Lines::of(source.text()).number(at.range.start)));
        }
        Self { sources, broken, sets }
    }

    /// Whether something is wrong before the main file's first section.
    fn broken_at_its_head(&self) -> bool {
        let Some(main) = self.sources.files().first() else { return true };
        let head = main.text().lines().take_while(|line| !is_header(line)).count();
        self.broken.iter().any(|(file, line)| **file == *main.path && *line as usize <= head)
    }

    /// Keeps the rules with nothing wrong from their header to the next rule's, and, where a set is
    /// wrong, without any set: one that excludes a set with a member missing would let in more.
    fn keep_sound(&self, rules: &mut Vec<Rule>) {
        let headers: Vec<_> = rules.iter().map(|rule| rule.place.clone()).collect();
        rules.retain(|Rule { place, .. }| {
            let after = headers.iter().filter(|other| other.file == place.file && other.line > place.line);
            let end = after.map(|other| other.line).min().unwrap_or(u32::MAX);
            let within = |line: u32| (place.line..end).contains(&line);
            let names_a_set = || {
                let text = self.sources.files().iter().find(|source| source.path == place.file);
                let lines = text.into_iter().flat_map(|source| source.text().lines());
                lines.zip(1..).any(|(line, number)| within(number) && line.contains('@'))
            };
            let broken = self.broken.iter().any(|(file, line)| **file == *place.file && within(*line));
            !broken && (!self.sets || !names_a_set())
        });
    }
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SOUND: &str = "mode = \"enforce\"\n[policy]\ninput = \"drop\"\noutput = \"accept\"\n\
        [sets.office]\naddresses = \"192.0.2.0/24\"\n\
        [[rule]]\nname = \"ssh\"\nprotocol = \"tcp\"\nport = 22\naction = \"accept\"\nfailsafe = true\nhook = \"input\"\n\
        [[rule]]\nname = \"vpn\"\nprotocol = \"udp\"\nport = 51820\nsource = \"!@office\"\naction = \"accept\"\nfailsafe = true\nhook = \"input\"\n\
        [[rule]]\nname = \"web\"\nprotocol = \"tcp\"\nport = 80\naction = \"accept\"\nhook = \"input\"\n";

    fn salvaged(text: &str) -> Option<(Vec<String>, usize)> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("portcullis.toml");
        fs::write(&file, text).expect("our folder");
        let config = salvage(&file)?;
        let names = config.ruleset.rules.iter().map(|rule| rule.name.to_string()).collect();
        Some((names, config.ruleset.policy.hooks().len()))
    }

    #[test]
    fn sound_failsafe_rules_are_kept() {
        let kept = |text: &str| salvaged(text).expect("something").0;
        assert_eq!(kept(&SOUND.replace("port = 80", "port = 80080")), ["ssh", "vpn"]);
        assert_eq!(kept(&SOUND.replace("port = 80", "port = ")), ["ssh", "vpn"]);
        assert_eq!(kept(&SOUND.replace("port = 22", "prot = 22")), ["vpn"]);
        assert_eq!(kept(&SOUND.replace("port = 22", "port = [22")), Vec::<String>::new());
        assert_eq!(kept(&SOUND.replace("192.0.2.0/24", "192.0.2.0/42")), ["ssh"]);
        assert_eq!(kept(&SOUND.replace("[sets.office]", "[sets.offices]")), ["ssh"]);
        assert_eq!(salvaged(&SOUND.replace("port = 80", "port = \"x\"")).expect("something").1, 1);
    }

    #[test]
    fn where_nothing_is_meant_to_be_shut_nothing_is() {
        let broken = SOUND.replace("port = 80", "port = 80080");
        assert!(salvaged(&broken).is_some());
        for head in ["mode = \"monitor\"", "mode = \"enforced\"", "mode = ", "mood = \"monitor\""] {
            assert_eq!(salvaged(&broken.replace("mode = \"enforce\"", head)), None, "{head}");
        }
        assert_eq!(salvaged(&broken.replace("\"drop\"", "\"accept\"")), None);
        assert_eq!(salvaged("[[[\n"), None);
        assert_eq!(salvaged(""), None);
    }
}
