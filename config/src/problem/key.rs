//! Keys and sections that are not what they should be.

use std::fmt;

use super::Quoted;
use crate::written::Section;

/// What is wrong with a key, or with a section as a whole.
#[derive(Debug)]
pub(crate) enum KeyProblem {
    Unknown { section: Section, key: String, nearest: Option<String>, elsewhere: Option<Section> },
    MainOnly { key: String, is_table: bool },
    Missing { section: Section, key: &'static str },
    NotASection { section: Section },
    NotRepeated { section: Section },
    NumberTooLarge,
}

impl KeyProblem {
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Unknown { section: Section::Top, nearest: Some(nearest), .. } => {
                Some(format!("did you mean {}?", Section::header(nearest)))
            }
            Self::Unknown { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::Unknown { elsewhere: Some(Section::Top), key, .. } => {
                Some(format!("`{key}` belongs at the top of the file, before the first [section]"))
            }
            Self::Unknown { elsewhere: Some(section), key, .. } => {
                Some(format!("`{key}` belongs in {section}"))
            }
            Self::Unknown { section: Section::Top, .. } => {
                let headers: Vec<String> =
                    Section::Top.keys().iter().map(|key| Section::header(key)).collect();
                Some(format!("there are {}", headers.join(", ")))
            }
            Self::Unknown { section, .. } => {
                Some(format!("{section} may hold {}", section.keys().join(", ")))
            }
            Self::MainOnly { .. } => Some(
                "move it to portcullis.toml; files in rules.d hold [[rule]], [sets.NAME] and [[test]]".into(),
            ),
            Self::Missing { key, .. } => Some(
                match *key {
                    "name" => "write name = \"…\": the log shows it, so say what the rule is for",
                    "action" => "write action = \"accept\", \"drop\" or \"reject\"",
                    "packet" => "write packet = \"input tcp 192.0.2.9:40000 -> 192.0.2.1:22\", for example",
                    _ => "write expect = \"accept\", \"drop\" or \"reject\"",
                }
                .into(),
            ),
            Self::NotASection { section: Section::Set } => Some(
                "write [sets.NAME] on a line of its own, and addresses = …, ports = … or file = … below it"
                    .into(),
            ),
            Self::NotASection { section } | Self::NotRepeated { section } => {
                Some(format!("write {section} on a line of its own, and its keys below it"))
            }
            Self::NumberTooLarge => None,
        }
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { section: Section::Top, key, .. } => {
                write!(f, "unknown key or section {}", Quoted(key))
            }
            Self::Unknown { section, key, .. } => write!(f, "unknown key {} in {section}", Quoted(key)),
            Self::MainOnly { key, is_table: true } => write!(f, "[{key}] does not belong in an overlay"),
            Self::MainOnly { key, is_table: false } => write!(f, "`{key}` does not belong in an overlay"),
            Self::Missing { section, key } => write!(f, "this {section} has no `{key}`"),
            Self::NotASection { section } => write!(f, "{section} is a section, not a value"),
            Self::NotRepeated { section } => {
                write!(f, "{section} is written with two brackets, because there may be several")
            }
            Self::NumberTooLarge => f.write_str("this number is too large for any key"),
        }
    }
}
