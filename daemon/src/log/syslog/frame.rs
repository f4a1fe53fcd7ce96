//! The header of the frame that a packet came in: receiver, sender, type, as the kernel's log shows it after
//! `MAC=`. CrowdSec takes no line without.
//!
//! The queue tells of a frame no more than its sender. The receiver is our own card; of what goes to many, their
//! address on the wire follows from that of the packet.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use nix::ifaddrs::getifaddrs;

use crate::log::Record;

/// An interface may get another address.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// The hardware addresses of this host's interfaces.
#[derive(Debug, Default)]
pub(super) struct Cards {
    known: Vec<(String, [u8; 6])>,
    asked: Option<Timestamp>,
}

impl Cards {
    /// That of an interface; `None` where it has none, as loopback and tunnels. Asked once a minute, by the records' clock.
    pub(super) fn address(&mut self, name: &str, now: Timestamp) -> Option<[u8; 6]> {
        if self.asked.is_none_or(|asked| now.duration_since(asked).abs() >= FRESH) {
            self.asked = Some(now);
            self.known.clear();
            // What can't be asked is not known.
            for interface in getifaddrs().into_iter().flatten() {
                let address = interface.address.and_then(|address| address.as_link_addr()?.addr());
                if let Some(address) = address.filter(|address| *address != [0; 6]) {
                    self.known.push((interface.interface_name, address));
                }
            }
        }
        self.known.iter().find(|(known, _)| known == name).map(|(_, address)| *address)
    }
}

/// The header's fourteen bytes, in the kernel's words; `None` where the sender is not known.
pub(super) fn header(record: &Record, card: [u8; 6]) -> Option<String> {
    let sender = &record.ether.as_ref()?.src_mac;
    let (receiver, kind) = match record.dest_ip? {
        IpAddr::V4(v4) => {
            let [_, b, c, d] = v4.octets();
            let receiver = match v4 {
                v4 if v4.is_broadcast() => [0xff; 6],
                // RFC 1112, section 6.4.
                v4 if v4.is_multicast() => [0x01, 0x00, 0x5e, b & 0x7f, c, d],
                _ => card,
            };
            (receiver, "08:00")
        }
        IpAddr::V6(v6) => {
            let [.., a, b, c, d] = v6.octets();
            // RFC 2464, section 7.
            (if v6.is_multicast() { [0x33, 0x33, a, b, c, d] } else { card }, "86:dd")
        }
    };
    let receiver = receiver.map(|byte| format!("{byte:02x}")).join(":");
    Some(format!("{receiver}:{sender}:{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{describe, sample::udp};

    #[test]
    fn a_frame_to_many_goes_to_their_address() {
        for (source, destination, expected) in [
            ("203.0.113.9", "192.0.2.1", "02:00:00:00:00:01:02:00:00:00:00:09:08:00"),
            ("0.0.0.0", "255.255.255.255", "ff:ff:ff:ff:ff:ff:02:00:00:00:00:09:08:00"),
            ("203.0.113.9", "239.255.255.250", "01:00:5e:7f:ff:fa:02:00:00:00:00:09:08:00"),
            ("fe80::1", "ff02::1:2", "33:33:00:01:00:02:02:00:00:00:00:09:86:dd"),
        ] {
            let record = describe(&udp(source, 1, destination, 2), "id".to_owned());
            assert_eq!(header(&record, [2, 0, 0, 0, 0, 1]).as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_interface_that_is_not_there_has_no_address() {
        let mut cards = Cards::default();
        assert_eq!(cards.address("none0", Timestamp::UNIX_EPOCH), None);
        assert_eq!(cards.address("lo", Timestamp::UNIX_EPOCH), None);
    }
}
