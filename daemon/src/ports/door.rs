//! A door: a port of a protocol, and all that is known of it.

use std::{fmt, net::IpAddr, str::FromStr};

use portcullis_rules::Protocol;

use super::{processes::Process, published::Published, reach::Reach, sockets::Socket};
use crate::review::Knock;

/// A port and its protocol: `443/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorName {
    /// The port.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// A door that somebody listens at.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) name: DoorName,
    /// The local addresses.
    pub(super) addresses: Vec<IpAddr>,
    /// Who listens, as far as one may know.
    pub(super) processes: Vec<Process>,
    /// Where packets really go, if that is a container.
    pub(super) container: Option<(IpAddr, u16)>,
    pub(super) reach: Reach,
    pub(super) knocks: Option<Knock>,
}

/// A door that a rule lets in to, and nobody listens at.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) name: DoorName,
    pub(super) rule: String,
    pub(super) place: String,
}

impl Door {
    /// Sockets of the same port and process are one door; those for this host only stand apart.
    pub(super) fn of_sockets(sockets: Vec<Socket>, reach: impl Fn(&Socket) -> Reach) -> Vec<Self> {
        let mut doors: Vec<Self> = Vec::new();
        for socket in sockets {
            let name = DoorName { port: socket.port, protocol: socket.protocol };
            let reach = reach(&socket);
            let same = doors.iter_mut().find(|door| {
                door.name == name
                    && door.processes == socket.processes
                    && door.reach.is_local() == reach.is_local()
            });
            match same {
                Some(door) => {
                    if !door.addresses.contains(&socket.address) {
                        door.addresses.push(socket.address);
                    }
                    door.reach.merge(reach);
                }
                None => doors.push(Self {
                    name,
                    addresses: vec![socket.address],
                    processes: socket.processes,
                    container: None,
                    reach,
                    knocks: None,
                }),
            }
        }
        doors
    }

    pub(super) fn of_published(published: Published, reach: Reach) -> Self {
        Self {
            name: DoorName { port: published.port, protocol: published.protocol },
            addresses: published.address.into_iter().collect(),
            processes: Vec::new(),
            container: Some(published.to),
            reach,
            knocks: None,
        }
    }
}

impl fmt::Display for DoorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.port, self.protocol))
    }
}

impl FromStr for DoorName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = || "not a door; try \"443/tcp\" or \"53/udp\"".to_owned();
        let (port, protocol) = text.split_once('/').ok_or_else(wanted)?;
        let protocol = match protocol {
            "tcp" => Protocol::TCP,
            "udp" => Protocol::UDP,
            _ => return Err(wanted()),
        };
        Ok(Self { port: port.parse().map_err(|_| wanted())?, protocol })
    }
}
