//! Captures that are made up: a host, what others send to it, and what it answers.

mod file;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) use self::file::{FORMATS, Format, LINKS, Link};

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
pub(super) const URG: u8 = 0x20;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The host that the capture is taken at.
pub(super) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 66, 0, 1));
/// The same host's other address.
pub(super) const HOST_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd66, 0, 0, 0, 0, 0, 0, 1));
/// What is local: the host, and networks behind it.
pub(super) const LOCAL: [&str; 4] = ["10.66.0.1", "10.77.1.0/24", "fd66::1", "fd77::/64"];
/// TCP ports that are open at every local address; so are UDP's 53 and 123.
const OPEN: [u16; 10] = [21, 22, 25, 53, 80, 110, 143, 443, 993, 8080];

/// A host of the network behind.
pub(super) fn behind(host: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a4d_0100 | (host & 0xff)))
}

/// Somebody out there, another one for each number.
pub(super) fn outside(number: u32) -> IpAddr {
    let [a, b, c, d] = spread(number).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(20 + a % 100, b, c, 1 + d % 254))
}

/// The same number always comes to the same other one, and neighbours to distant ones.
pub(super) const fn spread(number: u32) -> u32 {
    let mixed = number.wrapping_add(0x9e37_79b9).wrapping_mul(0x85eb_ca6b);
    (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35)
}

/// The low half of a number.
#[expect(clippy::cast_possible_truncation, reason = "a part of it is enough")]
pub(super) const fn half(number: u32) -> u16 {
    number as u16
}

/// What a host does at doors that nobody is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Posture {
    /// Its firewall drops what comes.
    Drop,
    /// It answers that nobody is there.
    Open,
}

/// Packets at their times.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    packets: Vec<(u64, Vec<u8>)>,
    /// In microseconds.
    time: u64,
    posture: Posture,
}

impl Default for Capture {
    fn default() -> Self {
        Self::at(Posture::Drop)
    }
}

impl Capture {
    pub(super) const fn at(posture: Posture) -> Self {
        Self { packets: Vec::new(), time: 0, posture }
    }

    pub(super) const fn posture(&self) -> Posture {
        self.posture
    }

    /// Lets time pass.
    pub(super) fn after(&mut self, milliseconds: u64) {
        self.time += milliseconds * 1000;
    }

    /// A SYN as scanners make it.
    pub(super) fn syn(&mut self, source: impl Into<IpAddr>, to: impl Into<IpAddr>, port: u16) -> &mut Self {
        let (source, to) = (source.into(), to.into());
        let from = if source == to { port } else { self.port() };
        self.tcp((source, from), (to, port), SYN, 1024, &[2, 4, 5, 180]);
        self.answer_tcp((source, from), (to, port), SYN)
    }

    /// A SYN as systems make it, and what follows where somebody is.
    pub(super) fn connect(
        &mut self,
        source: impl Into<IpAddr>,
        to: impl Into<IpAddr>,
        port: u16,
    ) -> &mut Self {
        let (source, to) = (source.into(), to.into());
        let from = (source, self.port());
        self.connect_from(from, to, port)
    }

    /// The same, from a port.
    pub(super) fn connect_from(&mut self, from: (IpAddr, u16), to: IpAddr, port: u16) -> &mut Self {
        let options = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
        self.tcp(from, (to, port), SYN, 64240, &options);
        self.answer_tcp(from, (to, port), SYN);
        if OPEN.contains(&port) {
            self.tcp(from, (to, port), ACK, 502, &[]);
        }
        self
    }

    /// A connection, a question, an answer and a goodbye.
    pub(super) fn session(
        &mut self,
        source: impl Into<IpAddr>,
        to: impl Into<IpAddr>,
        port: u16,
    ) -> &mut Self {
        let (from, to) = ((source.into(), self.port()), (to.into(), port));
        self.connect_from(from, to.0, port);
        self.tcp(from, to, ACK | PSH, 502, &[]).tcp(to, from, ACK | PSH, 502, &[]);
        self.tcp(from, to, ACK | FIN, 502, &[]).tcp(to, from, ACK | FIN, 502, &[]);
        self.tcp(from, to, ACK, 502, &[])
    }

    /// A segment by itself, with no options.
    pub(super) fn flags(
        &mut self,
        source: impl Into<IpAddr>,
        to: impl Into<IpAddr>,
        port: u16,
        flags: u8,
    ) -> &mut Self {
        let (from, to) = ((source.into(), self.port()), (to.into(), port));
        self.tcp(from, to, flags, 1024, &[]).answer_tcp(from, to, flags)
    }

    /// A segment, and no answer.
    pub(super) fn tcp(
        &mut self,
        from: (IpAddr, u16),
        to: (IpAddr, u16),
        flags: u8,
        window: u16,
        options: &[u8],
    ) -> &mut Self {
        let mut body = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
        let words = 5 + u8::try_from(options.len() / 4).expect("a few");
        let [window, low] = window.to_be_bytes();
        body.extend([0, 0, 0, 1, 0, 0, 0, 0, words << 4, flags, window, low, 0, 0, 0, 0]);
        body.extend(options);
        self.ip(from.0, to.0, TCP, 60, &body)
    }

    /// A datagram of `length` bytes, and no answer.
    pub(super) fn datagram(&mut self, from: (IpAddr, u16), to: (IpAddr, u16), length: u16) -> &mut Self {
        let body = udp(from.1, to.1, length);
        self.ip(from.0, to.0, UDP, 60, &body)
    }

    /// A datagram to a door where nobody is, unless it is open.
    pub(super) fn udp(&mut self, source: impl Into<IpAddr>, to: impl Into<IpAddr>, port: u16) -> &mut Self {
        let from = (source.into(), self.port());
        self.ask(from, to.into(), port, 0)
    }

