//! Which packets are somebody trying a closed door.

use std::net::{IpAddr, Ipv4Addr};

use portcullis_rules::{Action, Hook, Ports, Protocol, TcpFlags, Transport};

use crate::event::Event;

/// A closed door: where it is, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Door {
    pub(super) host: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// Services whose replies are often late, and then look like somebody's first packet.
const SLOW_SERVICES: [u16; 3] = [53, 123, 443];
/// Where ports for a client's own use begin on Linux (`net.ipv4.ip_local_port_range`).
const FIRST_EPHEMERAL: u16 = 32768;
const FIRST_REGISTERED: u16 = 1024;

impl Door {
    /// The source and the closed door that it tries, if that is what the packet does.
    ///
    /// What this host sends is not, nor ICMP, nor what is sent to everybody, nor packets that a peer
    /// sends in answer to ours: TCP with RST or SYN and ACK (which a victim of spoofing gets, too),
    /// late segments and late datagrams. A TCP segment of an old flow always has ACK (RFC 9293,
    /// 3.10.7.4); without it, it is a probe.
    pub(super) fn tried(event: &Event) -> Option<(IpAddr, Self)> {
        if event.returning || event.action == Action::Accept || event.hook == Hook::Output {
            return None;
        }
        let headers = event.headers.as_ref()?;
        let Ports { source: from, destination: port } = headers.ports()?;
        let reply = match headers.transport {
            Transport::Tcp { flags, .. } => is_tcp_reply(flags, port),
            Transport::Ports { .. } => {
                headers.protocol == Protocol::UDP && SLOW_SERVICES.contains(&from) && port >= FIRST_REGISTERED
            }
            Transport::Icmp { .. } | Transport::Other => true,
        };
        let (source, host) = (headers.source, headers.destination);
        let nobody = source.is_unspecified() || source.is_multicast();
        (!reply && !nobody && !is_for_everybody(host))
            .then_some((source, Self { host, protocol: headers.protocol, port }))
    }
}

const fn is_tcp_reply(flags: TcpFlags, port: u16) -> bool {
    let acknowledges = flags.contains(TcpFlags::ACK);
    flags.contains(TcpFlags::RST)
        || acknowledges && (flags.contains(TcpFlags::SYN) || port >= FIRST_EPHEMERAL)
}

/// Multicast and broadcast. What a subnet's broadcast address is can't be seen from here: an address
/// that ends in 255 is taken for one, which costs at most one host in 256.
const fn is_for_everybody(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(v4) => v4.is_multicast() || v4.octets()[3] == Ipv4Addr::BROADCAST.octets()[3],
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sample::{WEB, by, echo, malformed, tcp, tcp_with, udp};

    const US: &str = "192.0.2.1";
    const PEER: &str = "203.0.113.9";

    #[test]
    fn a_probe_is_a_door_tried() {
        let host = US.parse().unwrap();
        let probe = |flags| Door::tried(&tcp_with(PEER, 40000, US, 23, TcpFlags(flags)));
        let door = Door { host, protocol: Protocol::TCP, port: 23 };
        // SYN, FIN, null, Xmas, ACK.
        for flags in [0x02, 0x01, 0x00, 0x29, 0x10] {
            assert_eq!(probe(flags), Some((PEER.parse().unwrap(), door)), "{flags:#x}");
        }
        assert!(Door::tried(&udp(PEER, 40000, US, 161)).is_some());
        assert!(Door::tried(&udp(PEER, 53, US, 161)).is_some());
        assert!(Door::tried(&tcp("2001:db8::7", 40000, "2001:db8:1::1", 22)).is_some());
    }

    #[test]
    fn what_is_none() {
        let returning = Event { returning: true, ..tcp(PEER, 40000, US, 23) };
        let output = Event { hook: Hook::Output, ..tcp(US, 40000, PEER, 23) };
        for (what, event) in [
            ("a flow from before a reload", returning),
            ("our own packet", output),
            ("an accepted packet", by(WEB, tcp(PEER, 40000, US, 80))),
            ("no addresses", malformed()),
            ("a ping", echo(PEER, US)),
            ("backscatter", tcp_with(PEER, 443, US, 1027, TcpFlags(0x12))),
            ("a reset", tcp_with(PEER, 443, US, 1027, TcpFlags(0x14))),
            ("a late FIN", tcp_with(PEER, 443, US, 51234, TcpFlags(0x11))),
            ("a late datagram of QUIC", udp(PEER, 443, US, 51234)),
            ("a late answer of a resolver", udp(PEER, 53, US, 1027)),
            ("DHCP", udp("0.0.0.0", 68, "255.255.255.255", 67)),
            ("NetBIOS", udp("192.0.2.77", 138, "192.0.2.255", 138)),
            ("multicast DNS", udp("192.0.2.77", 5353, "224.0.0.251", 5353)),
            ("multicast DNS over IPv6", udp("fe80::7", 5353, "ff02::fb", 5353)),
        ] {
            assert_eq!(Door::tried(&event), None, "{what}");
        }
    }
}
