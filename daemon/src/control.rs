//! The control socket: one JSON line asks, one JSON line answers.

use std::{
    fmt, fs,
    io::{self, BufRead as _, BufReader, Read, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::status::Status;

/// Where the daemon listens, unless told otherwise.
pub const SOCKET: &str = "/run/portcullis/control.sock";
const VERSION: u32 = 1;
/// A client that is slower than this is sent away.
const PATIENCE: Duration = Duration::from_secs(1);
/// A reload with very large sets takes its time.
const CLIENT_PATIENCE: Duration = Duration::from_secs(60);
const LONGEST: u64 = 64 * 1024;

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// How is it?
    Status,
    /// Read the configuration again.
    Reload,
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    version: u32,
    command: Command,
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// To [`Command::Status`].
    Status(Box<Status>),
    /// It was done; what there is to say.
    Done(String),
    /// It was not, and nothing has changed: why.
    Refused(String),
}

/// Why a daemon could not be asked.
#[derive(Debug)]
pub enum ControlError {
    /// Nobody listens.
    NotRunning(PathBuf),
    /// The socket is somebody else's.
    NotPermitted(PathBuf),
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
            Self::NotPermitted(socket) => {
                write!(f, "not permitted to talk to {}; try as root", socket.display())
            }
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
    let exchange = || {
        stream.set_read_timeout(Some(CLIENT_PATIENCE))?;
        send(&stream, &Request { version: VERSION, command })?;
        receive(&stream)
    };
    exchange().map_err(ControlError::Failed)
}

/// The daemon's end.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens at `path`, for root only. A socket left by a dead daemon is replaced.
    ///
    /// # Errors
    /// What the system said; `AddrInUse` when a living daemon answers there.
    pub fn listen(path: &Path) -> io::Result<Self> {
        if UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// The socket, to wait on.
    pub const fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Answers one who waits: the others' turn comes after signals have had theirs.
    pub fn serve(&self, mut answer: impl FnMut(Command) -> Response) {
        if let Ok((stream, _)) = self.listener.accept()
            && let Err(error) = serve_one(&stream, &mut answer)
        {
            tracing::debug!("a control client went away: {error}");
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn serve_one(stream: &UnixStream, answer: &mut dyn FnMut(Command) -> Response) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let response = match receive(Hurried { stream, end: Instant::now() + PATIENCE }) {
        Ok(Request { version: VERSION, command }) => answer(command),
        Ok(Request { version, .. }) => Response::Refused(format!(
            "this daemon speaks version {VERSION} of the control protocol, not {version}"
        )),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Response::Refused(error.to_string()),
        Err(error) => return Err(error),
    };
    send(stream, &response)
}

fn send(mut stream: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// A client's words, as long as our patience lasts: bytes that trickle in don't renew it.
struct Hurried<'a> {
    stream: &'a UnixStream,
    end: Instant,
}

impl Read for Hurried<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut stream = self.stream;
        stream.read(buffer)
    }
}

fn receive<T: DeserializeOwned>(stream: impl Read) -> io::Result<T> {
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
