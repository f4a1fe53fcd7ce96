//! One knock at a door, and what came of it.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Door, Namespace, patience};

/// What a stranger learns from knocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Our own words came back.
    Answered,
    /// A TCP reset, or an ICMP port unreachable.
    Refused,
    /// Another ICMP error, or no route.
    Unreachable,
    /// Nothing at all, for as long as we cared to wait.
    Silent,
}

/// Long enough for a loaded machine to answer, and shorter than the retransmission of a SYN.
const ANSWER: Duration = Duration::from_millis(900);

impl Namespace {
    /// Connects to an echo server and exchanges a line.
    pub(crate) fn tcp(&self, to: Door) -> Outcome {
        self.tcp_marked(0, to)
    }

    /// The same from a socket whose packets carry `mark` (`SO_MARK`).
    pub(crate) fn tcp_marked(&self, mark: u32, to: Door) -> Outcome {
        let to = SocketAddr::from(to);
        self.run(|| {
            let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
            socket.set_mark(mark).expect("root may mark");
            let connected = socket.connect_timeout(&to.into(), patience(ANSWER));
            Outcome::of(connected.and_then(|()| exchange(&socket, b"hello\n")))
        })
    }

    /// Sends a datagram to an echo server.
    pub(crate) fn udp(&self, to: Door) -> Outcome {
        let any: IpAddr =
            if to.0.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        self.udp_from((any, 0), to)
    }

    /// The same from a chosen address and port.
    pub(crate) fn udp_from(&self, from: Door, to: Door) -> Outcome {
        let (from, to) = (SocketAddr::from(from), SocketAddr::from(to));
        self.run(|| {
            let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None).expect("a socket");
            socket.bind(&from.into()).expect("a free port");
            let connected = socket.connect(&to.into());
            Outcome::of(connected.and_then(|()| exchange(&socket, b"hello\n")))
        })
    }

    /// Sends a datagram longer than IPv6's smallest packet, that no router may fragment.
    pub(crate) fn send_long_datagram(&self, to: Door) {
        let to = SocketAddr::from(to);
        self.run(|| {
            let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None).expect("a socket");
            socket.send_to(&[0; 1400], &to.into()).expect("there is a route");
        });
    }

    /// Sends an echo request.
    pub(crate) fn ping(&self, to: IpAddr) -> Outcome {
        let (protocol, request) = if to.is_ipv4() { (Protocol::ICMPV4, 8) } else { (Protocol::ICMPV6, 128) };
        let to = SocketAddr::from((to, 0));
        self.run(|| {
            // The kernel fills in identifier and checksum, and hands over our replies only.
            let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(protocol))
                .expect("ping_group_range is set");
            let connected = socket.connect(&to.into());
            Outcome::of(connected.and_then(|()| exchange(&socket, &[request, 0, 0, 0, 0, 0, 0, 1])))
        })
    }
}

impl Outcome {
    fn of(exchange: io::Result<()>) -> Self {
        let Err(error) = exchange else { return Self::Answered };
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Self::Refused,
            // EACCES and EPERM: "administratively prohibited", from afar and from our own kernel.
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::PermissionDenied => {
                Self::Unreachable
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Silent,
            _ => panic!("a probe failed: {error}"),
        }
    }
}

fn exchange(mut socket: &Socket, words: &[u8]) -> io::Result<()> {
    socket.set_read_timeout(Some(patience(ANSWER)))?;
    socket.write_all(words)?;
    match socket.read(&mut [0; 64])? {
        0 => Err(ErrorKind::ConnectionReset.into()),
        _ => Ok(()),
    }
}
