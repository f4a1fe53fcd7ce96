//! The kernel's list of sockets that wait for somebody.

use std::{collections::HashMap, io, net::IpAddr};

use portcullis_rules::Protocol;
use procfs::net::{TcpState, UdpState};

use super::processes::{self, Process};

/// A listening TCP socket, or a UDP socket that anybody may send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) protocol: Protocol,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// Whether it takes IPv4 as well: an IPv6 socket for all addresses does, unless `IPV6_V6ONLY` is
    /// set, which nobody can see from outside. Somebody else's IPv4 socket shows that it is.
    pub(super) both_families: bool,
    /// Who holds it; nobody that we may see, if it is empty.
    pub(super) processes: Vec<Process>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) sockets: Vec<Socket>,
    /// Sockets whose process we may not see.
    pub(super) unknown: usize,
}

/// The sockets of this network namespace.
///
/// # Errors
/// When `/proc/net` can't be read.
pub(super) fn listening() -> io::Result<Found> {
    let mut raw: Vec<(Protocol, IpAddr, u16, u64)> = Vec::new();
    let v6 = |entries: procfs::ProcResult<Vec<_>>| entries.unwrap_or_default(); // none without IPv6
    for entry in procfs::net::tcp().map_err(io::Error::other)?.into_iter().chain(v6(procfs::net::tcp6())) {
        if entry.state == TcpState::Listen {
            raw.push((Protocol::TCP, entry.local_address.ip(), entry.local_address.port(), entry.inode));
        }
    }
    let udp6 = procfs::net::udp6().unwrap_or_default();
    for entry in procfs::net::udp().map_err(io::Error::other)?.into_iter().chain(udp6) {
        if entry.state == UdpState::Close && entry.local_address.port() != 0 {
            raw.push((Protocol::UDP, entry.local_address.ip(), entry.local_address.port(), entry.inode));
        }
    }
    let holders: HashMap<u64, Vec<Process>> = processes::by_socket();
    let has_v4 = |protocol, port| {
        raw.iter().any(|(p, address, n, _)| (*p, *n) == (protocol, port) && address.is_ipv4())
    };
    let sockets: Vec<Socket> = raw
        .iter()
        .map(|&(protocol, address, port, inode)| Socket {
            protocol,
            address,
            port,
            both_families: address == IpAddr::from(std::net::Ipv6Addr::UNSPECIFIED)
                && !has_v4(protocol, port),
            processes: holders.get(&inode).cloned().unwrap_or_default(),
        })
        .collect();
    let unknown = sockets.iter().filter(|socket| socket.processes.is_empty()).count();
    Ok(Found { sockets, unknown })
}
