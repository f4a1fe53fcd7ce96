//! What a visitor does at the gate's doors.

use std::{
    fmt,
    io::{self, BufRead as _, BufReader, ErrorKind, Read, Write as _},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, ipproto, recv, send, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};

/// How long a visitor waits for an answer that is to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long one waits that is not to come; shorter than the retransmission of a SYN.
pub(super) const SILENCE: Duration = Duration::from_millis(700);
const ECHO_REPLY: [u8; 2] = [0, 129]; // RFC 792, RFC 4443

/// What a visitor learns from knocking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Words.
    Heard(String),
    /// A reset.
    Refused,
    /// Nothing, for as long as a visitor waits.
    Silence,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heard(words) => write!(f, "\"{words}\""),
            Self::Refused => f.write_str("connection reset"),
            Self::Silence => f.write_str("no answer"),
        }
    }
}

impl TryFrom<io::Result<String>> for Answer {
    type Error = io::Error;

    fn try_from(answer: io::Result<String>) -> Result<Self, Self::Error> {
        match answer {
            Ok(words) => Ok(Self::Heard(words)),
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                    Ok(Self::Refused)
                }
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Ok(Self::Silence),
                _ => Err(error),
            },
        }
    }
}

/// Connects, and listens for a greeting.
pub(super) fn hello(to: SocketAddr, patience: Duration) -> io::Result<Answer> {
    Session::open(to, patience).map(|session| session.greeting).try_into()
}

/// Sends a datagram, and waits for another.
pub(super) fn datagram(to: SocketAddr) -> io::Result<Answer> {
    let from: IpAddr = if to.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(SILENCE))?;
    let mut bytes = [0; 64];
    let answer = socket.send(b"hello").and_then(|_| socket.recv(&mut bytes));
    answer.map(|count| String::from_utf8_lossy(&bytes[..count]).into_owned()).try_into()
}

/// Sends an echo request (RFC 792, RFC 4443), and waits for the reply.
pub(super) fn ping(to: IpAddr) -> io::Result<Answer> {
    exchange_echo(to).map(|()| "pong".to_owned()).try_into()
}

fn exchange_echo(to: IpAddr) -> io::Result<()> {
    // The kernel fills in the checksum for IPv6 only: this is that of these very bytes.
    let (family, protocol, request) = match to {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP, [8, 0, 0xf7, 0xfe, 0, 0, 0, 1]),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6, [128, 0, 0, 0, 0, 0, 0, 1]),
    };
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(protocol))?;
    connect(&socket, &SocketAddr::new(to, 0))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    send(&socket, &request, SendFlags::empty())?;
    let (end, mut packet) = (Instant::now() + PATIENCE, [0; 128]);
    // Such a socket sees neighbour discovery, too; for IPv4 it sees the IP header first.
    while Instant::now() < end {
        recv(&socket, &mut packet, RecvFlags::empty())?;
        let header = if to.is_ipv4() { usize::from(packet[0] & 0x0f) * 4 } else { 0 };
        if packet.get(header).is_some_and(|kind| *kind == ECHO_REPLY[usize::from(to.is_ipv6())]) {
            return Ok(());
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// A connection to a service.
#[derive(Debug)]
pub(super) struct Session {
    stream: BufReader<TcpStream>,
    /// What the service said first.
    pub(super) greeting: String,
}

impl Session {
    /// Connects, and listens for a greeting.
    pub(super) fn open(to: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, patience)?;
        stream.set_read_timeout(Some(patience))?;
        let mut session = Self { stream: BufReader::new(stream), greeting: String::new() };
        session.greeting = session.line()?;
        Ok(session)
    }

    /// Says a line, and listens for the answer.
    pub(super) fn say(&mut self, words: &str) -> io::Result<Answer> {
        writeln!(self.stream.get_mut(), "{words}").and_then(|()| self.line()).try_into()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.by_ref().take(256).read_line(&mut line)? {
            0 => Err(ErrorKind::ConnectionReset.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}
