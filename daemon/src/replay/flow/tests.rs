use super::*;
use crate::log::sample::{at, tcp_with};

/// A packet of a client's flow: the client's, or what the host says to it.
fn headers(client: usize, flags: TcpFlags, forth: bool) -> Headers {
    let port = u16::try_from(client % 60_000).unwrap();
    let ip = format!("198.51.100.{}", client / 60_000);
    let event = if forth {
        tcp_with(&ip, port, "192.0.2.1", 443, flags)
    } else {
        tcp_with("192.0.2.1", 443, &ip, port, flags)
    };
    event.headers.unwrap()
}

fn begin(flows: &mut Flows, client: usize, seconds: i64) {
    let mut event = tcp_with("198.51.100.0", 1, "192.0.2.1", 443, TcpFlags::SYN);
    event.headers = Some(headers(client, TcpFlags::SYN, true));
    event.time = at(seconds * 1000);
    flows.begin(&event.contact().unwrap());
}

const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);

/// More flows than there is room for, one of which goes on: that one stays, as do the last ones; the first are
/// forgotten, and nothing grows.
#[test]
fn flows_are_bounded_and_the_busy_stay() {
    let mut flows = Flows::default();
    let known = |flows: &mut Flows, client| {
        matches!(flows.stand(&headers(client, SYN_ACK, false), at(0)), Standing::Known(_))
    };
    for client in 0..3 * MOST {
        begin(&mut flows, client, 0);
        if client.is_multiple_of(1000) {
            assert!(known(&mut flows, 0), "{client}");
        }
        let Flows { young, old, waiting, both_ways: _ } = &flows;
        assert!(young.len() <= MOST && old.len() <= MOST && waiting.len() <= MOST, "{client}");
    }
    assert!(known(&mut flows, 0) && known(&mut flows, 3 * MOST - 1) && !known(&mut flows, 1));
}

/// What waits for an answer is told of once, in the order of its beginning, also where it has been forgotten
/// meanwhile.
#[test]
fn who_is_not_answered_is_told_of_once() {
    let mut flows = Flows::default();
    for client in 0..3 {
        begin(&mut flows, client, i64::try_from(client).unwrap());
    }
    assert_eq!(flows.stand(&headers(1, SYN_ACK, false), at(1500)), Standing::Known(None));
    assert_eq!(flows.overdue(at(1999)), None, "it is waited for");
    let mut told = Vec::new();
    while let Some((contact, became)) = flows.overdue(at(60_000)) {
        told.push((contact.ports.map(|ports| ports.source), became));
    }
    assert_eq!(told, [(Some(0), Became::Silent), (Some(1), Became::Unfinished), (Some(2), Became::Silent)]);
    assert_eq!(flows.unanswered(), None);
}

/// As connection tracking does: an open session lasts for days, one that was reset for seconds.
#[test]
fn a_flow_is_forgotten_in_its_time() {
    let mut flows = Flows::default();
    begin(&mut flows, 7, 0);
    let mut stand = |flags, forth, seconds: i64| flows.stand(&headers(7, flags, forth), at(seconds * 1000));
    let days = 4 * 24 * 3600;
    assert_eq!(stand(SYN_ACK, false, 1), Standing::Known(None));
    assert!(matches!(stand(TcpFlags::ACK, true, 2), Standing::Known(Some((_, Became::Completed)))));
    assert_eq!(stand(TcpFlags::ACK, true, days), Standing::Known(None));
    assert_eq!(stand(TcpFlags::RST, false, days + 1), Standing::Known(None));
    assert_eq!(
        stand(TcpFlags::ACK, true, days + 11),
        Standing::Known(None),
        "that counts as its last packet"
    );
    assert_eq!(stand(TcpFlags::SYN, true, days + 22), Standing::First, "eleven seconds later");
}
