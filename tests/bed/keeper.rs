//! What a service manager keeps for the daemon: sockets that outlive it (sd_notify(3), FDSTORE=1).

use std::{
    collections::BTreeMap,
    io::IoSliceMut,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recv, recvmsg};

use super::{Bed, eventually};

pub(crate) struct Keeper {
    path: PathBuf,
    kept: Arc<Mutex<BTreeMap<String, OwnedFd>>>,
}

impl Keeper {
    pub(crate) fn new(bed: &Bed) -> Self {
        let path = bed.home().join("notify");
        let notices = UnixDatagram::bind(&path).expect("our directory");
        notices.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
        let kept = Arc::default();
        let shared = Arc::downgrade(&kept);
        // Until the test drops what is kept.
        thread::spawn(move || {
            while let Some(kept) = shared.upgrade() {
                hear(&notices, &kept);
            }
        });
        Self { path, kept }
    }

    /// Waits until these, by their names, and no others are kept.
    pub(crate) fn keeps(&self, names: &[&str]) {
        let same = || self.kept().keys().eq(names).then_some(());
        eventually(Duration::from_secs(2), same)
            .unwrap_or_else(|| panic!("{names:?} wanted, {:?} kept", self.kept().keys()));
    }

    /// Reads `packets` packets from a kept queue and doesn't answer them, as a daemon that dies does.
    pub(crate) fn read_and_forget(&self, name: &str, packets: usize) {
        let kept = self.kept();
        for _ in 0..packets {
            let received = || recv(&kept[name], &mut [0; 4096], RecvFlags::DONTWAIT).ok();
            eventually(Duration::from_secs(2), received).expect("a packet waits");
        }
    }

    /// Makes `command` start as a service that is handed the kept socket, of which there may be one: it is
    /// passed as standard input, and moved to where services look for it.
    pub(super) fn hand_over(&self, command: &Command) -> Command {
        let kept = self.kept();
        assert!(kept.len() <= 1, "one at most: {:?}", kept.keys());
        let descriptors = kept.keys().next().map_or_else(String::new, |name| {
            format!(
                "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name}
                 exec 3<&0 </dev/null"
            )
        });
        let script = format!(
            "export NOTIFY_SOCKET=$0
             {descriptors}
             exec \"$@\""
        );
        let mut words = command.get_args();
        let inside: Vec<_> = words.by_ref().take(3).collect();
        let mut handed = Command::new(command.get_program());
        handed.args(inside).args(["sh", "-c", &script]).arg(&self.path).args(words);
        handed.stdin(match kept.values().next() {
            Some(socket) => Stdio::from(socket.try_clone().expect("a descriptor")),
            None => Stdio::null(),
        });
        handed
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, OwnedFd>> {
        self.kept.lock().expect("no panic while it is held")
    }
}

/// Takes a notice, if there is one.
fn hear(notices: &UnixDatagram, kept: &Mutex<BTreeMap<String, OwnedFd>>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut descriptors = RecvAncillaryBuffer::new(&mut space);
    let mut text = [0; 4096];
    let mut room = [IoSliceMut::new(&mut text)];
    let Ok(received) = recvmsg(notices, &mut room, &mut descriptors, RecvFlags::CMSG_CLOEXEC) else { return };
    let text = String::from_utf8_lossy(&text[..received.bytes]).into_owned();
    let Some(name) = text.lines().find_map(|line| line.strip_prefix("FDNAME=")) else { return };
    let says = |state: &str| text.lines().any(|line| line == state);
    let mut kept = kept.lock().expect("no panic while it is held");
    if says("FDSTOREREMOVE=1") {
        kept.remove(name);
    }
    for descriptor in descriptors.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = descriptor
            && says("FDSTORE=1")
            && says("FDPOLL=0")
        {
            kept.extend(sockets.map(|socket| (name.to_owned(), socket)));
        }
    }
}
