//! Captures as files: pcap and pcapng, with each link type that is read.

use super::{Capture, LOCAL};

/// How a file begins, and what is around each packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Little-endian, microseconds.
    Pcap,
    /// Big-endian, nanoseconds.
    PcapNanoseconds,
    /// Little-endian, with a block that no reader knows.
    PcapNg,
}

pub(crate) const FORMATS: [Format; 3] = [Format::Pcap, Format::PcapNanoseconds, Format::PcapNg];

/// What stands before the IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Null,
    Loop,
    Ethernet,
    Vlan,
    Raw,
    RawIpv4,
    Sll,
    Sll2,
    Nflog,
}

pub(crate) const LINKS: [Link; 9] = [
    Link::Null,
    Link::Loop,
    Link::Ethernet,
    Link::Vlan,
    Link::Raw,
    Link::RawIpv4,
    Link::Sll,
    Link::Sll2,
    Link::Nflog,
];

impl Link {
    /// `LINKTYPE_…`, tcpdump.org/linktypes.html.
    const fn number(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Loop => 108,
            Self::Ethernet | Self::Vlan => 1,
            Self::Raw => 101,
            Self::RawIpv4 => 228,
            Self::Sll => 113,
            Self::Sll2 => 276,
            Self::Nflog => 239,
        }
    }

    /// The frame of a packet.
    fn frame(self, packet: &[u8]) -> Vec<u8> {
        let v4 = packet[0] >> 4 == 4;
        let ours = v4 && packet[12..16] == [10, 66, 0, 1];
        let kind = if v4 { [8, 0] } else { [0x86, 0xdd] };
        let mut frame = match self {
            Self::Null => vec![if v4 { 2 } else { 30 }, 0, 0, 0],
            Self::Loop => vec![0, 0, 0, if v4 { 2 } else { 30 }],
            Self::Ethernet => [&[2; 12][..], &kind].concat(),
            Self::Vlan => [&[2; 12][..], &[0x81, 0, 0, 7], &kind].concat(),
            Self::Raw | Self::RawIpv4 => Vec::new(),
            // Direction, ARPHRD_ETHER, an address of six bytes, the protocol.
            Self::Sll => [&[0, if ours { 4 } else { 0 }, 0, 1, 0, 6][..], &[2; 8], &kind].concat(),
            // The protocol, two reserved bytes, the interface's number, ARPHRD_ETHER, direction, an address.
            Self::Sll2 => {
                let rest = [0, 0, 0, 0, 0, 2, 0, 1, if ours { 4 } else { 0 }, 6];
                [&kind[..], &rest, &[2; 8]].concat()
            }
            Self::Nflog => {
                let length = u16::try_from(4 + packet.len()).expect("short").to_le_bytes();
                let header = [if v4 { 2 } else { 10 }, 0, 0, 0, 8, 0, 1, 0, kind[0], kind[1], 1, 0];
                [&header[..], &length, &[9, 0]].concat()
            }
        };
        frame.extend(packet);
        if self == Self::Nflog {
            frame.resize(frame.len().next_multiple_of(4), 0);
        }
        frame
    }
}

impl Capture {
    /// As a file.
    pub(crate) fn file(&self, format: Format, link: Link) -> Vec<u8> {
        let mut file: Vec<u8> = match format {
            Format::Pcap => {
                let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link.number()];
                header.iter().flat_map(|word: &u32| word.to_le_bytes()).collect()
            }
            Format::PcapNanoseconds => {
                let header = [0xa1b2_3c4d, 0x0002_0004, 0, 0, 65_535, link.number()];
                header.iter().flat_map(|word: &u32| word.to_be_bytes()).collect()
            }
            Format::PcapNg => {
                let section = [0x1a2b_3c4d_u32, 0x0000_0001, u32::MAX, u32::MAX].map(u32::to_le_bytes);
                // `if_tsresol`: milliseconds.
                let interface = [link.number(), 0, 0x0001_0009, 3, 0].map(u32::to_le_bytes);
                let blocks = [(0x0a0d_0d0a, section.concat()), (1, interface.concat())];
                let unknown = (0x0bad_cafe, LOCAL.concat().into_bytes());
                blocks.into_iter().chain([unknown]).flat_map(|(kind, body)| block(kind, &body)).collect()
            }
        };
        for (micros, packet) in &self.packets {
            let frame = link.frame(packet);
            let length = u32::try_from(frame.len()).expect("short");
            let (second, micros) = (1_800_000_000 + micros / 1_000_000, micros % 1_000_000);
            let word = |number: u64| u32::try_from(number).expect("not yet over");
            match format {
                Format::Pcap => {
                    let header = [word(second), word(micros), length, length];
                    file.extend(header.iter().flat_map(|word| word.to_le_bytes()));
                    file.extend(frame);
                }
                Format::PcapNanoseconds => {
                    let header = [word(second), word(micros * 1000), length, length];
                    file.extend(header.iter().flat_map(|word| word.to_be_bytes()));
                    file.extend(frame);
                }
                Format::PcapNg => {
                    let ticks = second * 1000 + micros / 1000;
                    let header = [0, word(ticks >> 32), word(ticks & 0xffff_ffff), length, length];
                    let header: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
                    file.extend(block(6, &[header, frame].concat()));
                }
            }
        }
        file
    }
}

/// A block of pcapng, padded.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = u32::try_from(12 + body.len()).expect("short").to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}
