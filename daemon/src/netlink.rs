//! Messages to and from nfnetlink: the little of the codec that is needed here (`linux/netlink.h`,
//! RFC 3549). What the kernel says is read with care: what can't be read is `None` or an error, never
//! a panic.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

const ERROR: u16 = 2; // NLMSG_ERROR
const DONE: u16 = 3; // NLMSG_DONE
const HEADER: usize = 16; // sizeof(struct nlmsghdr)
const FAMILY_HEADER: usize = 4; // sizeof(struct nfgenmsg)
/// The bits of an attribute's type that are not flags: `NLA_TYPE_MASK`.
const TYPE_MASK: u16 = 0x3fff;

/// Any address family: `AF_UNSPEC`.
pub const ANY_FAMILY: u8 = 0;

/// What a message wants back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Nothing, unless it fails.
    None,
    /// Whether it was done.
    Acknowledgement,
    /// Every object there is.
    Dump,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The subsystem's number times 256, plus the subsystem's message.
    pub kind: u16,
    /// The objects' address family.
    pub family: u8,
    /// The object's number, where the subsystem counts them: a queue's.
    pub resource: u16,
}

impl Subject {
    /// A kind of message about no object in particular.
    pub const fn of(kind: u16) -> Self {
        Self { kind, family: ANY_FAMILY, resource: 0 }
    }
}

/// Appends a message with these attributes (type and payload). One whose payload is longer than
/// an attribute can be is left out.
pub fn put_message(out: &mut Vec<u8>, subject: Subject, reply: Reply, attributes: &[(u16, &[u8])]) {
    let Subject { kind, family, resource } = subject;
    let flags: u16 = match reply {
        Reply::None => 0x1,            // NLM_F_REQUEST
        Reply::Acknowledgement => 0x5, // NLM_F_REQUEST | NLM_F_ACK
        Reply::Dump => 0x301,          // NLM_F_REQUEST | NLM_F_DUMP
    };
    let start = out.len();
    out.extend([0; 4]);
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend([0; 8]);
    out.extend([family, 0]);
    out.extend(resource.to_be_bytes());
    put_attributes(out, attributes);
    let length = u32::try_from(out.len().saturating_sub(start)).unwrap_or(0);
    if let Some(field) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *field = length.to_ne_bytes();
    }
}

/// Appends these attributes (type and payload), as [`put_message`] does.
pub fn put_attributes(out: &mut Vec<u8>, attributes: &[(u16, &[u8])]) {
    for (kind, payload) in attributes {
        let Some(length) = payload.len().checked_add(4).and_then(|length| u16::try_from(length).ok()) else {
            continue;
        };
        out.extend(length.to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(*payload);
        out.resize(out.len().next_multiple_of(4), 0);
    }
}

/// A message from the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    kind: u16,
    payload: &'a [u8],
}

/// What a message from the kernel brings.
#[derive(Debug)]
pub enum Content<'a> {
    /// An object of this kind and address family.
    Object(u16, u8, Attributes<'a>),
    /// The end of a dump, or that a request was done.
    Done,
    /// That a request failed.
    Failed(io::Error),
}

impl<'a> Message<'a> {
    /// The first message of a datagram, and what follows it.
    pub fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
        let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
        let payload = bytes.get(HEADER..length)?;
        let rest = bytes.get(length.checked_next_multiple_of(4)?..).unwrap_or_default();
        Some((Self { kind, payload }, rest))
    }

    /// What it brings.
    pub fn content(self) -> Content<'a> {
        match self.kind {
            DONE => Content::Done,
            ERROR => match self.payload.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
                Some(0) => Content::Done,
                Some(code) => Content::Failed(io::Error::from_raw_os_error(code.saturating_neg())),
                None => Content::Failed(io::ErrorKind::InvalidData.into()),
            },
            kind => {
                let family = self.payload.first().copied().unwrap_or(ANY_FAMILY);
                Content::Object(
                    kind,
                    family,
                    Attributes(self.payload.get(FAMILY_HEADER..).unwrap_or_default()),
                )
            }
        }
    }
}

/// The attributes of an object: type without flags, and payload. They end at the first that is cut.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The attributes that are nested in another one's payload.
    pub const fn of(payload: &'a [u8]) -> Self {
        Self(payload)
    }

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

/// A socket to the kernel's nfnetlink, for one request at a time.
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

    /// Waits for a datagram that nobody asked for, and hands every object in it to `object` as its kind and
    /// its attributes.
    ///
    /// # Errors
    /// What the system said, such as that messages were lost; or `InvalidData` for what is not netlink.
    pub fn receive(&self, mut object: impl FnMut(u16, Attributes<'_>)) -> io::Result<()> {
        let (datagram, _) = self.0.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let message;
            (message, rest) = Message::split(rest).ok_or(io::ErrorKind::InvalidData)?;
            if let Content::Object(kind, _, attributes) = message.content() {
                object(kind, attributes);
            }
        }
        Ok(())
    }

    /// Sends a request, hands every object of the reply to `object` as its address family and its
    /// attributes, and returns when the kernel says that it is done.
    ///
    /// # Errors
    /// What the kernel said, or `InvalidData` for a reply that is not netlink.
    pub fn ask(
        &self,
        subject: Subject,
        reply: Reply,
        attributes: &[(u16, &[u8])],
        mut object: impl FnMut(u8, Attributes<'_>),
    ) -> io::Result<()> {
        let mut request = Vec::new();
        put_message(&mut request, subject, reply, attributes);
        self.0.send(&request, 0)?;
        loop {
            let (datagram, _) = self.0.recv_from_full()?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let message;
                (message, rest) = Message::split(rest).ok_or(io::ErrorKind::InvalidData)?;
                match message.content() {
                    Content::Object(_, family, attributes) => object(family, attributes),
                    Content::Done => return Ok(()),
                    Content::Failed(error) => return Err(error),
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    fn message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_message(&mut bytes, Subject { kind: 0x0101, family: 10, resource: 7 }, Reply::Dump, attributes);
        bytes
    }

    #[test]
    fn messages_come_back_as_they_were_written() {
        let mut bytes = message(&[(8, &7u32.to_be_bytes()), (0x8001, b"abc")]);
        bytes.extend(message(&[]));
        let (first, rest) = Message::split(&bytes).expect("a message");
        let Content::Object(0x0101, 10, attributes) = first.content() else { panic!("{first:?}") };
        assert_eq!(attributes.find_u32(8), Some(7));
        assert_eq!(attributes.find(1), Some(&b"abc"[..]));
        assert_eq!(attributes.find(2), None);
        assert!(Message::split(rest).is_some_and(|(_, rest)| rest.is_empty()));
    }

    #[test]
    fn cut_messages_end_early_and_never_panic() {
        let bytes = message(&[(8, &[1; 9]), (9, &[2; 30])]);
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            assert!(Message::split(cut).is_none());
            assert!(Attributes(cut).count() <= cut.len());
        }
        assert!(Attributes(&[0, 0, 1, 0, 9]).next().is_none(), "an attribute shorter than its header");
    }

    #[test]
    fn failures_carry_the_kernels_reason() {
        let failed = |code: i32| Message { kind: ERROR, payload: &code.to_ne_bytes() }.content().words();
        assert_eq!(failed(0), "done");
        assert!(failed(-2).contains("os error 2"));
        assert!(failed(i32::MIN).contains("failed"));
    }

    impl Content<'_> {
        fn words(&self) -> String {
            match self {
                Content::Object(..) => "object".to_owned(),
                Content::Done => "done".to_owned(),
                Content::Failed(error) => format!("failed: {error}"),
            }
        }
    }
}
