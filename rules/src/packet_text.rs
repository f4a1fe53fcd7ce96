//! A packet written as text: `input tcp 192.0.2.9:40000 -> 192.0.2.1:22 in eth0`.
//!
//! `HOOK PROTO SRC[:PORT] -> DST[:PORT]`, then in any order `in IFACE`, `out IFACE`, `state S`,
//! `flags FLAGS`, `user U`, `type T`. An IPv6 address stands in brackets where a port follows.
//! Left out: state new, flags SYN, type echo-request; an interface that exists at the hook, and the
//! user of an outgoing packet, are unknown.

mod display;
mod error;
#[cfg(test)]
mod tests;
mod words;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use self::error::{Detail, Expected, PacketTextError, PacketTextFault};
use self::words::{Word, Words};
use crate::{Fact, Hook, IcmpType, InterfaceName, Key, Ports, Protocol, State, TcpFlags, decimal::decimal};

/// Looks up the names that a packet text may use.
pub trait Names {
    /// The number of a named port.
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16>;
    /// The number of a named user.
    fn user(&self, name: &str) -> Option<u32>;
}

/// Knows no names: ports and users are numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNames;

impl Names for NoNames {
    fn port(&self, _name: &str, _protocol: Protocol) -> Option<u16> {
        None
    }

    fn user(&self, _name: &str) -> Option<u32> {
        None
    }
}

/// Reads a packet text.
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn parse_packet(text: &str, names: &dyn Names) -> Result<Key, PacketTextError> {
    let mut words = Words::new(text);
    let hook = words.next(Expected::Hook)?.read(Expected::Hook, Hook::from_name)?;
    let proto = words.next(Expected::Protocol)?;
    let protocol = proto.read(Expected::Protocol, Protocol::parse)?;
    let source = words.next(Expected::Source)?;
    let (from, from_port) = endpoint(source, Expected::Source, protocol, names)?;
    words.next(Expected::Arrow)?.read(Expected::Arrow, |word| (word == "->").then_some(()))?;
    let destination = words.next(Expected::Destination)?;
    let (to, to_port) = endpoint(destination, Expected::Destination, protocol, names)?;
    if from.is_ipv4() != to.is_ipv4() {
        return Err(destination.wrong(PacketTextFault::MixedFamilies));
    }
    // Such packets can be sent, and their number is taken; who writes the name means another.
    if protocol.is_icmp_of_other_family(from) && decimal::<u8>(proto.text).is_none() {
        return Err(proto.wrong(PacketTextFault::IcmpFamily(protocol)));
    }
    let mut key = Key {
        hook,
        in_interface: unknown_if(Detail::In.exists_at(hook)),
        out_interface: unknown_if(Detail::Out.exists_at(hook)),
        source: from,
        destination: to,
        protocol,
        ports: from_port.zip(to_port).map(|(source, destination)| Ports { source, destination }),
        icmp: protocol.is_icmp().then(|| IcmpType::echo_request(protocol)),
        tcp_flags: (protocol == Protocol::TCP).then_some(TcpFlags::SYN),
        state: State::New,
        user: unknown_if(Detail::User.exists_at(hook)),
    };
    details(&mut words, &mut key, names)?;
    Ok(key)
}

fn unknown_if<T>(exists: bool) -> Fact<T> {
    if exists { Fact::Unknown } else { Fact::Absent }
}

/// An address, and the port that follows it where the protocol has ports.
fn endpoint(
    word: Word<'_>,
    expected: Expected,
    protocol: Protocol,
    names: &dyn Names,
) -> Result<(IpAddr, Option<u16>), PacketTextError> {
    let (address, port) = if let Some((inside, rest)) = word.bracketed() {
        (inside.read(expected, |text| text.parse::<Ipv6Addr>().ok())?.into(), rest)
    } else if let Ok(address) = word.text.parse() {
        (address, None)
    } else {
        let (address, port) =
            word.split_at_colon().ok_or_else(|| word.wrong(PacketTextFault::Not(expected)))?;
        (address.read(expected, |text| text.parse::<Ipv4Addr>().ok())?.into(), Some(port))
    };
    match port {
        Some(port) if protocol.has_ports() => {
            let number = |text: &str| decimal(text).or_else(|| names.port(text, protocol));
            Ok((address, Some(port.read(Expected::Port, number)?)))
        }
        None if protocol.has_ports() => Err(word.wrong(PacketTextFault::PortMissing(protocol))),
        Some(port) => Err(port.wrong(PacketTextFault::HasNoPorts(protocol))),
        None => Ok((address, None)),
    }
}

fn details(words: &mut Words<'_>, key: &mut Key, names: &dyn Names) -> Result<(), PacketTextError> {
    let mut seen = Vec::new();
    while let Some(word) = words.next_if_any() {
        let detail = word.read(Expected::Detail, Detail::from_name)?;
        if seen.contains(&detail) {
            return Err(word.wrong(PacketTextFault::Twice(detail)));
        }
        seen.push(detail);
        if !detail.exists_at(key.hook) {
            return Err(word.wrong(PacketTextFault::NotAtHook(detail, key.hook)));
        }
        if !detail.exists_for(key.protocol) {
            return Err(word.wrong(PacketTextFault::NotOfProtocol(detail, key.protocol)));
        }
        let expected = detail.value();
        let value = words.next(expected)?;
        match detail {
            Detail::In => key.in_interface = Fact::Known(value.read(expected, InterfaceName::new)?),
            Detail::Out => key.out_interface = Fact::Known(value.read(expected, InterfaceName::new)?),
            Detail::State => key.state = value.read(expected, State::from_name)?,
            Detail::Flags => key.tcp_flags = Some(value.read(expected, TcpFlags::parse)?),
            Detail::User => {
                let number = |text: &str| decimal(text).or_else(|| names.user(text));
                key.user = Fact::Known(value.read(expected, number)?);
            }
            Detail::Type => {
                key.icmp = Some(value.read(expected, |text| IcmpType::parse(key.protocol, text))?);
            }
        }
    }
    Ok(())
}
