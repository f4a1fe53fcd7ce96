//! What is asked and answered.

use std::{fmt, net::IpAddr};

use portcullis_config::Sources;
use serde::{Deserialize, Serialize};

use crate::{
    ban::BanList,
    hits::HitReport,
    status::Status,
    trial::{Entry, Fingerprint},
};

const VERSION: u32 = 1;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// How is it?
    Status,
    /// How often has each rule decided?
    Hits,
    /// Read the configuration again.
    Reload,
    /// What is live, as it can be made again?
    Configuration,
    /// Put the files into force.
    Apply {
        /// What the one who asks has looked at: nothing else is meant.
        fingerprint: Fingerprint,
        /// Seconds that it waits to be confirmed; `None`: it is meant to stay.
        confirm: Option<u64>,
        /// Whether a mode of `when-enabled` means enforce from now on.
        enable: bool,
    },
    /// Keep what is on trial.
    Confirm,
    /// What would be live after [`Self::Rollback`] to this number?
    Former {
        /// As there.
        number: Option<u64>,
    },
    /// Go back: to what was before the trial, or to a number of the history.
    Rollback {
        /// Which number; `None`: what was before the trial, or else the last that was another.
        number: Option<u64>,
        /// What the one who asks has looked at: nothing else is meant.
        fingerprint: Fingerprint,
    },
    /// What was live?
    History,
    /// Drop what comes from a source, for a time.
    Ban(BanCommand),
    /// Don't any more.
    Unban(IpAddr),
    /// Who is banned?
    Bans,
}

/// `portcullis ban`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanCommand {
    /// Whom; with an IPv6 address, its /64.
    pub source: IpAddr,
    /// For so many seconds; otherwise for the configuration's `detect.ban.first`.
    pub seconds: Option<u64>,
    /// Why.
    pub why: Option<String>,
    /// Also if that may cut off somebody who is spared.
    pub force: bool,
}

/// What a command does to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: whoever may connect may ask.
    Read,
    /// It changes something: for root only.
    Write,
}

impl Command {
    /// What it does to the daemon.
    pub const fn access(&self) -> Access {
        match self {
            Self::Status
            | Self::Hits
            | Self::Configuration
            | Self::Former { .. }
            | Self::History
            | Self::Bans => Access::Read,
            Self::Reload
            | Self::Apply { .. }
            | Self::Confirm
            | Self::Rollback { .. }
            | Self::Ban(_)
            | Self::Unban(_) => Access::Write,
        }
    }
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// To [`Command::Status`].
    Status(Box<Status>),
    /// To [`Command::Hits`].
    Hits(HitReport),
    /// To [`Command::Configuration`] and [`Command::Former`].
    Configuration {
        /// Every text that it was made from.
        sources: Sources,
        /// Whether the firewall is enabled.
        enabled: bool,
        /// Whether verdicts are carried out.
        enforces: bool,
    },
    /// To [`Command::History`]: the newest last.
    History(Vec<Entry>),
    /// To [`Command::Bans`].
    Bans(BanList),
    /// It was done; what there is to say.
    Done(String),
    /// It was not, and nothing has changed: why.
    Refused(String),
    /// Not for this user: why.
    NotPermitted(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    version: u32,
    command: Command,
}

/// The line that asks for `command`, its end included.
pub(super) fn request(command: Command) -> serde_json::Result<Vec<u8>> {
    line(&Request { version: VERSION, command })
}

/// A message as a line, its end included.
pub(super) fn line(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a request.
///
/// # Errors
/// When it is none, or one of another version.
pub fn parse(line: &[u8]) -> Result<Command, Malformed> {
    // The version first: the rest may be anything in another one.
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_slice(line).map_err(Malformed::Json)?;
    if version != VERSION {
        return Err(Malformed::Version(version));
    }
    serde_json::from_slice(line).map(|Request { command, .. }| command).map_err(Malformed::Json)
}

/// Why a line is no request.
#[derive(Debug)]
pub enum Malformed {
    /// It is not what was expected.
    Json(serde_json::Error),
    /// It is in another version of the protocol.
    Version(u32),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => {
                // It quotes what was asked, which may be anything, of any length.
                let quoted: String = error.to_string().chars().take(200).collect();
                write!(f, "this daemon does not understand the request: {}", quoted.escape_debug())
            }
            Self::Version(version) => {
                write!(f, "this daemon speaks version {VERSION} of the control protocol, not {version}")
            }
        }
    }
}

impl std::error::Error for Malformed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::Version(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_of_a_version() {
        assert_eq!(
            request(Command::Reload).expect("JSON"),
            b"{\"version\":1,\"command\":\"reload\"}\n".to_vec()
        );
        assert_eq!(parse(br#"{"command":"status","version":1}"#).expect("valid"), Command::Status);
    }

    #[test]
    fn what_is_no_request_is_told_why() {
        let table = [
            (r#"{"version":2,"command":{"from":"the future"}}"#, "speaks version 1"),
            (r#"{"version":1,"command":"flush"}"#, "unknown variant `flush`"),
            ("", "EOF"),
            ("status", "expected value"),
            (r#"{"command":"status"}"#, "missing field `version`"),
        ];
        for (line, expected) in table {
            let said = parse(line.as_bytes()).expect_err("no request").to_string();
            assert!(said.contains(expected), "{line}: {said}");
        }
    }
}
