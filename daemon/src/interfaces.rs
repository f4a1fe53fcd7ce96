//! Interface names, by the kernel's index.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use portcullis_rules::InterfaceName;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

/// Counts changes of the host's interfaces. The control thread hears of them; workers look here
/// before each packet and forget the names they know when it has moved.
pub type Epoch = Arc<AtomicU64>;

/// A worker's memory of interface names.
#[derive(Debug)]
pub struct Interfaces {
    socket: OwnedFd,
    known: Vec<(u32, InterfaceName)>,
    epoch: Epoch,
    seen: u64,
}

impl Interfaces {
    /// Knows no name yet.
    ///
    /// # Errors
    /// What the system said to a new socket.
    pub fn new(epoch: Epoch) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, known: Vec::with_capacity(64), epoch, seen: 0 })
    }

    /// The name of the interface with this index; `None` for index 0, or when it is gone.
    pub fn name(&mut self, index: u32) -> Option<InterfaceName> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        if epoch != self.seen {
            self.known.clear();
            self.seen = epoch;
        }
        if index == 0 {
            return None;
        }
        if let Some((_, name)) = self.known.iter().find(|(known, _)| *known == index) {
            return Some(*name);
        }
        // Once for each interface: the only system call and allocation on the packet's way.
        let name = InterfaceName::new(&netdevice::index_to_name(&self.socket, index).ok()?)?;
        if self.known.len() == self.known.capacity() {
            self.known.clear();
        }
        self.known.push((index, name));
        Some(name)
    }
}

/// Makes every worker look up names anew.
pub fn changed(epoch: &Epoch) {
    epoch.fetch_add(1, Ordering::Relaxed);
}
