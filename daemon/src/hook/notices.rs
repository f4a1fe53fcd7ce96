//! The kernel's notices of changes to nft tables, whoever makes them: iptables-nft's tables are nft's, too
//! (`NFNLGRP_NFTABLES`, `linux/netfilter/nfnetlink.h`).

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

use super::{TABLE, iptables};
use crate::netlink::{Attributes, Content, Message};

/// The bit of group `NFNLGRP_NFTABLES`, 7.
const GROUP: u32 = 1 << 6;
const LARGEST: usize = 64 * 1024;

const SUBSYSTEM: u16 = 10; // NFNL_SUBSYS_NFTABLES
const NEW_CHAIN: u16 = 3; // NFT_MSG_NEWCHAIN
const ELEMENTS: std::ops::RangeInclusive<u16> = 12..=14; // NFT_MSG_NEWSETELEM to NFT_MSG_DELSETELEM
const NEW_GENERATION: u16 = 15; // NFT_MSG_NEWGEN, which ends each transaction
const TABLE_NAME: u16 = 1; // NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE
const CHAIN_NAME: u16 = 3; // NFTA_CHAIN_NAME
const PROCESS: u16 = 2; // NFTA_GEN_PROC_PID
const PROCESS_NAME: u16 = 3; // NFTA_GEN_PROC_NAME

/// A chain that is made just before our table is removed on purpose.
pub(super) const FAREWELL: &str = "withdrawn";

/// Where the notices arrive.
#[derive(Debug)]
pub struct Notices(Socket);

/// What has happened to our rules since the last look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// They may have been touched.
    pub ours: bool,
    /// One of our own commands took them away.
    pub withdrawn: bool,
    /// Who changed rules last, as an administrator would name it.
    pub by: Option<String>,
}

impl Notices {
    /// Listens from now on.
    ///
    /// # Errors
    /// What the system said.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind(&SocketAddr::new(0, GROUP))?;
        socket.set_non_blocking(true)?;
        Ok(Self(socket))
    }

    /// Takes all notices that have come.
    pub fn read(&self) -> Changes {
        let mut changes = Changes::default();
        let mut buffer = Vec::with_capacity(LARGEST);
        loop {
            buffer.clear();
            match self.0.recv(&mut buffer, 0) {
                Ok(_) => changes.read(&buffer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return changes,
                // Some were lost (ENOBUFS): they may have been about us.
                Err(_) => changes.ours = true,
            }
        }
    }
}

impl AsFd for Notices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Changes {
    fn read(&mut self, mut datagram: &[u8]) {
        while !datagram.is_empty() {
            let Some((message, rest)) = Message::split(datagram) else {
                self.ours = true;
                return;
            };
            datagram = rest;
            if let Content::Object(kind, family, attributes) = message.content()
                && kind >> 8 == SUBSYSTEM
            {
                self.note(kind & 0xff, family, attributes);
            }
        }
    }

    fn note(&mut self, kind: u16, family: u8, attributes: Attributes<'_>) {
        if kind == NEW_GENERATION {
            let process = attributes.find_u32(PROCESS).unwrap_or(0);
            self.by = attributes
                .find(PROCESS_NAME)
                .map(|name| format!("{} (process {process})", text(name).escape_debug()));
            return;
        }
        if ELEMENTS.contains(&kind) {
            return;
        }
        let table = attributes.find(TABLE_NAME).map(text).unwrap_or_default();
        let ours = match family {
            1 => table == TABLE,                   // NFPROTO_INET
            2 | 10 => table == iptables::IN_TABLE, // NFPROTO_IPV4, NFPROTO_IPV6
            _ => false,
        };
        self.ours |= ours;
        let farewell =
            kind == NEW_CHAIN && attributes.find(CHAIN_NAME).map(text).as_deref() == Some(FAREWELL);
        self.withdrawn |= ours && farewell;
    }
}

/// A string as netlink carries it: with a zero at its end.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::{Reply, Subject, put_message};

    type Written<'a> = (u16, u8, &'a [(u16, &'a [u8])]);

    fn read(messages: &[Written<'_>]) -> Changes {
        let mut bytes = Vec::new();
        for (kind, family, attributes) in messages {
            let subject = Subject { family: *family, ..Subject::of(SUBSYSTEM << 8 | kind) };
            put_message(&mut bytes, subject, Reply::None, attributes);
        }
        let mut changes = Changes::default();
        changes.read(&bytes);
        changes
    }

    #[test]
    fn other_tables_and_elements_of_sets_are_not_our_business() {
        let theirs = read(&[
            (0, 1, &[(1, b"filter\0")]),
            (6, 2, &[(1, b"mangle\0")]),
            (6, 7, &[(1, b"portcullis\0")]),
            (12, 1, &[(1, b"portcullis\0")]),
            (15, 0, &[(1, &[0, 0, 0, 9]), (2, &[0, 0, 0, 77]), (3, b"docker\x1b\0")]),
        ]);
        let by = Some("docker\\u{1b} (process 77)".to_owned());
        assert_eq!(theirs, Changes { ours: false, withdrawn: false, by });
    }

    #[test]
    fn our_table_and_the_one_with_our_chain_are() {
        for (kind, family, table) in
            [(2, 1, &b"portcullis\0"[..]), (8, 2, b"security\0"), (5, 10, b"security\0")]
        {
            let changes = read(&[(kind, family, &[(1, table)])]);
            assert!(changes.ours && !changes.withdrawn, "{table:?}");
        }
        let farewell =
            read(&[(3, 1, &[(1, b"portcullis\0"), (3, b"withdrawn\0")]), (2, 1, &[(1, b"portcullis\0")])]);
        assert!(farewell.ours && farewell.withdrawn);
    }

    #[test]
    fn what_is_cut_short_may_have_been_about_us() {
        let mut changes = Changes::default();
        changes.read(&[200, 0, 0, 0, 1]);
        assert!(changes.ours);
    }
}
