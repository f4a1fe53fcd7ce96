//! Walks over the kernel's connection tracking table (`linux/netfilter/nfnetlink_conntrack.h`), to
//! take our marks off connections.

use std::{io, net::IpAddr};

use portcullis_rules::Protocol;

use crate::{
    detect::Contact,
    mark::{Answer, MarkLayout},
    netlink::{Attributes, Netlink, Reply, Subject, put_attributes},
};

const NEW: u16 = 0x0100; // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW
const GET: u16 = 0x0101; // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
const TUPLE_ORIG: u16 = 1; // CTA_TUPLE_ORIG
const TUPLE_REPLY: u16 = 2; // CTA_TUPLE_REPLY
const STATUS: u16 = 3; // CTA_STATUS
const PROTOINFO: u16 = 4; // CTA_PROTOINFO
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

/// How far a flow has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has answered.
    Unanswered,
    /// TCP: there was an answer, and no third packet that fits.
    HalfOpen,
    /// The handshake was completed, or there was an answer.
    Complete,
}

/// How far the flow has come that this contact began; `None` when it is no longer known.
///
/// # Errors
/// What the kernel said.
pub fn progress(kernel: &Netlink, contact: &Contact) -> io::Result<Option<Progress>> {
    let Some(ports) = contact.ports else { return Ok(None) };
    let (family, addresses): (u8, [(u16, Vec<u8>); 2]) = match (contact.destination, contact.source) {
        (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
            (2, [(1, ours.octets().to_vec()), (2, theirs.octets().to_vec())]) // CTA_IP_V4_SRC, CTA_IP_V4_DST
        }
        (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
            (10, [(3, ours.octets().to_vec()), (4, theirs.octets().to_vec())]) // CTA_IP_V6_SRC, CTA_IP_V6_DST
        }
        _ => return Ok(None),
    };
    let [from, to] = &addresses;
    let (mut ip, mut protocol, mut tuple) = (Vec::new(), Vec::new(), Vec::new());
    put_attributes(&mut ip, &[(from.0, &from.1), (to.0, &to.1)]);
    put_attributes(
        &mut protocol,
        &[
            (1, &[contact.protocol.0]),            // CTA_PROTO_NUM
            (2, &ports.destination.to_be_bytes()), // CTA_PROTO_SRC_PORT
            (3, &ports.source.to_be_bytes()),      // CTA_PROTO_DST_PORT
        ],
    );
    put_attributes(&mut tuple, &[(1 | NESTED, &ip), (2 | NESTED, &protocol)]); // CTA_TUPLE_IP, CTA_TUPLE_PROTO
    // By the reply's addresses: they are this host's own, whatever a NAT rule has translated before.
    let subject = Subject { family, ..Subject::of(GET) };
    let mut found = None;
    let answer = kernel.ask(subject, Reply::Acknowledgement, &[(TUPLE_REPLY | NESTED, &tuple)], |_, flow| {
        found = Some(stage(contact.protocol, flow));
    });
    match answer {
        Err(error) if error.raw_os_error() == Some(NO_ENTRY) => Ok(None),
        answer => answer.map(|()| found),
    }
}

fn stage(protocol: Protocol, flow: Attributes<'_>) -> Progress {
    const SEEN_REPLY: u32 = 2; // IPS_SEEN_REPLY
    const ASSURED: u32 = 4; // IPS_ASSURED
    let status = flow.find_u32(STATUS).unwrap_or(0);
    // CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE
    let tcp = flow.find(PROTOINFO).and_then(|info| Attributes::of(info).find(1));
    let state = tcp.and_then(|tcp| Attributes::of(tcp).find(1)).and_then(|state| state.first().copied());
    match (protocol, state) {
        _ if status & SEEN_REPLY == 0 => Progress::Unanswered,
        // TCP_CONNTRACK_ESTABLISHED to TCP_CONNTRACK_TIME_WAIT; CLOSE is after a reset, maybe the first answer.
        (Protocol::TCP, Some(3..=7)) => Progress::Complete,
        (Protocol::TCP, _) if status & ASSURED == 0 => Progress::HalfOpen,
        _ => Progress::Complete,
    }
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
