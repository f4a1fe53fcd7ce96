//! The way from the detector to the list: from the recorder's thread to the control thread.

use std::{
    io::{self, Read as _, Write as _},
    net::IpAddr,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

/// Requests that may wait for the control thread.
const WAITING: usize = 1024;

/// Somebody is to be banned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanRequest {
    /// Who: with an IPv6 address, its /64.
    pub source: IpAddr,
    /// For how long from when it is carried out.
    pub length: Duration,
    /// Why, in plain words; it is shown escaped.
    pub why: String,
}

/// Asks for bans. It never waits.
#[derive(Debug, Clone)]
pub struct Asker {
    requests: SyncSender<BanRequest>,
    wake: Arc<UnixStream>,
}

/// What was asked for.
#[derive(Debug)]
pub struct Requests {
    requests: Receiver<BanRequest>,
    wake: UnixStream,
}

/// A way for requests.
///
/// # Errors
/// What the system said to a pair of sockets.
pub fn requests() -> io::Result<(Asker, Requests)> {
    let (requests, taken) = sync_channel(WAITING);
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    Ok((Asker { requests, wake: Arc::new(wake) }, Requests { requests: taken, wake: woken }))
}

impl Asker {
    /// Asks; whether the request is on its way. It isn't when too many wait already.
    pub fn ask(&self, request: BanRequest) -> bool {
        let asked = self.requests.try_send(request).is_ok();
        // A full pipe wakes as well as one more byte.
        let _ = (&*self.wake).write(&[1]);
        asked
    }
}

impl Requests {
    /// Takes all that wait.
    pub fn take(&self) -> Vec<BanRequest> {
        let mut bytes = [0; 256];
        while (&self.wake).read(&mut bytes).is_ok_and(|count| count > 0) {}
        self.requests.try_iter().collect()
    }
}

impl AsFd for Requests {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
