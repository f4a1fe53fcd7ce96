//! The messages of a packet queue (`linux/netfilter/nfnetlink_queue.h`): packets in, verdicts and
//! settings out. Pure; what can't be read is `None`, never a panic.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{AskedFor, COPY_RANGE, LENGTH, Queued, Settings, Verdict};
use crate::netlink::{Attributes, Reply, Subject, put_message};

/// A packet: NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET.
pub const PACKET: u16 = 0x0300;
const VERDICT: u16 = 0x0301; // NFQNL_MSG_VERDICT
const CONFIG: u16 = 0x0302; // NFQNL_MSG_CONFIG
const VERDICT_BATCH: u16 = 0x0303; // NFQNL_MSG_VERDICT_BATCH

const PACKET_HDR: u16 = 1; // NFQA_PACKET_HDR
const VERDICT_HDR: u16 = 2; // NFQA_VERDICT_HDR
const MARK: u16 = 3; // NFQA_MARK
const IN_INTERFACE: u16 = 5; // NFQA_IFINDEX_INDEV
const OUT_INTERFACE: u16 = 6; // NFQA_IFINDEX_OUTDEV
const HW_ADDR: u16 = 9; // NFQA_HWADDR
const PAYLOAD: u16 = 10; // NFQA_PAYLOAD
const CT: u16 = 11; // NFQA_CT
const CAP_LEN: u16 = 13; // NFQA_CAP_LEN
const UID: u16 = 16; // NFQA_UID

const CFG_CMD: u16 = 1; // NFQA_CFG_CMD
const CFG_PARAMS: u16 = 2; // NFQA_CFG_PARAMS
const CFG_QUEUE_MAXLEN: u16 = 3; // NFQA_CFG_QUEUE_MAXLEN
const CFG_MASK: u16 = 4; // NFQA_CFG_MASK
const CFG_FLAGS: u16 = 5; // NFQA_CFG_FLAGS
const BIND: u8 = 1; // NFQNL_CFG_CMD_BIND
const COPY_PACKET: u8 = 2; // NFQNL_COPY_PACKET
const FAIL_OPEN: u32 = 1; // NFQA_CFG_F_FAIL_OPEN
const CONNTRACK: u32 = 2; // NFQA_CFG_F_CONNTRACK
const GSO: u32 = 4; // NFQA_CFG_F_GSO
const UID_GID: u32 = 8; // NFQA_CFG_F_UID_GID
/// All of these that we set or clear.
const MASK: u32 = UID_GID | GSO | FAIL_OPEN | CONNTRACK;

const NF_DROP: u32 = 0; // linux/netfilter.h
const NF_REPEAT: u32 = 4;

/// The settings of a queue that nobody binds.
pub(super) const NO_QUEUE: Subject = about(CONFIG, u16::MAX);
/// That packets come with their connection.
pub(super) const ASK_FOR_CONNECTIONS: [(u16, &[u8]); 2] =
    [(CFG_MASK, &CONNTRACK.to_be_bytes()), (CFG_FLAGS, &CONNTRACK.to_be_bytes())];

/// The id and the rest of a queued packet; `None` if not even its id can be read.
pub fn packet(attributes: Attributes<'_>) -> Option<(u32, Queued<'_>)> {
    let mut id = None;
    let mut packet = Queued {
        hook: 0,
        mark: 0,
        in_interface: 0,
        out_interface: 0,
        user: None,
        sender: None,
        asked_for: None,
        length: 0,
        bytes: &[],
    };
    for (kind, payload) in attributes {
        let number = payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        match (kind, number) {
            (PACKET_HDR, _) => {
                id = number;
                packet.hook = payload.get(6).copied().unwrap_or(0);
            }
            (MARK, Some(mark)) => packet.mark = mark,
            (IN_INTERFACE, Some(index)) => packet.in_interface = index,
            (OUT_INTERFACE, Some(index)) => packet.out_interface = index,
            (CAP_LEN, Some(length)) => packet.length = length,
            (UID, user) => packet.user = user,
            (HW_ADDR, _) => packet.sender = ethernet(payload),
            (CT, _) => packet.asked_for = AskedFor::of(Attributes::of(payload)),
            (PAYLOAD, _) => packet.bytes = payload,
            _ => {}
        }
    }
    if packet.length == 0 {
        // The kernel tells the length only of packets that it has cut.
        packet.length = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
    }
    id.map(|id| (id, packet))
}

/// The address in a `struct nfqnl_msg_packet_hw`, if it is one of Ethernet's: its length, two bytes of nothing, and the
/// address in eight bytes.
fn ethernet(payload: &[u8]) -> Option<[u8; 6]> {
    match payload {
        &[0, 6, _, _, a, b, c, d, e, f, ..] => Some([a, b, c, d, e, f]),
        _ => None,
    }
}

/// Binds a queue, with all its settings, in one message: no packet meets half of them.
pub(super) fn put_bind(out: &mut Vec<u8>, number: u16, settings: Settings) {
    let [a, b, c, d] = u32::from(COPY_RANGE).to_be_bytes();
    let attributes: [(u16, &[u8]); 5] = [
        (CFG_CMD, &[BIND, 0, 0, 0]),
        (CFG_PARAMS, &[a, b, c, d, COPY_PACKET]),
        (CFG_QUEUE_MAXLEN, &LENGTH.to_be_bytes()),
        (CFG_MASK, &MASK.to_be_bytes()),
        (CFG_FLAGS, &flags(settings).to_be_bytes()),
    ];
    put_message(out, about(CONFIG, number), Reply::Acknowledgement, &attributes);
}

