//! The sections of a file, and the keys that each may hold.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};

use super::{Ban, Detect, Hook, Log, Policy, Queue, Rule, Set, Test};

/// A section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Top,
    Policy,
    Queue,
    Hook,
    Log,
    Detect,
    Ban,
    Set,
    Rule,
    Test,
}

impl Section {
    pub(crate) const ALL: [Self; 10] = [
        Self::Top,
        Self::Policy,
        Self::Queue,
        Self::Hook,
        Self::Log,
        Self::Detect,
        Self::Ban,
        Self::Set,
        Self::Rule,
        Self::Test,
    ];

    /// The keys that the section may hold.
    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Top => &["mode", "policy", "queue", "hook", "log", "detect", "sets", "rule", "test"],
            Self::Policy => keys_of::<Policy>(),
            Self::Queue => keys_of::<Queue>(),
            Self::Hook => keys_of::<Hook>(),
            Self::Log => keys_of::<Log>(),
            Self::Detect => keys_of::<Detect>(),
            Self::Ban => keys_of::<Ban>(),
            Self::Set => keys_of::<Set>(),
            Self::Rule => keys_of::<Rule>(),
            Self::Test => keys_of::<Test>(),
        }
    }

    /// How a key of the top level is written.
    pub(crate) fn header(key: &str) -> String {
        match key {
            "mode" => "`mode`".into(),
            "rule" | "test" => format!("[[{key}]]"),
            "sets" => "[sets.NAME]".into(),
            _ => format!("[{key}]"),
        }
    }

    /// Another section that holds `key`.
    pub(crate) fn elsewhere(self, key: &str) -> Option<Self> {
        let holds = |section: Self| match section {
            // The other keys there are sections.
            Self::Top => key == "mode",
            _ => section.keys().contains(&key),
        };
        Self::ALL.into_iter().find(|&other| other != self && holds(other))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Top => "the top of the file",
            Self::Policy => "[policy]",
            Self::Queue => "[queue]",
            Self::Hook => "[hook]",
            Self::Log => "[log]",
            Self::Detect => "[detect]",
            Self::Ban => "[detect.ban]",
            Self::Set => "[sets.NAME]",
            Self::Rule => "[[rule]]",
            Self::Test => "[[test]]",
        })
    }
}

/// The keys of `T`, as its derived implementation names them.
fn keys_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut asked = AskedFor(&[]);
    // It always fails: only the question counts.
    let _ = T::deserialize(&mut asked);
    asked.0
}

/// A deserializer that holds nothing, and remembers which fields it was asked for.
struct AskedFor(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut AskedFor {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("nothing here"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.0 = fields;
        Err(Error::custom("nothing here"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_keys_are_those_of_the_written_form() {
        assert_eq!(Section::Detect.keys(), ["threshold", "window", "ban", "allow"]);
        assert!(Section::Rule.keys().contains(&"source-port"));
        assert_eq!(Section::Rule.elsewhere("threshold"), Some(Section::Detect));
    }

    const MANUAL: &str = include_str!("../../../packaging/doc/portcullis.toml.5");

    /// From a section's heading to the next.
    fn described(heading: &str) -> &'static str {
        let after = MANUAL.split_once(&format!(".SH {heading}\n")).map(|(_, after)| after);
        let after = after.unwrap_or_else(|| panic!("portcullis.toml(5) does not describe {heading}"));
        after.split("\n.SH ").next().unwrap_or_default()
    }

    #[test]
    fn the_manual_describes_every_key() {
        for section in Section::ALL {
            let heading = match section {
                Section::Top => "TOP OF THE FILE".to_owned(),
                section => section.to_string(),
            };
            let described = described(&heading).replace('\\', "");
            let keys = section.keys().iter().filter(|key| section != Section::Top || **key == "mode");
            for key in keys {
                let tagged = described.lines().any(|line| {
                    (line.starts_with(".B ") || line.starts_with(".BR "))
                        && line.split([' ', ',', '"']).any(|word| word == *key)
                });
                assert!(tagged, "{key} of {heading} is not in portcullis.toml(5)");
            }
        }
    }

    #[test]
    fn the_manuals_examples_are_right_and_show_every_key() {
        let examples = MANUAL.split(".EX\n").skip(1).filter_map(|rest| Some(rest.split_once(".EE")?.0));
        let mut shown = HashSet::new();
        for example in examples {
            let home = tempfile::tempdir().expect("a directory");
            let file = home.path().join("portcullis.toml");
            std::fs::create_dir(home.path().join("lists")).expect("our directory");
            std::fs::write(home.path().join("lists/drop.netset"), "198.51.100.0/24\n")
                .expect("our directory");
            std::fs::write(&file, example).expect("our directory");
            let loaded = crate::load(&file).unwrap_or_else(|report| panic!("{report}"));
            assert!(crate::failed_tests(&loaded.config).is_empty());
            let mut section = Section::Top.to_string();
            for line in example.lines() {
                if line.starts_with("[sets.") {
                    section = Section::Set.to_string();
                } else if line.starts_with('[') {
                    line.clone_into(&mut section);
                } else if let Some((key, _)) = line.split_once('=') {
                    shown.insert((section.clone(), key.trim().to_owned()));
                }
            }
        }
        for section in Section::ALL {
            let nested = |key: &str| section == Section::Top && key != "mode" || key == "ban";
            for key in section.keys().iter().filter(|key| !nested(key)) {
                let there = shown.contains(&(section.to_string(), (*key).to_owned()));
                assert!(there, "no example of portcullis.toml(5) has {key} of {section}");
            }
        }
    }
}
