//! Walks over the kernel's connection tracking table (`linux/netfilter/nfnetlink_conntrack.h`), to
//! take our marks off connections.

use std::io;

use crate::{
    mark::{Answer, MarkLayout},
    netlink::{ANY_FAMILY, Netlink, Reply, Request},
};

const NEW: u16 = 0x0100; // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW
const GET: u16 = 0x0101; // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
const TUPLE_ORIG: u16 = 1; // CTA_TUPLE_ORIG
const MARK: u16 = 8; // CTA_MARK
const ZONE: u16 = 18; // CTA_ZONE
const MARK_MASK: u16 = 21; // CTA_MARK_MASK
const NESTED: u16 = 0x8000; // NLA_F_NESTED
const NO_ENTRY: i32 = 2; // ENOENT

/// Which connections a walk is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// Those whose bits of ours hold this answer.
    With(Answer),
    /// Those with any of our bits set.
    Any,
}

/// Clears our bits in the marks of all connections that are `marked`, of both families, and tells
/// how many there were. Their next packets come back to the queue.
///
/// # Errors
/// What the kernel said: a missing capability, or a kernel without ctnetlink.
pub fn clear(layout: MarkLayout, marked: Marked) -> io::Result<usize> {
    let kernel = Netlink::open()?;
    let mask = layout.mask().to_be_bytes();
    let mut dump = Request::new(GET, ANY_FAMILY, Reply::Dump);
    if let Marked::With(answer) = marked {
        // The kernel leaves out the others.
        dump = dump.with(MARK, &layout.answer(answer).to_be_bytes()).with(MARK_MASK, &mask);
    }
    let mut found = Vec::new();
    kernel.ask(dump, |family, connection| {
        let ours = connection.find_u32(MARK).unwrap_or(0) & layout.mask();
        let wanted = match marked {
            Marked::With(answer) => ours == layout.answer(answer),
            Marked::Any => ours != 0,
        };
        if let Some(tuple) = connection.find(TUPLE_ORIG).filter(|_| wanted) {
            found.push((family, tuple.to_vec(), connection.find(ZONE).map(<[u8]>::to_vec)));
        }
    })?;
    for (family, tuple, zone) in &found {
        let mut update = Request::new(NEW, *family, Reply::Acknowledgement).with(TUPLE_ORIG | NESTED, tuple);
        if let Some(zone) = zone {
            update = update.with(ZONE, zone);
        }
        update = update.with(MARK, &0u32.to_be_bytes()).with(MARK_MASK, &mask);
        match kernel.ask(update, |_, _| {}) {
            // It ended meanwhile.
            Err(error) if error.raw_os_error() == Some(NO_ENTRY) => {}
            answer => answer?,
        }
    }
    Ok(found.len())
}
