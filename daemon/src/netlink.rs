//! Requests to nfnetlink, and their replies: the little of the codec that the control plane needs
//! (`linux/netlink.h`, RFC 3549). Malformed replies are errors, never panics.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

const ERROR: u16 = 2; // NLMSG_ERROR
const DONE: u16 = 3; // NLMSG_DONE
const REQUEST: u16 = 0x1; // NLM_F_REQUEST
const ACK: u16 = 0x4; // NLM_F_ACK
const DUMP: u16 = 0x300; // NLM_F_DUMP
const HEADER: usize = 16; // sizeof(struct nlmsghdr)
const FAMILY_HEADER: usize = 4; // sizeof(struct nfgenmsg)
/// The bits of an attribute's type that are not flags: `NLA_TYPE_MASK`.
const TYPE_MASK: u16 = 0x3fff;

/// What a request wants back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Only whether it was done.
    Acknowledgement,
    /// Every object there is.
    Dump,
}

/// Any address family: `AF_UNSPEC`.
pub const ANY_FAMILY: u8 = 0;

/// A request to an nfnetlink subsystem.
#[derive(Debug, Clone)]
pub struct Request(Vec<u8>);

impl Request {
    /// A request of this type (the subsystem's number times 256, plus the subsystem's message) about
    /// objects of an address family.
    pub fn new(kind: u16, family: u8, reply: Reply) -> Self {
        let flags = REQUEST | if reply == Reply::Dump { DUMP } else { ACK };
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend([family, 0, 0, 0]);
        Self(bytes)
    }

    /// Adds an attribute; payloads longer than a netlink attribute can be are left out.
    #[must_use]
    pub fn with(mut self, kind: u16, payload: &[u8]) -> Self {
        let Some(length) = payload.len().checked_add(4).and_then(|length| u16::try_from(length).ok()) else {
            return self;
        };
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(payload);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn bytes(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(0);
        for (byte, value) in self.0.iter_mut().zip(length.to_ne_bytes()) {
            *byte = value;
        }
        self.0
    }
}

/// A connection to the kernel's nfnetlink.
#[derive(Debug)]
pub struct Netlink(Socket);

impl Netlink {
    /// Opens one.
    ///
    /// # Errors
    /// What the system said.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Sends a request, hands every object of the reply to `object` as its address family and its
    /// attributes, and returns when the kernel says that it is done.
    ///
    /// # Errors
    /// What the kernel said, or `InvalidData` for a reply that is not netlink.
    pub fn ask(&self, request: Request, mut object: impl FnMut(u8, Attributes<'_>)) -> io::Result<()> {
        self.0.send(&request.bytes(), 0)?;
        loop {
            let (datagram, _) = self.0.recv_from_full()?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let message;
                (message, rest) = split_message(rest).ok_or(io::ErrorKind::InvalidData)?;
                match message.kind {
                    DONE => return Ok(()),
                    ERROR => {
                        return match message.payload.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
                            Some(0) => Ok(()),
                            Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
                            None => Err(io::ErrorKind::InvalidData.into()),
                        };
                    }
                    _ => {
                        let family = message.payload.first().copied().unwrap_or(ANY_FAMILY);
                        object(family, Attributes(message.payload.get(FAMILY_HEADER..).unwrap_or_default()));
                    }
                }
            }
        }
    }
}

struct Message<'a> {
    kind: u16,
    payload: &'a [u8],
}

/// The first message of a datagram, and what follows it.
fn split_message(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let payload = bytes.get(HEADER..length)?;
    let rest = bytes.get(length.checked_next_multiple_of(4)?..).unwrap_or_default();
    Some((Message { kind, payload }, rest))
}

/// The attributes of an object: type without flags, and payload. It ends at the first that is cut.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The payload of the first attribute of this type.
    pub fn find(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find_map(|(found, payload)| (found == kind).then_some(payload))
    }

    /// The first attribute of this type as a number in network order.
    pub fn find_u32(self, kind: u16) -> Option<u32> {
        self.find(kind)?.try_into().ok().map(u32::from_be_bytes)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(*self.0.first_chunk()?));
        let kind = u16::from_ne_bytes(*self.0.get(2..)?.first_chunk()?) & TYPE_MASK;
        let payload = self.0.get(4..length)?;
        self.0 = self.0.get(length.checked_next_multiple_of(4)?..).unwrap_or_default();
        Some((kind, payload))
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_they_were_written() {
        let bytes = Request::new(0x0101, ANY_FAMILY, Reply::Dump)
            .with(8, &7u32.to_be_bytes())
            .with(0x8001, b"abc")
            .bytes();
        let (message, rest) = split_message(&bytes).expect("a message");
        assert!(rest.is_empty());
        assert_eq!(message.kind, 0x0101);
        let attributes = Attributes(&message.payload[FAMILY_HEADER..]);
        assert_eq!(attributes.find_u32(8), Some(7));
        assert_eq!(attributes.find(1), Some(&b"abc"[..]));
        assert_eq!(attributes.find(2), None);
    }

    #[test]
    fn cut_replies_end_early_and_never_panic() {
        let bytes = Request::new(1, ANY_FAMILY, Reply::Dump).with(8, &[1; 9]).with(9, &[2; 30]).bytes();
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            assert!(split_message(cut).is_none());
            assert!(Attributes(cut).count() <= cut.len());
        }
        assert!(Attributes(&[0, 0, 1, 0, 9]).next().is_none(), "an attribute shorter than its header");
    }
}
