//! How a door is tried.

/// How a door is tried: what a scan is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Technique {
    /// A SYN: a connection is asked for, whether or not it is meant.
    Syn,
    /// A SYN, and the handshake is completed where the door is open.
    Connect,
    /// FIN alone.
    Fin,
    /// No flag at all.
    Null,
    /// FIN, PSH and URG.
    Xmas,
    /// ACK: what a firewall lets through, or (by the answer's window) what is open.
    Ack,
    /// FIN and ACK.
    Maimon,
    /// Flags that contradict each other.
    OddFlags,
    /// A datagram.
    Udp,
    /// SCTP, DCCP, UDP-Lite.
    OtherPorts,
    /// A protocol other than TCP, UDP and ICMP.
    Protocol,
    /// An echo request.
    Ping,
    /// Another question that ICMP has.
    IcmpQuery,
}

impl Technique {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 13] = [
        Self::Syn,
        Self::Connect,
        Self::Fin,
        Self::Null,
        Self::Xmas,
        Self::Ack,
        Self::Maimon,
        Self::OddFlags,
        Self::Udp,
        Self::OtherPorts,
        Self::Protocol,
        Self::Ping,
        Self::IcmpQuery,
    ];

    /// The words in records.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::Connect => "connect",
            Self::Fin => "fin",
            Self::Null => "null",
            Self::Xmas => "xmas",
            Self::Ack => "ack or window",
            Self::Maimon => "maimon",
            Self::OddFlags => "odd flags",
            Self::Udp => "udp",
            Self::OtherPorts => "sctp, dccp or udp-lite",
            Self::Protocol => "ip protocol",
            Self::Ping => "ping",
            Self::IcmpQuery => "icmp query",
        }
    }
}
