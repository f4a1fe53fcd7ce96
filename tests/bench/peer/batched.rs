//! A bare batched loop: as little as can be done with a batch. It looks for the ids, and at nothing else.

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd as _, AsRawFd as _},
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, setsockopt, sockopt::RcvBufForce};
use rustix::net::{SendFlags, send};

pub(crate) const COPY_RANGE: u16 = 128;
pub(crate) const LENGTH: u32 = 1024;
pub(crate) const KERNEL_ROOM: usize = 32 << 20;

const BATCH: usize = 64;
const ROOM: usize = 1024;
const PACKET: u16 = 0x0300; // NFQNL_MSG_PACKET
const VERDICT: u16 = 0x0301; // NFQNL_MSG_VERDICT
const CONFIG: u16 = 0x0302; // NFQNL_MSG_CONFIG
const VERDICT_BATCH: u16 = 0x0303; // NFQNL_MSG_VERDICT_BATCH
const DROP: u32 = 0; // NF_DROP
const ACCEPT: u32 = 1; // NF_ACCEPT

/// Accepts what comes to queue `number`, but for one packet of `one_in`; all of it if that is 0.
pub(crate) fn run(number: u16, one_in: u32) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_no_enobufs(true)?;
    setsockopt(&socket, RcvBufForce, &KERNEL_ROOM)?;
    let [a, b] = COPY_RANGE.to_be_bytes();
    let bind: [(u16, &[u8]); 3] = [
        (1, &[1, 0, 0, 0]),         // NFQA_CFG_CMD, NFQNL_CFG_CMD_BIND
        (2, &[0, 0, a, b, 2]),      // NFQA_CFG_PARAMS, NFQNL_COPY_PACKET
        (3, &LENGTH.to_be_bytes()), // NFQA_CFG_QUEUE_MAXLEN
    ];
    let mut out = Vec::with_capacity(4096);
    put(&mut out, CONFIG, number, &bind);
    send(socket.as_fd(), &out, SendFlags::empty())?;

    let mut buffer = vec![0; BATCH * ROOM];
    let mut headers = MultiHeaders::<()>::preallocate(BATCH, None);
    let mut lengths = Vec::with_capacity(BATCH);
    loop {
        let mut room = buffer.chunks_exact_mut(ROOM);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(room.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_WAITFORONE;
        let received = recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None)?;
        lengths.clear();
        lengths.extend(received.map(|message| message.bytes));
        out.clear();
        let mut last = None;
        for (datagram, length) in buffer.chunks_exact(ROOM).zip(&lengths) {
            let Some(id) = id(&datagram[..*length]) else { continue };
            if one_in != 0 && id % one_in == 0 {
                put_verdict(&mut out, VERDICT, number, DROP, id);
            } else {
                last = Some(id);
            }
        }
        if let Some(id) = last {
            put_verdict(&mut out, VERDICT_BATCH, number, ACCEPT, id);
        }
        if !out.is_empty() {
            send(socket.as_fd(), &out, SendFlags::empty())?;
        }
    }
}

/// The id of a packet: the kernel puts NFQA_PACKET_HDR first.
fn id(datagram: &[u8]) -> Option<u32> {
    let kind = u16::from_ne_bytes(*datagram.get(4..)?.first_chunk()?);
    let id = u32::from_be_bytes(*datagram.get(24..)?.first_chunk()?);
    (kind == PACKET).then_some(id)
}

fn put_verdict(out: &mut Vec<u8>, kind: u16, number: u16, verdict: u32, id: u32) {
    let mut header = [0; 8];
    header[..4].copy_from_slice(&verdict.to_be_bytes());
    header[4..].copy_from_slice(&id.to_be_bytes());
    put(out, kind, number, &[(2, &header)]); // NFQA_VERDICT_HDR
}

/// A message to nfnetlink (`linux/netlink.h`, `linux/netfilter/nfnetlink.h`).
fn put(out: &mut Vec<u8>, kind: u16, number: u16, attributes: &[(u16, &[u8])]) {
    let padded = |payload: &[u8]| 4 + payload.len().next_multiple_of(4);
    let length = 20 + attributes.iter().map(|(_, payload)| padded(payload)).sum::<usize>();
    out.extend(u32::try_from(length).unwrap_or(0).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(1u16.to_ne_bytes()); // NLM_F_REQUEST
    out.extend([0; 10]);
    out.extend(number.to_be_bytes());
    for (kind, payload) in attributes {
        out.extend(u16::try_from(4 + payload.len()).unwrap_or(0).to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(*payload);
        out.resize(out.len().next_multiple_of(4), 0);
    }
}
