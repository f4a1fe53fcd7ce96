//! Walks over the kernel's connection tracking table (`linux/netfilter/nfnetlink_conntrack.h`), to
//! take our marks off connections.

use std::io;

use crate::{
    mark::{Answer, MarkLayout},
    netlink::{Netlink, Reply, Subject},
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

/// A connection, as the kernel named it.
struct Connection {
    family: u8,
    tuple: Vec<u8>,
    zone: Option<Vec<u8>>,
}

/// Clears our bits in the marks of all connections that are `marked`, of both families, and tells
/// how many there were. Their next packets come back to the queue.
///
/// # Errors
/// What the kernel said: a missing capability, or a kernel without ctnetlink.
pub fn clear(layout: MarkLayout, marked: Marked) -> io::Result<usize> {
    let kernel = Netlink::open()?;
    let found = find(&kernel, layout, marked)?;
    let (none, mask) = (0u32.to_be_bytes(), layout.mask().to_be_bytes());
    for Connection { family, tuple, zone } in &found {
        let subject = Subject { family: *family, ..Subject::of(NEW) };
        let mut attributes: Vec<(u16, &[u8])> =
            vec![(TUPLE_ORIG | NESTED, tuple), (MARK, &none), (MARK_MASK, &mask)];
        attributes.extend(zone.as_deref().map(|zone| (ZONE, zone)));
        match kernel.ask(subject, Reply::Acknowledgement, &attributes, |_, _| {}) {
            // It ended meanwhile.
            Err(error) if error.raw_os_error() == Some(NO_ENTRY) => {}
            answer => answer?,
        }
    }
    Ok(found.len())
}

/// How many connections carry any of our bits.
///
/// # Errors
/// As for [`clear`].
pub fn count_marked(layout: MarkLayout) -> io::Result<usize> {
    find(&Netlink::open()?, layout, Marked::Any).map(|found| found.len())
}

fn find(kernel: &Netlink, layout: MarkLayout, marked: Marked) -> io::Result<Vec<Connection>> {
    let mask = layout.mask().to_be_bytes();
    let answer = match marked {
        Marked::With(answer) => Some(layout.answer(answer)),
        Marked::Any => None,
    };
    let wanted = answer.unwrap_or_default().to_be_bytes();
    // Newer kernels leave out the others themselves.
    let filter: [(u16, &[u8]); 2] = [(MARK, &wanted), (MARK_MASK, &mask)];
    let filter = if answer.is_some() { &filter[..] } else { &[] };
    let mut found = Vec::new();
    kernel.ask(Subject::of(GET), Reply::Dump, filter, |family, connection| {
        let ours = connection.find_u32(MARK).unwrap_or(0) & layout.mask();
        let wanted = answer.map_or(ours != 0, |answer| ours == answer);
        if let Some(tuple) = connection.find(TUPLE_ORIG).filter(|_| wanted) {
            let zone = connection.find(ZONE).map(<[u8]>::to_vec);
            found.push(Connection { family, tuple: tuple.to_vec(), zone });
        }
    })?;
    Ok(found)
}
