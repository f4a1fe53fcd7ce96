//! Why the demo ended early.

use std::{fmt, io};

use crate::commands::Outcome;

/// Why the demo ended early.
#[derive(Debug)]
pub(super) enum DemoError {
    /// Not root, and no way to become root.
    NotRoot,
    /// `sudo` could not be run.
    Sudo(io::Error),
    /// Tools are missing, and this host has no package manager that we know.
    Missing(Vec<&'static str>),
    /// The package manager did not install them.
    NotInstalled {
        /// Still missing.
        tools: Vec<&'static str>,
        /// What was run.
        command: String,
    },
    /// A command failed.
    Refused {
        /// What was run.
        command: String,
        /// What it said.
        stderr: String,
    },
    /// The daemon ended.
    Ended {
        /// What it said.
        stderr: String,
    },
    /// The daemon did not show what it should have.
    NotShown(String),
    /// The firewall did not do what it should have.
    Wrong {
        /// What was tried.
        what: String,
        /// What came of it.
        outcome: String,
    },
    /// A signal came, or nobody reads any more.
    Interrupted,
    /// Something else failed.
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl DemoError {
    /// For [`Result::map_err`].
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// The exit status.
    pub(super) fn outcome(&self) -> Outcome {
        let not_permitted = match self {
            Self::NotRoot | Self::Sudo(_) => true,
            Self::Refused { stderr, .. } => stderr.contains("Operation not permitted"),
            Self::Io { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        };
        if not_permitted { Outcome::NotPermitted } else { Outcome::No }
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRoot => {
                f.write_str("network namespaces need root, and there is no sudo here: run it as root")
            }
            Self::Sudo(source) => write!(f, "cannot run sudo: {source}"),
            Self::Missing(tools) => write!(
                f,
                "{} not found, and none of apt-get, dnf, pacman and zypper either: install nftables, iptables and iproute2",
                tools.join(", ")
            ),
            Self::NotInstalled { tools, command } => {
                write!(f, "{} not found, also after `{command}`", tools.join(", "))
            }
            Self::Refused { command, stderr } => {
                write!(f, "`{command}` failed: {}", stderr.trim().escape_debug())?;
                if stderr.contains("Operation not permitted") {
                    f.write_str("\nthis root may not make network namespaces; is it in a container?")?;
                }
                Ok(())
            }
            Self::Ended { stderr } => write!(f, "the daemon ended:\n{}", stderr.trim_end()),
            Self::NotShown(what) => write!(f, "the daemon showed no line with {what}"),
            Self::Wrong { what, outcome } => write!(f, "this should not have happened: {what}: {outcome}"),
            Self::Interrupted => f.write_str("interrupted; all is cleaned up"),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sudo(source) | Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