    /// The same, with `length` bytes in it and from a port.
    pub(super) fn ask(&mut self, from: (IpAddr, u16), to: IpAddr, port: u16, length: u16) -> &mut Self {
        self.datagram(from, (to, port), length);
        if [53, 123].contains(&port) {
            self.datagram((to, port), from, 40);
        } else if self.posture == Posture::Open {
            self.unreachable(3);
        }
        self
    }

    /// Something else than TCP, UDP and ICMP.
    pub(super) fn protocol(&mut self, source: IpAddr, to: IpAddr, protocol: u8) -> &mut Self {
        self.ip(source, to, protocol, 60, &[]);
        if self.posture == Posture::Open {
            self.unreachable(2);
        }
        self
    }

    /// An echo request and its answer.
    pub(super) fn ping(&mut self, source: IpAddr, to: IpAddr) -> &mut Self {
        let [high, low] = self.port().to_be_bytes();
        let (protocol, kinds) = if source.is_ipv4() { (ICMP, [8, 0]) } else { (ICMPV6, [128, 129]) };
        let echo = |kind| [&[kind, 0, 0, 0, high, low, 0, 1][..], &[0; 48]].concat();
        self.ip(source, to, protocol, 60, &echo(kinds[0]));
        self.ip(to, source, protocol, 64, &echo(kinds[1]))
    }

    /// An IP packet of any kind.
    pub(super) fn ip(&mut self, source: IpAddr, to: IpAddr, protocol: u8, ttl: u8, body: &[u8]) -> &mut Self {
        let length = |more: usize| u16::try_from(body.len() + more).expect("short").to_be_bytes();
        let header = match (source, to) {
            (IpAddr::V4(source), IpAddr::V4(to)) => {
                let [id, low] = self.port().to_be_bytes();
                let [high, short] = length(20);
                let fixed = [0x45, 0, high, short, id, low, 0, 0, ttl, protocol, 0, 0];
                [&fixed[..], &source.octets(), &to.octets()].concat()
            }
            (IpAddr::V6(source), IpAddr::V6(to)) => {
                let [high, short] = length(0);
                let fixed = [0x60, 0, 0, 0, high, short, protocol, ttl];
                [&fixed[..], &source.octets(), &to.octets()].concat()
            }
            _ => panic!("both of one family"),
        };
        self.put([&header, body].concat())
    }

    /// A fragment of an IPv4 datagram: its bytes from `offset` on.
    pub(super) fn fragment(
        &mut self,
        source: IpAddr,
        to: IpAddr,
        id: u16,
        (offset, more): (u16, bool),
        body: &[u8],
    ) -> &mut Self {
        self.ip(source, to, TCP, 60, body);
        let packet = &mut self.packets.last_mut().expect("just made").1;
        packet[4..6].copy_from_slice(&id.to_be_bytes());
        packet[6..8].copy_from_slice(&((offset / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
        self
    }

    /// Bytes, whatever they are.
    pub(super) fn put(&mut self, packet: Vec<u8>) -> &mut Self {
        self.packets.push((self.time, packet));
        // A wire takes its time.
        self.time += 20;
        self
    }

    /// How many packets there are.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Both captures, in the order of their times.
    pub(super) fn with(&mut self, other: Self) -> &mut Self {
        self.packets.extend(other.packets);
        self.packets.sort_by_key(|(time, _)| *time);
        self.time = self.time.max(other.time);
        self
    }

    /// As a file: pcap, raw IP.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.file(Format::Pcap, Link::Raw)
    }

    fn port(&self) -> u16 {
        20_000 + u16::try_from(self.packets.len() % 40_000).expect("small")
    }

    fn answer_tcp(&mut self, from: (IpAddr, u16), to: (IpAddr, u16), flags: u8) -> &mut Self {
        if from.0 == to.0 || flags & RST != 0 {
            return self;
        }
        let open = OPEN.contains(&to.1);
        match (open, self.posture) {
            (true, _) if flags == SYN => self.tcp(to, from, SYN | ACK, 65_160, &[2, 4, 5, 180]),
            // RFC 9293, 3.10.7.1; an open door says nothing to what is no SYN.
            (_, Posture::Open) if flags & ACK != 0 => self.tcp(to, from, RST, 0, &[]),
            (false, Posture::Open) => self.tcp(to, from, RST | ACK, 0, &[]),
            _ => self,
        }
    }

    /// The host's word that the last packet has come to nobody.
    fn unreachable(&mut self, code: u8) -> &mut Self {
        let packet = self.packets.last().expect("one was made").1.clone();
        let quoted = &packet[..packet.len().min(68)];
        let (protocol, kind, code, ends) = match packet[0] >> 4 {
            4 => (ICMP, 3, code, [address(&packet[12..16]), address(&packet[16..20])]),
            _ => (ICMPV6, 1, 4, [address(&packet[8..24]), address(&packet[24..40])]),
        };
        let body = [&[kind, code, 0, 0, 0, 0, 0, 0][..], quoted].concat();
        self.ip(ends[1], ends[0], protocol, 64, &body)
    }
}

fn address(bytes: &[u8]) -> IpAddr {
    match bytes.first_chunk::<16>() {
        Some(&bytes) => bytes.into(),
        None => (*bytes.first_chunk::<4>().expect("an address")).into(),
    }
}

/// A UDP header, and zeroes behind it.
pub(super) fn udp(from: u16, to: u16, length: u16) -> Vec<u8> {
    let words = [from, to, 8 + length, 0];
    let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    body.resize(8 + usize::from(length), 0);
    body
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
