//! What is sent for a batch.

use std::os::unix::net::UnixDatagram;

use super::*;
use crate::{
    netlink::{Reply, Subject, put_message},
    queue::Queued,
};

const NUMBER: u16 = 7300;
const ACCEPT: Verdict = Verdict::Repeat { mark: 0x4200_0000 };

fn verdicts(decided: &[(u32, Verdict)], blind: bool) -> Vec<u8> {
    let mut out = Vec::new();
    put_verdicts(&mut out, NUMBER, decided, blind);
    out
}

fn written(scopes: &[(Scope, Verdict)]) -> Vec<u8> {
    let mut out = Vec::new();
    scopes.iter().for_each(|&(scope, verdict)| codec::put_verdict(&mut out, NUMBER, scope, verdict));
    out
}

#[test]
fn exceptions_come_before_the_range() {
    let decided = [(1, ACCEPT), (2, Verdict::Drop), (3, ACCEPT), (4, ACCEPT), (5, Verdict::Drop)];
    let expected = [(Scope::One(2), Verdict::Drop), (Scope::One(5), Verdict::Drop), (Scope::UpTo(4), ACCEPT)];
    assert_eq!(verdicts(&decided, false), written(&expected));
}

#[test]
fn other_marks_are_other_verdicts() {
    let foreign = Verdict::Repeat { mark: 0x4200_0001 };
    let decided = [(7, ACCEPT), (8, foreign), (9, foreign)];
    let expected = [(Scope::One(7), ACCEPT), (Scope::UpTo(9), foreign)];
    assert_eq!(verdicts(&decided, false), written(&expected));
}

#[test]
fn no_range_is_used_where_a_packet_was_not_seen() {
    let expected = [(Scope::One(1), ACCEPT), (Scope::One(2), ACCEPT)];
    assert_eq!(verdicts(&[(1, ACCEPT), (2, ACCEPT)], true), written(&expected));
    assert!(verdicts(&[], false).is_empty());
}

/// Drops packets with an odd mark.
#[derive(Default)]
struct ByMark {
    judged: u32,
    refused: u32,
}

impl Judge for ByMark {
    fn begin(&mut self) {}

    fn judge(&mut self, packet: &Queued<'_>) -> Verdict {
        self.judged += 1;
        if packet.mark.is_multiple_of(2) { ACCEPT } else { Verdict::Drop }
    }

    fn refused(&mut self) {
        self.refused += 1;
    }

    fn orphaned(&mut self, _: u64) {}

    fn end(&mut self) {}

    fn new_settings(&mut self) -> Option<Settings> {
        None
    }
}

fn packet(id: u32, mark: u32) -> Vec<u8> {
    let [a, b, c, d] = id.to_be_bytes();
    let attributes: [(u16, &[u8]); 2] = [(1, &[a, b, c, d, 8, 0, 1]), (3, &mark.to_be_bytes())];
    let mut out = Vec::new();
    put_message(
        &mut out,
        Subject { resource: NUMBER, ..Subject::of(codec::PACKET) },
        Reply::None,
        &attributes,
    );
    out
}

/// `NLMSG_ERROR` with `ENOENT`, and the header of the message that it is about.
fn no_such_packet() -> Vec<u8> {
    [&[36, 0, 0, 0, 2, 0][..], &[0; 10], &(-2i32).to_ne_bytes(), &[0; 16]].concat()
}

/// What a queue that received `datagrams` sends, and what its judge has seen.
fn answers(datagrams: &[Vec<u8>]) -> (Vec<u8>, ByMark, bool) {
    let (ours, kernels) = UnixDatagram::pair().expect("sockets");
    let mut queue = Batched::over(NUMBER, ours.into());
    for (room, datagram) in queue.buffer.chunks_exact_mut(ROOM).zip(datagrams) {
        room[..datagram.len()].copy_from_slice(datagram);
        queue.received.push(datagram.len());
    }
    let mut judge = ByMark::default();
    queue.answer(&mut judge).expect("the other end is there");
    let mut sent = vec![0; 4096];
    kernels.set_nonblocking(true).expect("a socket");
    let length = kernels.recv(&mut sent).unwrap_or(0);
    assert!(kernels.recv(&mut [0; 8]).is_err(), "one send");
    sent.truncate(length);
    (sent, judge, queue.blind)
}

#[test]
fn the_kernels_complaints_between_packets_hold_nothing_up() {
    let alone = no_such_packet();
    let before_a_packet = [no_such_packet(), packet(4, 2)].concat();
    let (sent, judge, blind) = answers(&[packet(1, 2), alone, packet(2, 1), packet(3, 2), before_a_packet]);
    assert_eq!(sent, written(&[(Scope::One(2), Verdict::Drop), (Scope::UpTo(4), ACCEPT)]));
    assert_eq!((judge.judged, judge.refused, blind), (4, 2, false), "and ranges are still safe");
    let (sent, judge, _) = answers(&[no_such_packet()]);
    assert_eq!((sent.len(), judge.judged, judge.refused), (0, 0, 1));
}

#[test]
fn after_a_packet_without_a_name_there_are_no_ranges() {
    let mut nameless = packet(2, 2);
    nameless.truncate(20);
    nameless[0] = 20;
    let cut = packet(2, 2)[..24].to_vec();
    for lost in [nameless, cut] {
        let (sent, judge, blind) = answers(&[packet(1, 2), lost, packet(3, 2)]);
        assert_eq!(sent, written(&[(Scope::One(1), ACCEPT), (Scope::One(3), ACCEPT)]));
        assert_eq!((judge.judged, judge.refused, blind), (2, 0, true));
    }
}