/// Changes the settings of a bound queue, but not its length.
pub(super) fn put_settings(out: &mut Vec<u8>, number: u16, settings: Settings) {
    let [a, b, c, d] = u32::from(COPY_RANGE).to_be_bytes();
    let attributes: [(u16, &[u8]); 3] = [
        (CFG_PARAMS, &[a, b, c, d, COPY_PACKET]),
        (CFG_MASK, &MASK.to_be_bytes()),
        (CFG_FLAGS, &flags(settings).to_be_bytes()),
    ];
    put_message(out, about(CONFIG, number), Reply::None, &attributes);
}

/// Changes how many packets may wait in a bound queue.
pub(super) fn put_length(out: &mut Vec<u8>, number: u16, length: u32) {
    put_message(out, about(CONFIG, number), Reply::None, &[(CFG_QUEUE_MAXLEN, &length.to_be_bytes())]);
}

fn flags(Settings { gso, fail_open, connections }: Settings) -> u32 {
    let flag = |set, flag| if set { flag } else { 0 };
    UID_GID | flag(gso, GSO) | flag(fail_open, FAIL_OPEN) | flag(connections, CONNTRACK)
}

/// Which waiting packets a verdict is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The one with this id.
    One(u32),
    /// All that wait, up to this id.
    UpTo(u32),
}

/// Adds a verdict to the messages of one send.
pub(super) fn put_verdict(out: &mut Vec<u8>, number: u16, scope: Scope, verdict: Verdict) {
    let (kind, id) = match scope {
        Scope::One(id) => (VERDICT, id),
        Scope::UpTo(id) => (VERDICT_BATCH, id),
    };
    let [e, f, g, h] = id.to_be_bytes();
    let header = |verdict: u32| {
        let [a, b, c, d] = verdict.to_be_bytes();
        [a, b, c, d, e, f, g, h]
    };
    let about = about(kind, number);
    match verdict {
        Verdict::Drop => put_message(out, about, Reply::None, &[(VERDICT_HDR, &header(NF_DROP))]),
        Verdict::Repeat { mark } => {
            let attributes: [(u16, &[u8]); 2] =
                [(VERDICT_HDR, &header(NF_REPEAT)), (MARK, &mark.to_be_bytes())];
            put_message(out, about, Reply::None, &attributes);
        }
    }
}

const fn about(kind: u16, number: u16) -> Subject {
    Subject { resource: number, ..Subject::of(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::{Content, Message};

    const HEADER: [u8; 7] = [0, 0, 0, 9, 0x08, 0x00, 3];

    fn read(attributes: &[(u16, &[u8])]) -> Option<(u32, Queued<'static>)> {
        let mut bytes = Vec::new();
        put_message(&mut bytes, about(PACKET, 7300), Reply::None, attributes);
        let (message, _) = Message::split(bytes.leak())?;
        match message.content() {
            Content::Object(PACKET, _, attributes) => packet(attributes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_packet_comes_with_what_the_kernel_knows_of_it() {
        let attributes: [(u16, &[u8]); 10] = [
            (PACKET_HDR, &HEADER),
            (MARK, &0x0100_0001u32.to_be_bytes()),
            (IN_INTERFACE, &[0, 0, 0, 2]),
            (OUT_INTERFACE, &[0, 0, 0, 3]),
            (UID, &1000u32.to_be_bytes()),
            (HW_ADDR, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0]),
            (12, &[0, 0, 0, 2]), // NFQA_CT_INFO, which nobody asked for
            (CAP_LEN, &1500u32.to_be_bytes()),
            (4, &[0; 16]), // NFQA_TIMESTAMP
            (PAYLOAD, b"\x45 and so on"),
        ];
        let expected = Queued {
            hook: 3,
            mark: 0x0100_0001,
            in_interface: 2,
            out_interface: 3,
            user: Some(1000),
            sender: Some([2, 0, 0, 0, 0, 9]),
            asked_for: None,
            length: 1500,
            bytes: b"\x45 and so on",
        };
        assert_eq!(read(&attributes), Some((9, expected)));
    }

    #[test]
    fn a_whole_packet_is_as_long_as_its_bytes() {
        let (id, packet) = read(&[(PACKET_HDR, &HEADER), (PAYLOAD, &[0x45; 60])]).expect("an id");
        assert_eq!((id, packet.length, packet.mark, packet.user), (9, 60, 0, None));
    }

    #[test]
    fn what_is_cut_short_is_no_packet_or_one_that_nobody_can_parse() {
        assert_eq!(read(&[(PAYLOAD, &[0x45; 60])]), None, "not even an id");
        assert_eq!(read(&[(PACKET_HDR, &HEADER[..3])]), None);
        for hardware in [&[0, 6, 0, 0, 2, 0, 0, 0, 0][..], &[0, 8, 0, 0, 2, 0, 0, 0, 0, 9, 1, 1]] {
            let packet = read(&[(PACKET_HDR, &HEADER), (HW_ADDR, hardware)]);
            assert_eq!(packet.map(|(_, packet)| packet.sender), Some(None), "{hardware:?}");
        }
        let (_, packet) = read(&[(PACKET_HDR, &HEADER[..4]), (MARK, &[1])]).expect("an id");
        assert_eq!((packet.hook, packet.mark, packet.bytes), (0, 0, &[][..]));
    }
}
