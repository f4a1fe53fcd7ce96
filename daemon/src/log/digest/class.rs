//! Which packets matter, and which are the noise that every host hears.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::log::Record;

/// What a blocked packet is, as far as it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// Somebody tried a door.
    Knock,
    /// The rest of a connection or a query of our own that is over already.
    LateReply,
    /// An answer to what we never asked: somebody used our address as a false sender.
    Backscatter,
    /// To everybody on the wire, not to this host.
    Broadcast,
    /// No record at all.
    Foreign,
}

impl Class {
    /// All kinds of noise.
    pub const NOISE: [Self; 3] = [Self::LateReply, Self::Backscatter, Self::Broadcast];

    /// The words for a reader.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Knock => "knock",
            Self::LateReply => "late reply",
            Self::Backscatter => "backscatter",
            Self::Broadcast => "broadcast",
            Self::Foreign => "no record",
        }
    }

    /// Whether it is kept apart from what matters.
    pub fn is_noise(self) -> bool {
        Self::NOISE.contains(&self)
    }

    /// The class of a record. What the kernel tracks never gets here, so an answer that is blocked
    /// comes too late or was never asked for.
    pub(super) fn of(record: &Record) -> Self {
        if record.dest_ip.is_some_and(to_everybody) {
            return Self::Broadcast;
        }
        let Some(drop) = &record.drop else { return Self::Knock };
        let set = |flag: Option<bool>| flag == Some(true);
        if set(drop.syn) && set(drop.ack) || set(drop.rst) && !set(drop.ack) {
            return Self::Backscatter;
        }
        // A probe with unusual flags (FIN, NULL, Xmas) carries no ACK; what carries one and is not
        // the beginning of a connection belongs to one that ended.
        let from_service = record.src_port.is_some_and(|port| port < DYNAMIC && port != 0);
        let to_dynamic = record.dest_port.is_some_and(|port| port >= EPHEMERAL);
        if set(drop.ack) && from_service && to_dynamic {
            return Self::LateReply;
        }
        let query = matches!(record.src_port, Some(53 | 123 | 443 | 853 | 3478));
        if drop.udplen.is_some() && query && to_dynamic {
            return Self::LateReply;
        }
        Self::Knock
    }
}

/// Linux gives out local ports from here on (`ip_local_port_range`).
const EPHEMERAL: u16 = 32768;
/// Nobody serves from dynamic ports on purpose (RFC 6335, section 6).
const DYNAMIC: u16 = 49152;

/// Multicast, the limited broadcast, and what looks like a network's own broadcast address: the
/// record doesn't tell how long the prefix is, and a host whose last octet is 255 is rare.
fn to_everybody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast() || v4.octets()[3] == 255,
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}
