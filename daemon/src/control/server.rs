//! The end that answers. Nobody who connects can make the daemon wait: sockets don't block, and the
//! number of clients, the length of a request and the time for it are bounded.

use std::{
    fs, io,
    os::{
        fd::AsFd as _,
        unix::{
            fs::{PermissionsExt as _, chown},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags};

use super::{
    client::{Client, Progress},
    message::{Command, Response},
};

/// Clients at the same time.
const MOST: usize = 32;
/// So many of them may be of those who can only look, so that root always finds a place.
const MOST_READERS: usize = 16;
/// The group that may look.
const GROUP: &str = "portcullis";

/// The daemon's end.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    clients: Vec<Client>,
}

impl Control {
    /// Listens at `path`, for root and the group `portcullis`. A socket left by a dead daemon is
    /// replaced.
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
        // A daemon that runs as root, in the foreground, does not have the group as its own.
        if rustix::process::geteuid().is_root()
            && let Some(group) = group_id(&fs::read_to_string("/etc/group").unwrap_or_default(), GROUP)
        {
            chown(path, None, Some(group))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.to_owned(), clients: Vec::new() })
    }

    /// What to wait on.
    pub fn polled(&self) -> Vec<PollFd<'_>> {
        let clients = self.clients.iter().map(|client| (client.as_fd(), client.interest()));
        let all = [(self.listener.as_fd(), PollFlags::IN)].into_iter().chain(clients);
        all.map(|(descriptor, interest)| PollFd::from_borrowed_fd(descriptor, interest)).collect()
    }

    /// How long to wait at most, so that a slow client is sent away in time.
    pub fn patience(&self, now: Instant) -> Option<Duration> {
        self.clients.iter().map(|client| client.end.saturating_duration_since(now)).min()
    }

    /// Takes in whoever waits, and answers those who have asked.
    pub fn serve(&mut self, mut answer: impl FnMut(Command) -> Response) {
        let now = Instant::now();
        self.accept(now);
        self.clients.retain_mut(|client| match client.advance(now, &mut answer) {
            Ok(progress) => progress == Progress::Waiting,
            Err(error) => {
                tracing::debug!("a control client went away: {error}");
                false
            }
        });
    }

    /// As many as there is room for in one turn; others are told so, or wait for the next.
    fn accept(&mut self, now: Instant) {
        for _ in 0..MOST {
            let Ok((stream, _)) = self.listener.accept() else { return };
            let Ok(client) = Client::new(stream, now) else { continue };
            let readers = self.clients.iter().filter(|client| !client.peer().may_write()).count();
            let full = self.clients.len() >= MOST || !client.peer().may_write() && readers >= MOST_READERS;
            if full {
                let busy = Response::Refused("too many clients ask the daemon at the same time".into());
                // It fits into an empty socket, unless the client is gone.
                let _ = client.dismiss(now, &busy);
            } else {
                self.clients.push(client);
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A group's number in /etc/group (group(5)).
fn group_id(groups: &str, name: &str) -> Option<u32> {
    let mut lines = groups.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?)
}
