//! What can be wrong with a packet text.

use std::{fmt, ops::Range};

use crate::{Hook, Protocol};

/// What is wrong with a packet text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketTextError {
    /// Where in the text, in bytes; empty, at its end, when something is missing there.
    pub span: Range<usize>,
    /// What is wrong there.
    pub kind: PacketTextFault,
}

/// What is wrong at one place of a packet text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketTextFault {
    /// The text ends where this is expected.
    Ends(Expected),
    /// Something else stands where this is expected.
    Not(Expected),
    /// The address has no port, and the protocol has ports.
    PortMissing(Protocol),
    /// The address has a port, and the protocol has none.
    HasNoPorts(Protocol),
    /// One address is IPv4, the other IPv6.
    MixedFamilies,
    /// ICMP by name with IPv6 addresses, or ICMPv6 with IPv4 addresses.
    IcmpFamily(Protocol),
    /// The detail stands here for the second time.
    Twice(Detail),
    /// Packets at this hook do not have the detail.
    NotAtHook(Detail, Hook),
    /// Packets of this protocol do not have the detail.
    NotOfProtocol(Detail, Protocol),
}

/// What a packet text wants at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is displayed in full")]
pub enum Expected {
    Hook,
    Protocol,
    Source,
    Arrow,
    Destination,
    Port,
    Detail,
    Interface,
    State,
    Flags,
    User,
    IcmpType,
}

/// What may follow the addresses of a packet text, named by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// `in`, the interface where it came in.
    In,
    /// `out`, the interface where it goes out.
    Out,
    /// `state`, of its flow.
    State,
    /// `flags`, of TCP.
    Flags,
    /// `user`, whose socket sent it.
    User,
    /// `type`, of ICMP.
    Type,
}

impl Detail {
    /// All details, in the order in which they are printed.
    pub const ALL: [Self; 6] = [Self::In, Self::Out, Self::State, Self::Flags, Self::User, Self::Type];

    /// The word in packet texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::State => "state",
            Self::Flags => "flags",
            Self::User => "user",
            Self::Type => "type",
        }
    }

    /// The detail that `name` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|detail| detail.name() == name)
    }

    /// Whether packets at `hook` can have it.
    pub fn exists_at(self, hook: Hook) -> bool {
        match self {
            Self::In => hook != Hook::Output,
            Self::Out => hook != Hook::Input,
            Self::User => hook == Hook::Output,
            Self::State | Self::Flags | Self::Type => true,
        }
    }

    /// Whether packets of `protocol` can have it.
    pub fn exists_for(self, protocol: Protocol) -> bool {
        match self {
            Self::Flags => protocol == Protocol::TCP,
            Self::Type => protocol.is_icmp(),
            Self::In | Self::Out | Self::State | Self::User => true,
        }
    }

    /// What follows its word.
    pub(super) const fn value(self) -> Expected {
        match self {
            Self::In | Self::Out => Expected::Interface,
            Self::State => Expected::State,
            Self::Flags => Expected::Flags,
            Self::User => Expected::User,
            Self::Type => Expected::IcmpType,
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hook => "a hook: input, output or forward",
            Self::Protocol => "a protocol: a name such as tcp, or a number up to 255",
            Self::Source => "the source, such as 192.0.2.9:40000 or [2001:db8::9]:40000",
            Self::Arrow => "`->` between source and destination",
            Self::Destination => "the destination, such as 192.0.2.1:22 or [2001:db8::1]:22",
            Self::Port => "a port: a number up to 65535, or a service's name",
            Self::Detail => "in, out, state, flags, user or type",
            Self::Interface => "an interface's name, such as eth0",
            Self::State => "a state: new, established, related, invalid or untracked",
            Self::Flags => "TCP flags joined by commas, such as syn,ack",
            Self::User => "a user: a name or a number",
            Self::IcmpType => "an ICMP type, such as echo-request, 3 or 3/1",
        })
    }
}

impl fmt::Display for PacketTextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends(expected) => write!(f, "the packet ends here; expected {expected}"),
            Self::Not(expected) => write!(f, "expected {expected}"),
            Self::PortMissing(protocol) => write!(
                f,
                "{protocol} has ports; expected one after the address, such as 192.0.2.1:22 or [2001:db8::1]:22"
            ),
            Self::HasNoPorts(protocol) => write!(f, "{protocol} has no ports; expected an address alone"),
            Self::MixedFamilies => {
                f.write_str("source and destination are not of one family; expected both IPv4 or both IPv6")
            }
            Self::IcmpFamily(Protocol::ICMP) => {
                f.write_str("icmp is IPv4's; expected icmpv6 with IPv6 addresses")
            }
            Self::IcmpFamily(_) => f.write_str("icmpv6 is IPv6's; expected icmp with IPv4 addresses"),
            Self::Twice(detail) => write!(f, "`{detail}` stands here for the second time; expected it once"),
            Self::NotAtHook(detail, hook) => {
                write!(f, "a packet at the {hook} hook has no `{detail}`; expected none")
            }
            Self::NotOfProtocol(detail, protocol) => {
                write!(f, "a packet of {protocol} has no `{detail}`; expected none")
            }
        }
    }
}

impl fmt::Display for PacketTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for PacketTextError {}
