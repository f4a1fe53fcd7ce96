//! The end that asks.

use std::{
    fmt,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::message::{Command, Response, request};

/// A reload with very large sets takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes: room for some hundred thousand bans.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// Why a daemon could not be asked.
#[derive(Debug)]
pub enum ControlError {
    /// Nobody listens.
    NotRunning(PathBuf),
    /// The socket is somebody else's.
    NotPermitted(PathBuf),
    /// The command is not for this user: what the daemon said.
    Denied(String),
    /// It did not answer, or not in our language.
    Failed(io::Error),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(socket) => {
                write!(
                    f,
                    "no daemon answers at {}; is it running? (systemctl status portcullis)",
                    socket.display()
                )
            }
            Self::NotPermitted(socket) => write!(
                f,
                "not permitted to talk to {}; try as root, or as a member of the group portcullis",
                socket.display()
            ),
            Self::Denied(why) => f.write_str(why),
            Self::Failed(error) => write!(f, "the daemon did not answer: {error}"),
        }
    }
}

impl std::error::Error for ControlError {}

/// Asks the daemon that listens at `socket`.
///
/// # Errors
/// See [`ControlError`].
pub fn ask(socket: &Path, command: Command) -> Result<Response, ControlError> {
    let stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => ControlError::NotPermitted(socket.to_owned()),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning(socket.to_owned())
        }
        _ => ControlError::Failed(error),
    })?;
    match exchange(&stream, command) {
        Ok(Response::NotPermitted(why)) => Err(ControlError::Denied(why)),
        Ok(response) => Ok(response),
        Err(error) => Err(ControlError::Failed(error)),
    }
}

fn exchange(mut stream: &UnixStream, command: Command) -> io::Result<Response> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&request(command)?)?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    serde_json::from_str(&line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
