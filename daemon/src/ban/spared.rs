//! Who must not be banned: a firewall that cuts off its own host is worse than none.

use std::{fmt, fs, net::IpAddr};

use ipnet::IpNet;
use nix::{ifaddrs::getifaddrs, sys::socket::SockaddrStorage};
use portcullis_rules::AddressSet;
use procfs::{net::TcpState, process::Process};

const SSH: u16 = 22;

/// Why a source must not be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spared {
    /// No packet comes from it that a ban could mean.
    NoSource,
    /// `detect.allow` names it.
    Allowed,
    /// It is this host's own, or its network: on a wire, IPv6 neighbours share a /64 with it.
    Own,
    /// Packets of this host are routed to it.
    Gateway,
    /// This host asks it for names.
    NameServer,
    /// Somebody is logged in from there: port 22 is connected to it.
    Session,
}

impl fmt::Display for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSource => "it is no address of another host",
            Self::Allowed => "detect.allow names it",
            Self::Own => "it holds an address of this host",
            Self::Gateway => "it holds a gateway of this host",
            Self::NameServer => "it holds a name server of this host",
            Self::Session => "an ssh session from there is open",
        })
    }
}

/// Why `source` must not be banned, if there is a reason.
pub fn spared(source: IpNet, allowed: &AddressSet) -> Option<Spared> {
    let within = |addresses: Vec<IpAddr>| addresses.iter().any(|address| source.contains(address));
    let address = source.network();
    let nobody = address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if nobody {
        return Some(Spared::NoSource);
    }
    if overlaps(source, allowed) {
        return Some(Spared::Allowed);
    }
    if within(own_addresses()) {
        return Some(Spared::Own);
    }
    if within(gateways()) {
        return Some(Spared::Gateway);
    }
    let servers =
        ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"].map(|file| name_servers(&read(file)));
    if within(servers.concat()) {
        return Some(Spared::NameServer);
    }
    within(ssh_peers()).then_some(Spared::Session)
}

fn overlaps(source: IpNet, set: &AddressSet) -> bool {
    match source {
        IpNet::V4(net) => {
            set.v4_ranges().any(|(first, last)| first <= net.broadcast() && net.network() <= last)
        }
        IpNet::V6(net) => {
            set.v6_ranges().any(|(first, last)| first <= net.broadcast() && net.network() <= last)
        }
    }
}

fn own_addresses() -> Vec<IpAddr> {
    let of = |address: SockaddrStorage| match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
        (_, Some(v6)) => Some(IpAddr::V6(v6.ip())),
        _ => None,
    };
    getifaddrs().into_iter().flatten().filter_map(|interface| of(interface.address?)).collect()
}

fn gateways() -> Vec<IpAddr> {
    let routes = Process::myself().and_then(|process| process.route());
    let v4 = routes.into_iter().flatten().map(|route| route.gateway);
    let v4 = v4.filter(|gateway| !gateway.is_unspecified()).map(IpAddr::from);
    v4.chain(gateways_v6(&read("/proc/self/net/ipv6_route"))).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// The fifth column, 32 hexadecimal digits (`ipv6_route_native_seq_show`, `net/ipv6/ip6_fib.c`).
fn gateways_v6(routes: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| u128::from_str_radix(line.split_whitespace().nth(4)?, 16).ok();
    let routed = routes.lines().filter_map(gateway).filter(|&gateway| gateway != 0);
    routed.map(|gateway| IpAddr::from(gateway.to_be_bytes())).collect()
}

fn name_servers(resolv_conf: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let address = line.trim().strip_prefix("nameserver")?.trim();
        // A link-local address may name its interface.
        address.split('%').next()?.parse().ok()
    };
    resolv_conf.lines().filter_map(server).collect()
}

/// Whoever is connected to our port 22. Which process that is only root can tell.
fn ssh_peers() -> Vec<IpAddr> {
    let connections = Process::myself().map(|process| [process.tcp(), process.tcp6()]);
    let sessions = connections.into_iter().flatten().flatten().flatten();
    let sessions =
        sessions.filter(|entry| entry.state == TcpState::Established && entry.local_address.port() == SSH);
    sessions.map(|entry| entry.remote_address.ip().to_canonical()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_kernels_tables_are_read() {
        let zero = "0".repeat(32);
        let routes = format!("{zero} 00 {zero} 00 fe800000000000000000000000000001 400 1 0 3 eth0\n");
        assert_eq!(gateways_v6(&routes), addresses(&["fe80::1"]));
        let servers =
            name_servers("# by hand\nsearch example\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n");
        assert_eq!(servers, addresses(&["192.0.2.53", "fe80::1"]));
    }

    #[test]
    fn some_are_spared() {
        let why = |source: &str, allow: &str| {
            let source: IpNet = source.parse().unwrap();
            spared(source, &AddressSet::from_prefixes([allow.parse().unwrap()]))
        };
        assert_eq!(why("127.0.0.1/32", "192.0.2.0/24"), Some(Spared::NoSource));
        assert_eq!(why("224.0.0.5/32", "192.0.2.0/24"), Some(Spared::NoSource));
        assert_eq!(why("192.0.2.9/32", "192.0.2.0/24"), Some(Spared::Allowed));
        assert_eq!(why("2001:db8::/64", "2001:db8::7/128"), Some(Spared::Allowed), "a part of it is enough");
        assert_eq!(why("198.51.100.9/32", "192.0.2.0/24"), None);
    }
}
