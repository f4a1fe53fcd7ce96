//! Everything a rule may look at.

use std::{fmt, net::IpAddr};

use crate::{Hook, IcmpType, InterfaceName, Protocol, TcpFlags};

/// A fact about a packet that it may lack, or that may not be known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact<T> {
    /// It is this.
    Known(T),
    /// The packet has none: no rule that names the field matches, not even a negated one.
    Absent,
    /// Nobody said: a rule that names the field makes the answer "depends".
    Unknown,
}

/// The two ports of a TCP, UDP, SCTP, DCCP or UDP-Lite packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ports {
    /// The sender's.
    pub source: u16,
    /// The receiver's: the door knocked at.
    pub destination: u16,
}

/// What connection tracking says of a packet's flow (`enum ip_conntrack_info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The first packet of a flow.
    New,
    /// The flow has been seen in both directions.
    Established,
    /// A new flow that an accepted one announced: FTP's data connection.
    Related,
    /// Fits no flow: out of window, malformed.
    Invalid,
    /// Not tracked, by someone's wish.
    Untracked,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [Self::New, Self::Established, Self::Related, Self::Invalid, Self::Untracked];

    /// The name in rule files and packet texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Related => "related",
            Self::Invalid => "invalid",
            Self::Untracked => "untracked",
        }
    }

    /// The state that `name` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StateSet(u8);

impl StateSet {
    /// Whether `state` is in the set.
    pub const fn contains(self, state: State) -> bool {
        self.0 & (1 << state as u8) != 0
    }

    /// Whether no state is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The states in the set, in [`State::ALL`]'s order.
    pub fn iter(self) -> impl Iterator<Item = State> {
        State::ALL.into_iter().filter(move |&state| self.contains(state))
    }

    /// Every state that is not in the set.
    #[must_use]
    pub fn complement(self) -> Self {
        State::ALL.into_iter().filter(|&state| !self.contains(state)).collect()
    }
}

impl FromIterator<State> for StateSet {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> Self {
        Self(states.into_iter().fold(0, |bits, state| bits | 1 << state as u8))
    }
}

/// What is known of a packet when it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Where it is judged.
    pub hook: Hook,
    /// Where it came in; absent on output.
    pub in_interface: Fact<InterfaceName>,
    /// Where it will go out; absent on input.
    pub out_interface: Fact<InterfaceName>,
    /// The sender's address.
    pub source: IpAddr,
    /// The receiver's address; of the source's family.
    pub destination: IpAddr,
    /// The protocol after any IPv6 extension headers.
    pub protocol: Protocol,
    /// The ports, where the protocol has them.
    pub ports: Option<Ports>,
    /// Type and code, for ICMP and ICMPv6.
    pub icmp: Option<IcmpType>,
    /// The control bits, for TCP.
    pub tcp_flags: Option<TcpFlags>,
    /// The flow's state.
    pub state: State,
    /// The user id of the local socket that sent it; only on output.
    pub user: Fact<u32>,
}

impl Key {
    /// The interface that a rule's `interface` speaks of: the incoming one on input, the outgoing
    /// one on output, none on forward.
    pub const fn interface(&self) -> Fact<InterfaceName> {
        match self.hook {
            Hook::Input => self.in_interface,
            Hook::Output => self.out_interface,
            Hook::Forward => Fact::Absent,
        }
    }

    /// The key that the flow's first packet had, where this key's packet is a reply: hook,
    /// interfaces, addresses and ports change places, and an ICMP reply becomes its request. Who sent
    /// that first packet is not known from its reply. State and TCP flags stay the reply's: what a
    /// first packet's would have been is for the caller to say.
    #[must_use]
    pub const fn mirrored(&self) -> Self {
        let hook = self.hook.mirrored();
        Self {
            hook,
            in_interface: self.out_interface,
            out_interface: self.in_interface,
            source: self.destination,
            destination: self.source,
            ports: match self.ports {
                Some(Ports { source, destination }) => {
                    Some(Ports { source: destination, destination: source })
                }
                None => None,
            },
            icmp: match self.icmp {
                Some(icmp) => Some(icmp.request()),
                None => None,
            },
            user: match hook {
                Hook::Output => Fact::Unknown,
                Hook::Input | Hook::Forward => Fact::Absent,
            },
            ..*self
        }
    }
}
