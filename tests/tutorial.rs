//! The tutorial, command by command: what it says is what happens.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use crate::bed::binary;

const TUTORIAL: &str = include_str!("../packaging/doc/tutorial.md");
/// Stands before what each command prints.
const MARK: &str = "=== command ";

/// A command, the text that it is about, and what it should print.
struct Step {
    script: String,
    expected: Vec<&'static str>,
}

/// What to run: commands of `console` blocks as they are, and `toml` blocks into the file whose name in
/// backticks comes last before them.
fn steps() -> Vec<Step> {
    let (mut steps, mut block, mut named) = (Vec::<Step>::new(), "", "");
    let mut file = String::new();
    for line in TUTORIAL.lines() {
        match (block, line) {
            ("", _) if line.starts_with("```") => {
                block = &line[3..];
                file.clear();
            }
            ("", _) => {
                named =
                    line.split('`').skip(1).step_by(2).find(|word| word.starts_with("/etc/")).unwrap_or(named)
            }
            (_, "```") => {
                if block == "toml" {
                    let script = format!("mkdir -p $(dirname {named}) && cat >{named} <<'END'\n{file}END");
                    steps.push(Step { script, expected: Vec::new() });
                }
                block = "";
            }
            ("toml", _) => writeln!(file, "{line}").expect("a string"),
            ("console", _) => match (line.strip_prefix("# "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { script: command.to_owned(), expected: Vec::new() }),
                (None, Some(step)) => step.expected.push(line),
                (None, None) => panic!("a block begins with a command: {line}"),
            },
            (other, _) => panic!("a block of {other}: write console or toml"),
        }
    }
    steps
}

/// Blanks and numbers that differ each time are all the same.
fn loosely(text: &str) -> String {
    let mut loose = String::new();
    for word in text.split_whitespace() {
        // Years, process ids and fingerprints; ports and addresses count.
        let changes = word.trim_end_matches([':', ',']).chars().all(|c| c.is_ascii_digit()) && word.len() > 3;
        loose += if changes { "N" } else { word };
        loose.push(' ');
    }
    loose.trim_end().to_owned()
}

/// Whether the line says what the tutorial says, in which `...` stands for anything.
fn fits(expected: &str, line: &str) -> bool {
    let (expected, line) = (loosely(expected), loosely(line));
    let mut rest = line.as_str();
    expected.split("...").map(str::trim).all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn every_command_does_what_the_tutorial_says() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "the tutorial needs root");
        return eprintln!("SKIPPED (needs root): the tutorial");
    }
    let steps = steps();
    assert!(steps.len() > 20, "{}", steps.len());
    let home = tempfile::tempdir().expect("a directory");
    fs::copy(binary(), home.path().join("portcullis")).expect("our directory");
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    shell.env("PATH", path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = shell.spawn().expect("bash is there");
    let mut input = shell.stdin.take().expect("piped");
    // One stream, as on a terminal.
    writeln!(input, "exec 2>&1").expect("it reads");
    for (number, Step { script, .. }) in steps.iter().enumerate() {
        // A command reads nothing of what follows, but a shell does.
        let quiet = if script.starts_with("unshare") || script == "exit" { "" } else { " </dev/null" };
        writeln!(input, "echo '{MARK}{number}'\n{{ {script}\n}}{quiet}").expect("it reads");
    }
    drop(input);
    let mut said = String::new();
    shell.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
    shell.wait().expect("our child");
    let mut outputs = said.split(MARK).skip(1).map(|part| part.split_once('\n').unwrap_or_default().1);
    for Step { script, expected } in &steps {
        let output = outputs.next().unwrap_or_else(|| panic!("{script} was not reached:\n{said}"));
        let mut lines = output.lines();
        for wanted in expected.iter().filter(|wanted| **wanted != "...") {
            assert!(
                lines.any(|line| fits(wanted, line)),
                "# {script}\ndoes not print:\n{wanted}\nbut:\n{output}"
            );
        }
    }
}
