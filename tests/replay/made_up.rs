//! Captures that are made up: IPv4 and TCP, as raw IP.

use std::net::{Ipv4Addr, Ipv6Addr};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// A pcap file in the making.
#[derive(Debug, Default)]
pub(super) struct Capture {
    packets: Vec<(u64, Vec<u8>)>,
    milliseconds: u64,
}

impl Capture {
    fn tcp(&mut self, source: [u8; 4], destination: [u8; 4], ports: (u16, u16), flags: u8) {
        let mut packet = vec![0x45, 0, 0, 44, 0, 1, 0, 0, 60, 6, 0, 0];
        packet.extend(source);
        packet.extend(destination);
        packet.extend(ports.0.to_be_bytes());
        packet.extend(ports.1.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x60, flags, 4, 0, 0, 0, 0, 0, 2, 4, 5, 180]);
        self.packets.push((self.milliseconds, packet));
    }

    fn port(&self) -> u16 {
        20_000 + u16::try_from(self.packets.len() % 20_000).expect("small")
    }

    /// A SYN as scanners make it.
    pub(super) fn syn(&mut self, source: [u8; 4], destination: [u8; 4], port: u16) -> &mut Self {
        let from = if source == destination { port } else { self.port() };
        self.tcp(source, destination, (from, port), SYN);
        self
    }

    /// A handshake.
    pub(super) fn session(&mut self, source: [u8; 4], destination: [u8; 4], port: u16) -> &mut Self {
        let from = self.port();
        self.tcp(source, destination, (from, port), SYN);
        self.tcp(destination, source, (port, from), SYN | ACK);
        self.tcp(source, destination, (from, port), ACK);
        self
    }

    pub(super) fn after(&mut self, milliseconds: u64) {
        self.milliseconds += milliseconds;
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let word = |number: u32| number.to_le_bytes();
        let mut file = Vec::new();
        for part in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101] {
            file.extend(word(part));
        }
        for (milliseconds, packet) in &self.packets {
            let length = u32::try_from(packet.len()).expect("small");
            let second = u32::try_from(1_800_000_000 + milliseconds / 1000).expect("not yet over");
            let micros = u32::try_from(milliseconds % 1000 * 1000).expect("small");
            for part in [second, micros, length, length] {
                file.extend(word(part));
            }
            file.extend(packet);
        }
        file
    }
}

/// Who sent each packet of a little-endian pcap file of Ethernet frames.
pub(super) fn sources(file: &[u8]) -> Vec<String> {
    let mut sources = Vec::new();
    let mut rest = &file[24..];
    while let Some(header) = rest.first_chunk::<16>() {
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let frame = &rest[16..16 + length];
        sources.push(match frame[12..14] {
            [8, 0] => Ipv4Addr::from(*frame[26..].first_chunk::<4>().expect("an address")).to_string(),
            [0x86, 0xdd] => Ipv6Addr::from(*frame[22..].first_chunk::<16>().expect("an address")).to_string(),
            _ => String::new(),
        });
        rest = &rest[16 + length..];
    }
    sources
}
