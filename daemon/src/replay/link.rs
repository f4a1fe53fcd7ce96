//! From a captured frame to the IP packet in it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use portcullis_rules::Hook;

use super::capture::Frame;

// LINKTYPE_…, tcpdump.org/linktypes.html; 12 and 14 are raw IP's older numbers.
const NULL: i32 = 0;
const ETHERNET: i32 = 1;
const RAW: [i32; 5] = [12, 14, 101, 228, 229];
const LOOP: i32 = 108;
const LINUX_SLL: i32 = 113;
const NFLOG: i32 = 239;
const LINUX_SLL2: i32 = 276;

// ETH_P_…, `linux/if_ether.h`.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// An IP packet, and what its link layer said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// From the IP header on, as far as it was kept.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub length: u32,
    /// Which way it went, where the capture knows.
    pub hook: Option<Hook>,
    /// Whether it comes from netfilter's log: somebody's rule chose it, and there are no answers.
    pub logged: bool,
}

/// The IP packet of a frame.
///
/// # Errors
/// [`NotIp`], with the difference between what isn't IP and what can't be told.
pub fn ip<'a>(frame: &Frame<'a>) -> Result<IpPacket<'a>, NotIp> {
    let bytes = frame.bytes;
    let from = |start: usize, hook| {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty()).ok_or(NotIp::Other)?;
        let length = frame.length.saturating_sub(u32::try_from(start).unwrap_or(u32::MAX));
        Ok(IpPacket { bytes: rest, length, hook, logged: false })
    };
    match frame.link {
        ETHERNET => {
            let (protocol, start) = through_vlans(bytes, u16_at(bytes, 12), 14);
            if is_ip(protocol) { from(start, None) } else { Err(NotIp::Other) }
        }
        link if RAW.contains(&link) => from(0, None),
        // An address family in the order of whoever captured it; IPv6's differs between systems.
        NULL | LOOP => from(4, None),
        LINUX_SLL => {
            let hook = sent(u16_at(bytes, 0));
            let (protocol, start) = through_vlans(bytes, u16_at(bytes, 14), 16);
            if is_ip(protocol) { from(start, hook) } else { Err(NotIp::Other) }
        }
        LINUX_SLL2 => {
            let hook = sent(bytes.get(10).map(|&kind| u16::from(kind)));
            let (protocol, start) = through_vlans(bytes, u16_at(bytes, 0), 20);
            if is_ip(protocol) { from(start, hook) } else { Err(NotIp::Other) }
        }
        NFLOG => nflog(frame),
        other => Err(NotIp::UnknownLink(other)),
    }
}

/// Why there is no IP packet in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotIp {
    /// Another protocol, such as ARP, or nothing at all.
    Other,
    /// A link type that isn't understood here.
    UnknownLink(i32),
}

fn is_ip(protocol: Option<u16>) -> bool {
    matches!(protocol, Some(IPV4 | IPV6))
}

/// The protocol after any VLAN tags, and where it begins.
fn through_vlans(bytes: &[u8], mut protocol: Option<u16>, mut start: usize) -> (Option<u16>, usize) {
    while protocol.is_some_and(|protocol| VLAN.contains(&protocol)) {
        protocol = u16_at(bytes, start.saturating_add(2));
        start = start.saturating_add(4);
    }
    (protocol, start)
}

/// `sll_pkttype`: `PACKET_OUTGOING` is 4; 0 is for us, the others are for others or for all.
const fn sent(kind: Option<u16>) -> Option<Hook> {
    match kind {
        Some(4) => Some(Hook::Output),
        Some(0) => Some(Hook::Input),
        _ => None,
    }
}

/// A netfilter log message: attributes of `linux/netfilter/nfnetlink_log.h`, in the byte order of
/// whoever wrote it.
fn nflog<'a>(frame: &Frame<'a>) -> Result<IpPacket<'a>, NotIp> {
    const PACKET_HEADER: u16 = 1;
    const PAYLOAD: u16 = 9;
    let (mut hook, mut payload) = (None, None);
    let mut rest = frame.bytes.get(4..).unwrap_or_default();
    let swapped = rest.first_chunk().is_some_and(|&two| u16::from_le_bytes(two) > 0x0fff);
    let number = |two: [u8; 2]| if swapped { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) };
    while let (Some(&length), Some(&kind)) =
        (rest.first_chunk(), rest.get(2..).and_then(|rest| rest.first_chunk()))
    {
        let length = usize::from(number(length));
        let Some(value) = rest.get(4..length) else { break };
        match number(kind) & 0x7fff {
            PACKET_HEADER => hook = value.get(2).copied(),
            PAYLOAD => payload = Some(value),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    let bytes = payload.filter(|payload| !payload.is_empty()).ok_or(NotIp::Other)?;
    // `enum nf_inet_hooks`: prerouting and input are both on the way in.
    let hook = match hook {
        Some(0 | 1) => Some(Hook::Input),
        Some(2) => Some(Hook::Forward),
        Some(3 | 4) => Some(Hook::Output),
        _ => None,
    };
    let (kept, whole) = (frame.bytes.len(), frame.length as usize);
    let length = bytes.len().saturating_add(whole.saturating_sub(kept));
    Ok(IpPacket { bytes, length: u32::try_from(length).unwrap_or(u32::MAX), hook, logged: true })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn frame(link: i32, bytes: &[u8]) -> Frame<'_> {
        let length = u32::try_from(bytes.len()).unwrap();
        Frame { number: 1, time: Timestamp::UNIX_EPOCH, link, bytes, length }
    }

    #[test]
    fn every_link_type_ends_at_the_ip_header() {
        let ip_header = [0x45, 0, 0, 20];
        let behind = |header: &[u8]| [header, &ip_header].concat();
        let ethernet = |tail: &[u8]| behind(&[&[0; 12][..], tail].concat());
        let mut outgoing = [0; 16];
        (outgoing[1], outgoing[14]) = (4, 8);
        let mut sll2 = [0; 20];
        (sll2[0], sll2[10]) = (8, 0);
        let nflog =
            [&[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 0, 5, 0, 10, 0, 0, 0, 0, 0, 8, 0, 9, 0][..], &ip_header]
                .concat();
        for (link, bytes, hook) in [
            (ETHERNET, ethernet(&[8, 0]), None),
            (ETHERNET, ethernet(&[0x81, 0, 0, 5, 8, 0]), None),
            (ETHERNET, ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 5, 0x86, 0xdd]), None),
            (101, ip_header.to_vec(), None),
            (NULL, behind(&[2, 0, 0, 0]), None),
            (LINUX_SLL, behind(&outgoing), Some(Hook::Output)),
            (LINUX_SLL2, behind(&sll2), Some(Hook::Input)),
            (NFLOG, nflog, Some(Hook::Input)),
        ] {
            let packet = ip(&frame(link, &bytes)).expect("it is IP");
            assert_eq!((packet.bytes, packet.length, packet.hook), (&ip_header[..], 4, hook), "{link}");
        }
    }

    #[test]
    fn what_is_not_ip_is_told_apart() {
        let arp = [&[0; 12][..], &[8, 6, 0, 1]].concat();
        assert_eq!(ip(&frame(ETHERNET, &arp)), Err(NotIp::Other));
        assert_eq!(ip(&frame(ETHERNET, &[])), Err(NotIp::Other));
        assert_eq!(ip(&frame(105, &arp)), Err(NotIp::UnknownLink(105)));
        assert_eq!(ip(&frame(NFLOG, &[2, 0, 0, 0, 0, 0, 9, 0])), Err(NotIp::Other));
    }
}
