//! What incidents are called, and how grave they are.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! patterns {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// The shape of an incident. Names are stable; `incidents.md` tells what to do about each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Pattern {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
        }

        impl Pattern {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The words in records.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

patterns! {
    /// Many ports of one host.
    PortScan = "port scan",
    /// One port of many hosts.
    HostSweep = "host sweep",
    /// Many ports of many hosts.
    BlockScan = "block scan",
    /// Many IP protocols.
    ProtocolScan = "protocol scan",
    /// Echo requests to many hosts.
    IcmpSweep = "icmp sweep",
    /// Doors with long pauses between them.
    SlowScan = "slow scan",
    /// Several sources try the same doors in the same moment: most of them are forged.
    DecoyScan = "decoy scan",
    /// Many sources, a few doors each.
    DistributedScan = "distributed scan",
    /// Many sources, one and the same door.
    DistributedPortProbe = "distributed port probe",
    /// A few sources that scan together.
    CoordinatedScan = "coordinated scan",
    /// One network that uses another IPv6 address for each door.
    Ipv6Rotation = "ipv6 rotation",
    /// Packets whose headers can't be read.
    MalformedProbe = "malformed probe",
    /// Questions whose answers tell systems apart.
    OsFingerprinting = "os fingerprinting",
    /// Fragments too small to hold a transport header.
    TinyFragments = "tiny fragments",
    /// Fragments that claim the same bytes.
    OverlappingFragments = "overlapping fragments",
    /// IPv6 extension headers that hide what follows.
    ExtensionHeaderEvasion = "extension-header evasion",
    /// Many sessions at a service that asks for a password.
    BruteForce = "brute force",
    /// Many completed connections of one source.
    ConnectionFlood = "connection flood",
    /// Many handshakes that nobody completes.
    SynFlood = "syn flood",
    /// Many datagrams to one door.
    UdpFlood = "udp flood",
    /// Packets that come from where they go.
    Land = "land",
    /// Packets to port 0.
    PortZero = "port zero",
    /// Sources that can't be.
    BogonSource = "bogon source",
    /// Who has scanned comes back and is let in.
    ScannedThenConnected = "scanned, then connected",
    /// For information: answers to what others sent in our name.
    Backscatter = "backscatter",
    /// For information: answers that come too late.
    LateReply = "late reply",
    /// For information: somebody counts the routers on the way.
    Traceroute = "traceroute",
    /// For information: a few closed doors, then an open one.
    PortKnocking = "port knocking",
}

impl Pattern {
    /// Whether nobody need do anything about it.
    pub const fn is_information(self) -> bool {
        matches!(self, Self::Backscatter | Self::LateReply | Self::Traceroute | Self::PortKnocking)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How grave an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No incident: for information.
    Info,
    /// Somebody is looking: the score has reached the threshold.
    Medium,
    /// Somebody is looking closely, or presses: twice the threshold, or a flood.
    High,
    /// Somebody who was looking has been let in.
    Critical,
}

impl Severity {
    /// The word in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
