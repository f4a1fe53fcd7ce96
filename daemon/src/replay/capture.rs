//! Captures, read as a stream: pcap and pcapng, in constant memory.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::{
    fmt,
    io::{self, Read},
};

use jiff::Timestamp;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

/// The first size of the buffer; a block has to fit in it.
const BUFFER: usize = 1 << 20;
/// No packet is longer than libpcap's own limit (`MAXIMUM_SNAPLEN`, 256 KiB); other blocks of pcapng
/// may be, but not without end.
const MOST_BUFFER: usize = 1 << 24;
/// Interfaces that a pcapng section may describe.
const MOST_INTERFACES: usize = 4096;

/// One captured packet.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Counted from 1, as Wireshark does.
    pub number: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// What its bytes begin with (`LINKTYPE_…`, tcpdump.org/linktypes.html).
    pub link: i32,
    /// The bytes that were kept.
    pub bytes: &'a [u8],
    /// Its length on the wire, in bytes.
    pub length: u32,
}

/// Why a capture could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not one byte in it.
    Empty,
    /// It begins like neither pcap nor pcapng.
    NotACapture,
    /// It ends inside a packet or block.
    CutShort,
    /// A block claims to be longer than any can be.
    Oversized,
    /// A block contradicts itself.
    Corrupt,
    /// The system could not read the file.
    Unreadable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::NotACapture => "it is neither pcap nor pcapng",
            Self::CutShort => "it ends inside a packet",
            Self::Oversized => "a block in it is longer than any can be",
            Self::Corrupt => "what stands there is no packet",
            Self::Unreadable => "the system can't read on",
        })
    }
}

/// Where reading ended, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Packets read before.
    pub packets: u64,
    /// Bytes understood before.
    pub offset: u64,
    /// What is wrong there.
    pub fault: Fault,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packets, offset, fault } = self;
        write!(f, "{fault} (at byte {offset}, after {packets} packets)")
    }
}

impl std::error::Error for Broken {}

/// Hands every packet of `input` to `take`, in order, and tells how many there were, or where and why
/// reading ended early. What was readable has been handed over by then.
///
/// # Errors
/// What `take` says: nothing is read after that.
pub fn read<R: Read + Send>(
    input: R,
    mut take: impl FnMut(Frame<'_>) -> io::Result<()>,
) -> io::Result<Result<u64, Broken>> {
    let mut state = Section::default();
    let mut reader = match create_reader(BUFFER, input) {
        Ok(reader) => reader,
        Err(error) => return Ok(Err(Broken { packets: 0, offset: 0, fault: opening(&error) })),
    };
    let mut size = BUFFER;
    loop {
        let fault = match reader.next() {
            Ok((consumed, block)) => {
                state.take(&block, &mut take)?;
                // What is left moves to the front when more is read.
                reader.consume_noshift(consumed);
                continue;
            }
            Err(PcapError::Eof) => return Ok(Ok(state.packets)),
            Err(PcapError::Incomplete(_)) => match reader.refill() {
                Ok(()) => continue,
                Err(_) => Fault::Unreadable,
            },
            Err(PcapError::BufferTooSmall) => {
                size = size.saturating_mul(2);
                if size <= MOST_BUFFER && reader.grow(size) {
                    match reader.refill() {
                        Ok(()) => continue,
                        Err(_) => Fault::Unreadable,
                    }
                } else {
                    Fault::Oversized
                }
            }
            Err(PcapError::UnexpectedEof) => Fault::CutShort,
            Err(PcapError::ReadError) => Fault::Unreadable,
            Err(_) => Fault::Corrupt,
        };
        return Ok(Err(Broken { packets: state.packets, offset: reader.consumed() as u64, fault }));
    }
}

fn opening(error: &PcapError<&[u8]>) -> Fault {
    match error {
        PcapError::Eof => Fault::Empty,
        PcapError::Incomplete(_) | PcapError::UnexpectedEof => Fault::CutShort,
        PcapError::ReadError => Fault::Unreadable,
        _ => Fault::NotACapture,
    }
}

/// What blocks before a packet say of it.
#[derive(Debug, Default)]
struct Section {
    packets: u64,
    /// The last time seen: simple packet blocks have none.
    time: Timestamp,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Interface {
    link: i32,
    /// Ticks in a second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
}

impl Section {
    fn take(
        &mut self,
        block: &PcapBlockOwned<'_>,
        take: &mut impl FnMut(Frame<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.interfaces = vec![Interface { link: header.network.0, resolution, offset: 0 }];
            }
            PcapBlockOwned::Legacy(packet) => {
                let Interface { link, resolution, .. } = self.interface(0);
                let ticks = u64::from(packet.ts_sec).saturating_mul(resolution);
                self.time = time(ticks.saturating_add(packet.ts_usec.into()), resolution, 0);
                return self.hand_over(link, packet.data, packet.caplen, packet.origlen, take);
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
                if self.interfaces.len() < MOST_INTERFACES {
                    self.interfaces.push(Interface {
                        link: described.linktype.0,
                        resolution: resolution(described.if_tsresol),
                        offset: described.if_tsoffset,
                    });
                }
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let Interface { link, resolution, offset } = self.interface(packet.if_id as usize);
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                self.time = time(ticks, resolution, offset);
                return self.hand_over(link, packet.data, packet.caplen, packet.origlen, take);
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let link = self.interface(0).link;
                return self.hand_over(link, packet.data, packet.origlen, packet.origlen, take);
            }
            PcapBlockOwned::NG(_) => {}
        }
        Ok(())
    }

    /// An interface that was never described is taken for one that can't be read.
    fn interface(&self, number: usize) -> Interface {
        self.interfaces.get(number).copied().unwrap_or(Interface { link: -1, resolution: 1, offset: 0 })
    }

    /// pcapng's blocks are padded: only `kept` bytes are the packet's.
    fn hand_over(
        &mut self,
        link: i32,
        bytes: &[u8],
        kept: u32,
        length: u32,
        take: &mut impl FnMut(Frame<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.packets = self.packets.saturating_add(1);
        let bytes = bytes.get(..kept as usize).unwrap_or(bytes);
        take(Frame { number: self.packets, time: self.time, link, bytes, length })
    }
}

/// `if_tsresol`: a power of ten, or with the highest bit of two.
fn resolution(code: u8) -> u64 {
    let power = u32::from(code & 0x7f);
    let base: u64 = if code & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(power).unwrap_or(1_000_000)
}

/// The time that `ticks` of `resolution` in a second mean. What is beyond the years that a
/// [`Timestamp`] holds is taken for its end.
fn time(ticks: u64, resolution: u64, offset: i64) -> Timestamp {
    let resolution = resolution.max(1);
    let seconds = ticks.checked_div(resolution).unwrap_or(0);
    let rest = ticks.checked_rem(resolution).unwrap_or(0);
    let nanos = match rest.checked_mul(1_000_000_000) {
        Some(rest) => rest.checked_div(resolution).unwrap_or(0),
        // Finer than any clock: only then are the long numbers worth their time.
        None => {
            let rest = u128::from(rest).saturating_mul(1_000_000_000);
            rest.checked_div(resolution.into()).and_then(|nanos| nanos.try_into().ok()).unwrap_or(0)
        }
    };
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_add(offset);
    Timestamp::new(seconds, i32::try_from(nanos).unwrap_or(0)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
