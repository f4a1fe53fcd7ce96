//! What netfilter's log tells (`linux/netfilter/nfnetlink_log.h`), by the rules of `hook/tap.rs`.

use std::{
    hash::RandomState,
    io,
    net::IpAddr,
    sync::mpsc::{SyncSender, TrySendError},
    thread::{self, Thread},
};

use jiff::Timestamp;
use portcullis_rules::{Headers, Ports, Protocol, TcpFlags, Transport};

use crate::{
    detect::{Contact, News, Oddity},
    glance::{Glance, fragment::Fragments, glance},
    netlink::{Attributes, Netlink, Reply, Subject},
};

const CONFIG: u16 = 0x0401; // NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG
const PACKET: u16 = 0x0400; // NFULNL_MSG_PACKET
const CFG_CMD: u16 = 1; // NFULA_CFG_CMD
const CFG_MODE: u16 = 2; // NFULA_CFG_MODE
const CFG_TIMEOUT: u16 = 4; // NFULA_CFG_TIMEOUT, in hundredths of a second
const BIND: u8 = 1; // NFULNL_CFG_CMD_BIND
const COPY_PACKET: u8 = 2; // NFULNL_COPY_PACKET
const PACKET_HEADER: u16 = 1; // NFULA_PACKET_HDR
const PAYLOAD: u16 = 9; // NFULA_PAYLOAD
/// Bytes of a packet that are wanted: what an ICMP error quotes, too.
const COPIED: u32 = 256;
/// After so many failures in a row there is nothing to hear any more.
const HOPELESS: u32 = 1000;
/// `NF_INET_LOCAL_OUT`.
const OUTPUT: u8 = 3;

/// What is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// This host has refused a contact.
    Refusal(Refusal),
    /// A packet that the kernel discards.
    Contact(Contact),
}

/// This host's own refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// When it was heard.
    pub time: Timestamp,
    /// The address of this host.
    pub by: IpAddr,
    /// Whose contact was refused.
    pub to: IpAddr,
    /// The contact's protocol.
    pub protocol: Protocol,
    /// The contact's ports.
    pub ports: Ports,
    /// Whether the contact was a segment from the middle of a session.
    pub mid_stream: bool,
}

/// Listens to log group `group` on a thread of its own. What the receiver has no room for is lost.
///
/// # Errors
/// When the group can't be had, or the thread not be started.
pub fn listen(group: u16, heard: SyncSender<Heard>, recorder: Thread) -> io::Result<()> {
    let kernel = Netlink::open()?;
    let subject = Subject { resource: group, ..Subject::of(CONFIG) };
    let configure =
        |attributes: &[(u16, &[u8])]| kernel.ask(subject, Reply::Acknowledgement, attributes, |_, _| {});
    configure(&[(CFG_CMD, &[BIND])])?;
    let [a, b, c, d] = COPIED.to_be_bytes();
    configure(&[(CFG_MODE, &[a, b, c, d, COPY_PACKET, 0]), (CFG_TIMEOUT, &5_u32.to_be_bytes())])?;
    let mut ear = Ear { fragments: Fragments::new(), hasher: RandomState::new() };
    let body = move || {
        let mut failures = 0;
        while failures < HOPELESS {
            let mut closed = false;
            let received = kernel.receive(|kind, attributes| {
                let Some(news) = (kind == PACKET).then(|| ear.hear(attributes)).flatten() else { return };
                closed |= matches!(heard.try_send(news), Err(TrySendError::Disconnected(_)));
                recorder.unpark();
            });
            // Lost messages (`ENOBUFS`) are only that.
            failures = if received.is_ok() { 0 } else { failures + 1 };
            if closed {
                return;
            }
        }
    };
    thread::Builder::new().name("tap".to_owned()).spawn(body).map(drop)
}

struct Ear {
    fragments: Fragments,
    hasher: RandomState,
}

impl Ear {
    fn hear(&mut self, attributes: Attributes<'_>) -> Option<Heard> {
        let bytes = attributes.find(PAYLOAD)?;
        let length = u32::try_from(bytes.len()).ok()?;
        let time = Timestamp::now();
        let seen = glance(bytes, length, &self.hasher)?;
        if attributes.find(PACKET_HEADER)?.get(2) == Some(&OUTPUT) {
            return refusal(time, bytes, length, &seen, &self.hasher).map(Heard::Refusal);
        }
        let odd = if seen.source == seen.destination {
            Some(Oddity::Land)
        } else if let Some(fragment) = &seen.fragment {
            self.fragments.put(fragment).odd
        } else {
            seen.hides.then_some(Oddity::ExtensionHeaders)
        };
        let contact = Contact {
            time,
            packet: 0,
            source: seen.source,
            destination: seen.destination,
            protocol: Protocol(seen.protocol),
            ports: None,
            flags: TcpFlags(0),
            window: 0,
            icmp: None,
            ttl: 64,
            length,
            news: News::Refused,
        };
        match odd {
            Some(odd) => Some(Heard::Contact(Contact { news: News::Oddity(odd), ..contact })),
            None if seen.fragment.is_some() => None,
            // A source that can't be: the detector knows them.
            None => {
                let headers = Headers::parse(bytes, length).ok()?;
                let flags = headers.tcp_flags().unwrap_or(TcpFlags(0));
                Some(Heard::Contact(Contact { ports: headers.ports(), flags, ..contact }))
            }
        }
    }
}

/// What this host refuses with a reset or an ICMP error.
fn refusal(
    time: Timestamp,
    bytes: &[u8],
    length: u32,
    seen: &Glance<'_>,
    hasher: &RandomState,
) -> Option<Refusal> {
    if matches!(seen.protocol, 1 | 58) {
        let inner = glance(seen.transport.get(8..)?, u32::MAX, hasher)?;
        let port = |at: usize| inner.transport.get(at..)?.first_chunk().copied().map(u16::from_be_bytes);
        let ports = Ports { source: port(0)?, destination: port(2)? };
        let protocol = Protocol(inner.protocol);
        return Some(Refusal {
            time,
            by: inner.destination,
            to: inner.source,
            protocol,
            ports,
            mid_stream: false,
        });
    }
    let headers = Headers::parse(bytes, length).ok()?;
    let Transport::Tcp { ports, flags, .. } = headers.transport else { return None };
    let Ports { source, destination } = ports;
    Some(Refusal {
        time,
        by: headers.source,
        to: headers.destination,
        protocol: Protocol::TCP,
        ports: Ports { source: destination, destination: source },
        // A reset acknowledges what did not acknowledge anything (RFC 9293, 3.10.7.1).
        mid_stream: !flags.contains(TcpFlags::ACK),
    })
}
