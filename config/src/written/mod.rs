//! What the user wrote, section by section; nothing here knows what it means.

mod read;
mod section;
mod value;

use serde::{Deserialize, de::IgnoredAny};
use toml::Spanned;

pub(crate) use read::{Role, read};
pub(crate) use section::Section;
pub(crate) use value::{Kind, Many, One, Scalar, members};

use crate::{problem::Span, sources::FileId};

/// A file's contents.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) id: FileId,
    pub(crate) mode: Option<One>,
    pub(crate) policy: Option<Stanza<Policy>>,
    pub(crate) queue: Option<Stanza<Queue>>,
    pub(crate) hook: Option<Stanza<Hook>>,
    pub(crate) log: Option<Stanza<Log>>,
    pub(crate) detect: Option<Stanza<Detect>>,
    pub(crate) ban: Option<Stanza<Ban>>,
    pub(crate) sets: Vec<NamedSet>,
    pub(crate) rules: Vec<Stanza<Rule>>,
    pub(crate) tests: Vec<Stanza<Test>>,
}

impl File {
    const fn empty(id: FileId) -> Self {
        Self {
            id,
            mode: None,
            policy: None,
            queue: None,
            hook: None,
            log: None,
            detect: None,
            ban: None,
            sets: Vec::new(),
            rules: Vec::new(),
            tests: Vec::new(),
        }
    }
}

/// A section, and where its header stands.
#[derive(Debug)]
pub(crate) struct Stanza<T> {
    pub(crate) body: T,
    pub(crate) header: Span,
    /// The header's line, from 1.
    pub(crate) line: u32,
    /// Whether it holds keys that nobody knows; any of the known ones may have been meant.
    pub(crate) has_strangers: bool,
}

/// A `[sets.NAME]`; its body is `None` when it is too broken to be read.
#[derive(Debug)]
pub(crate) struct NamedSet {
    pub(crate) name: Spanned<String>,
    pub(crate) set: Option<Stanza<Set>>,
}

/// `[policy]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) input: Option<One>,
    pub(crate) output: Option<One>,
    pub(crate) forward: Option<One>,
}

/// `[queue]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Queue {
    pub(crate) numbers: Option<One>,
    pub(crate) inspect: Option<One>,
    pub(crate) on_overload: Option<One>,
    pub(crate) on_exit: Option<One>,
    pub(crate) backend: Option<One>,
    pub(crate) gso: Option<One>,
}

/// `[hook]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Hook {
    pub(crate) install: Option<One>,
    pub(crate) mask: Option<One>,
    pub(crate) allow_mark_clash: Option<One>,
}

/// `[log]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) directory: Option<One>,
    pub(crate) max_size: Option<One>,
    pub(crate) max_total: Option<One>,
    pub(crate) max_age: Option<One>,
    pub(crate) journald: Option<One>,
    pub(crate) syslog: Option<One>,
}

/// `[detect]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Detect {
    pub(crate) threshold: Option<One>,
    pub(crate) window: Option<One>,
    /// Read apart, so that its keys are told one by one: [`File::ban`].
    pub(crate) ban: Option<IgnoredAny>,
    pub(crate) allow: Option<Many>,
}

/// `[detect.ban]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Ban {
    pub(crate) enable: Option<One>,
    pub(crate) first: Option<One>,
    pub(crate) longest: Option<One>,
    pub(crate) severity: Option<One>,
}

/// `[sets.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Set {
    pub(crate) addresses: Option<Many>,
    pub(crate) ports: Option<Many>,
    pub(crate) file: Option<One>,
}

/// `[[rule]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: Option<One>,
    pub(crate) hook: Option<Many>,
    pub(crate) interface: Option<Many>,
    pub(crate) in_interface: Option<Many>,
    pub(crate) out_interface: Option<Many>,
    pub(crate) protocol: Option<Many>,
    pub(crate) source: Option<Many>,
    pub(crate) destination: Option<Many>,
    pub(crate) source_port: Option<Many>,
    pub(crate) port: Option<Many>,
    pub(crate) icmp_type: Option<Many>,
    pub(crate) tcp_flags: Option<Many>,
    pub(crate) state: Option<Many>,
    pub(crate) user: Option<Many>,
    pub(crate) action: Option<One>,
    pub(crate) log: Option<One>,
    pub(crate) failsafe: Option<One>,
    pub(crate) rate: Option<One>,
    pub(crate) expires: Option<One>,
    pub(crate) schedule: Option<Many>,
    pub(crate) comment: Option<One>,
}

/// `[[test]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Test {
    pub(crate) packet: Option<One>,
    pub(crate) expect: Option<One>,
    pub(crate) at: Option<One>,
}
