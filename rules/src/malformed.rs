//! What can be wrong with a packet's bytes.

use std::fmt;

/// Why a packet's bytes are not the headers of a packet that can be judged.
///
/// Only faults that hide what a rule has to look at are listed. Checksums, options and lengths that
/// disagree without hiding a port are the kernel's to refuse, and it has done so before a packet is
/// queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The packet itself ends inside a header: it is shorter than its IP, extension, TCP, UDP,
    /// ICMP, SCTP or DCCP header.
    TruncatedHeader,
    /// The packet goes on, but the bytes copied from it end inside a header. Only a long chain of
    /// IPv6 extension headers reaches past a copy range of 256 bytes.
    HeadersTooLong,
    /// The version is neither 4 nor 6 (RFC 791, 3.1; RFC 8200, 3).
    BadIpVersion,
    /// A length field contradicts its own header: IPv4's header length below 20 bytes or above its
    /// total length (RFC 791, 3.1), TCP's data offset below 20 bytes or past the end of the packet
    /// (RFC 9293, 3.1), UDP's length from 1 to 7 bytes (RFC 768).
    BadHeaderLength,
    /// Hop-by-hop options elsewhere than directly after the IPv6 header (RFC 8200, 4.1), or an
    /// authentication header shorter than its own fixed part (RFC 4302, 2.2).
    BadExtensionHeader,
    /// A fragment other than the first, or a first one too short for its transport header (RFC 7112
    /// forbids that for IPv6, RFC 1858 warns of it for IPv4). Connection tracking reassembles
    /// fragments before our hooks, so this needs a flow that is not tracked.
    FragmentWithoutPorts,
}

impl Malformed {
    /// All of them; a counter each.
    pub const ALL: [Self; 6] = [
        Self::TruncatedHeader,
        Self::HeadersTooLong,
        Self::BadIpVersion,
        Self::BadHeaderLength,
        Self::BadExtensionHeader,
        Self::FragmentWithoutPorts,
    ];

    /// The words in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TruncatedHeader => "truncated header",
            Self::HeadersTooLong => "headers too long",
            Self::BadIpVersion => "bad ip version",
            Self::BadHeaderLength => "bad header length",
            Self::BadExtensionHeader => "bad extension header",
            Self::FragmentWithoutPorts => "fragment without ports",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::error::Error for Malformed {}
