//! Every command that the documents tell is one that the command line takes.
//!
//! The tutorial's are run, each with what it prints; those of the others need a host of their own.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::bed::binary;

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "packaging/doc/guide.md",
    "packaging/doc/from-ufw-iptables.md",
    "packaging/doc/incidents.md",
    "packaging/doc/tutorial.md",
    "packaging/doc/portcullis.toml.5",
    "packaging/portcullis.toml",
    "packaging/install",
];

/// What follows each `portcullis ` that begins a command: in a code span, a code block, or after bold type
/// in a manual.
fn commands(text: &str) -> BTreeSet<String> {
    let text = text.replace("\\-", "-").replace("\\(dq", "\"");
    let mut found = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
            continue;
        }
        let mut pieces: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        if in_block {
            pieces = vec![line];
        } else if let Some(bold) = line.strip_prefix(".B ").or_else(|| line.strip_prefix(".BR ")) {
            pieces.push(bold.trim_start_matches('"').split("\" ").next().unwrap_or_default());
        } else if let Some(remark) = line.strip_prefix("#   ") {
            pieces.push(remark.split("  ").next().unwrap_or_default());
        } else if line.starts_with("\t\t  portcullis ") {
            pieces.push(line.trim().split("  ").next().unwrap_or_default());
        }
        for piece in pieces {
            for part in piece.split(['|', ';']) {
                let part = part.trim_start_matches(['#', ' ', '{']).trim_start();
                let part = part.strip_prefix("sudo ").unwrap_or(part);
                let Some(words) = part.strip_prefix("portcullis ") else { continue };
                let words = [" #", " 2>", ">", "&"]
                    .iter()
                    .fold(words, |words, end| words.split(end).next().unwrap_or_default());
                let words = words.trim().trim_end_matches(['.', ',', ':', '"']).trim();
                // What the program prints may begin with its name, too.
                if words.starts_with(|c: char| c.is_ascii_lowercase()) && !words.contains("process ") {
                    found.insert(words.to_owned());
                }
            }
        }
    }
    found
}

/// As a shell would split it, with something for what stands for something.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in command.split('"').enumerate() {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    for word in &mut words {
        match word.as_str() {
            "[NUMBER]" => "1".clone_into(word),
            "ADDRESS" => "192.0.2.9".clone_into(word),
            _ => {}
        }
    }
    words
}

#[test]
fn every_command_in_the_documents_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = BTreeSet::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("it is there");
        let commands = commands(&text);
        assert!(!commands.is_empty(), "{document} tells no command: is it read right?");
        for command in commands {
            // Words are looked at in order, so help is given only if those before it are right.
            let output =
                Command::new(binary()).args(words(&command)).arg("--help").output().expect("it runs");
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{document}: portcullis {command}\n{complaint}");
            all.insert(command);
        }
    }
    assert!(all.len() > 30, "{all:?}");
}
