//! A key as a packet text.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::{Fact, IcmpType, Key, Protocol, State, TcpFlags};

/// The shortest text from which [`crate::parse_packet`] reads the same key. The text has no words
/// for a fact that is absent at a hook where it usually exists: a packet sent by the kernel itself
/// reads back with an unknown user.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hook,
            in_interface,
            out_interface,
            source,
            destination,
            protocol,
            ports,
            icmp,
            tcp_flags,
            state,
            user,
        } = self;
        write!(f, "{hook} ")?;
        if protocol.is_icmp_of_other_family(*source) {
            write!(f, "{} ", protocol.0)?;
        } else {
            write!(f, "{protocol} ")?;
        }
        write_endpoint(f, *source, ports.map(|ports| ports.source))?;
        f.write_str(" -> ")?;
        write_endpoint(f, *destination, ports.map(|ports| ports.destination))?;
        if let Fact::Known(interface) = in_interface {
            write!(f, " in {interface}")?;
        }
        if let Fact::Known(interface) = out_interface {
            write!(f, " out {interface}")?;
        }
        if *state != State::New {
            write!(f, " state {state}")?;
        }
        if let Some(flags) = tcp_flags.filter(|flags| *flags != TcpFlags::SYN) {
            write!(f, " flags {flags}")?;
        }
        if let Fact::Known(user) = user {
            write!(f, " user {user}")?;
        }
        if let Some(icmp) = icmp.filter(|icmp| *icmp != IcmpType::echo_request(*protocol)) {
            f.write_str(" type ")?;
            write_icmp(f, *protocol, icmp)?;
        }
        Ok(())
    }
}

fn write_endpoint(f: &mut fmt::Formatter<'_>, address: IpAddr, port: Option<u16>) -> fmt::Result {
    match port {
        Some(port) => write!(f, "{}", SocketAddr::new(address, port)),
        None => write!(f, "{address}"),
    }
}

fn write_icmp(f: &mut fmt::Formatter<'_>, protocol: Protocol, icmp: IcmpType) -> fmt::Result {
    match (icmp.name(protocol), icmp.code) {
        (Some(name), 0) => f.write_str(name),
        (Some(name), code) => write!(f, "{name}/{code}"),
        (None, _) => write!(f, "{icmp}"),
    }
}
