#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics has failed, as it should"
)]

use std::net::IpAddr;

use super::{Headers, Transport};
use crate::{Fact, Hook, IcmpType, InterfaceName, Malformed, Ports, Protocol, State, TcpFlags};

const PORTS: Ports = Ports { source: 40000, destination: 22 };

/// 40000 -> 22, SYN and ECE, four bytes of options.
const TCP: [u8; 24] =
    [0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 2, 0x65, 0x42, 0x10, 0, 0, 0, 0, 3, 2, 4, 5, 0xb4];
/// 40000 -> 22, length 12, four bytes of payload.
const UDP: [u8; 12] = [0x9c, 0x40, 0, 22, 0, 12, 0, 0, 1, 2, 3, 4];
/// 40000 -> 22, and the 8 bytes that complete the fixed header of SCTP and DCCP.
const SCTP: [u8; 12] = [0x9c, 0x40, 0, 22, 0, 0, 0, 7, 0, 0, 0, 0];
/// Type 8, code 0, identifier 258, sequence number 772.
const PING: [u8; 8] = [8, 0, 0, 0, 1, 2, 3, 4];
/// Type 128, code 0, identifier 258, sequence number 772.
const PING6: [u8; 8] = [128, 0, 0, 0, 1, 2, 3, 4];

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AH: u8 = 51;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;

/// 192.0.2.9 -> 192.0.2.1, with `options` (a multiple of 4 bytes) and the bytes 6 and 7 `fragment`.
fn v4_with(protocol: Protocol, options: &[u8], fragment: u16, payload: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let total = u16::try_from(20 + options.len() + payload.len()).unwrap();
    let mut packet = vec![0x40 | words, 0xb9];
    packet.extend(total.to_be_bytes());
    packet.extend([0x12, 0x34]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol.0, 0, 0, 192, 0, 2, 9, 192, 0, 2, 1]);
    packet.extend(options);
    packet.extend(payload);
    packet
}

fn v4(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    v4_with(protocol, &[], 0, payload)
}

/// 2001:db8::9 -> 2001:db8::1, whose first next header is `next`.
fn v6_next(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x6b, 0x91, 0x23, 0x45];
    packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend([next, 64]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend(payload);
    packet
}

fn v6(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    v6_next(protocol.0, payload)
}

/// An IPv6 packet with these extension headers, 8 bytes each (12 for AH, first fragment), before
/// `payload`.
fn chain(extensions: &[u8], protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let nexts = extensions.iter().copied().skip(1).chain([protocol.0]);
    let mut bytes = Vec::new();
    for (&extension, next) in extensions.iter().zip(nexts) {
        match extension {
            AH => bytes.extend([next, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
            _ => bytes.extend([next, 0, 0, 0, 0, 0, 0, 0]),
        }
    }
    bytes.extend(payload);
    v6_next(extensions.first().copied().unwrap_or(protocol.0), &bytes)
}

/// Parses a packet that is captured whole.
fn parse(packet: &[u8]) -> Result<Headers, Malformed> {
    Headers::parse(packet, u32::try_from(packet.len()).unwrap())
}

#[test]
fn ip_fields() {
    let headers = parse(&v4(Protocol::TCP, &TCP)).unwrap();
    assert_eq!(headers.source, "192.0.2.9".parse::<IpAddr>().unwrap());
    assert_eq!(headers.destination, "192.0.2.1".parse::<IpAddr>().unwrap());
    assert_eq!((headers.protocol, headers.ttl, headers.tos), (Protocol::TCP, 64, 0xb9));
    assert_eq!((headers.id, headers.length), (0x1234, 44));

    let headers = parse(&v6(Protocol::UDP, &UDP)).unwrap();
    assert_eq!(headers.source, "2001:db8::9".parse::<IpAddr>().unwrap());
    assert_eq!(headers.destination, "2001:db8::1".parse::<IpAddr>().unwrap());
    assert_eq!((headers.protocol, headers.ttl, headers.tos), (Protocol::UDP, 64, 0xb9));
    assert_eq!((headers.id, headers.length), (0x12345, 52));
}

#[test]
fn what_tells_senders_apart() {
    let whole = |packet: Vec<u8>| {
        let length = u32::try_from(packet.len()).unwrap();
        let Headers { options, dont_fragment, fragment, payload, .. } =
            Headers::parse(&packet, length).unwrap();
        (options, dont_fragment, fragment, payload)
    };
    assert_eq!(whole(v4(Protocol::UDP, &UDP)), (0, false, false, 4));
    assert_eq!(whole(v4_with(Protocol::TCP, &[1; 8], 0x4000, &TCP)), (8, true, false, 0));
    assert_eq!(whole(v4_with(Protocol::UDP, &[], 0x2000, &UDP)), (0, false, true, 4));
    assert_eq!(whole(v4(Protocol(47), &[0; 9])), (0, false, false, 9));
    let mut extended = vec![Protocol::UDP.0, 0, 1, 4, 0, 0, 0, 0];
    extended.extend(UDP);
    assert_eq!(whole(v6_next(DESTINATION, &extended)), (8, false, false, 4));
    let cut = Headers::parse(&v4(Protocol::UDP, &UDP)[..28], 32).unwrap();
    assert_eq!(cut.payload, 4, "also where it is not copied");
}

#[test]
fn transports() {
    let tcp = Transport::Tcp {
        ports: PORTS,
        flags: TcpFlags(0x42),
        reserved: 5,
        sequence: 1,
        acknowledgement: 2,
        window: 0x1000,
        urgent: 3,
        options: 4,
    };
    let udp = Transport::Ports { ports: PORTS, length: 12 };
    let ports = Transport::Ports { ports: PORTS, length: 0 };
    let echo = |kind| Transport::Icmp { icmp: IcmpType { kind, code: 0 }, echo: Some((258, 772)) };
    let error = Transport::Icmp { icmp: IcmpType { kind: 3, code: 1 }, echo: None };
    let cases: [(Protocol, &[u8], Transport); 11] = [
        (Protocol::TCP, &TCP, tcp),
        (Protocol::UDP, &UDP, udp),
        (Protocol::UDPLITE, &UDP, ports),
        (Protocol::SCTP, &SCTP, ports),
        (Protocol::DCCP, &SCTP, ports),
        (Protocol::ICMP, &PING, echo(8)),
        (Protocol::ICMP, &[3, 1, 0, 0, 0, 0, 0, 0], error),
        (Protocol::ICMPV6, &PING6, echo(128)),
        (Protocol::ICMPV6, &[3, 1, 0, 0, 0, 0, 0, 0], error),
        (Protocol(47), &[], Transport::Other),
        (Protocol(NO_NEXT), &[], Transport::Other),
    ];
    for (protocol, payload, expected) in cases {
        for packet in [v4(protocol, payload), v6(protocol, payload)] {
            let headers = parse(&packet).unwrap();
            assert_eq!((headers.protocol, headers.transport), (protocol, expected), "{packet:02x?}");
        }
    }
}

#[test]
fn the_transport_header_is_found_behind_options_and_extension_headers() {
    let behind: [(&str, Vec<u8>); 10] = [
        ("options", v4_with(Protocol::TCP, &[1; 40], 0, &TCP)),
        ("don't fragment", v4_with(Protocol::TCP, &[], 0x4000, &TCP)),
        ("first fragment", v4_with(Protocol::TCP, &[], 0x2000, &TCP)),
        ("hop-by-hop", chain(&[HOP_BY_HOP], Protocol::TCP, &TCP)),
        ("routing", chain(&[ROUTING], Protocol::TCP, &TCP)),
        ("destination options", chain(&[DESTINATION], Protocol::TCP, &TCP)),
        ("a fragment that is the whole packet (RFC 6946)", chain(&[FRAGMENT], Protocol::TCP, &TCP)),
        ("authentication", chain(&[AH], Protocol::TCP, &TCP)),
        (
            "all, as RFC 8200 orders them",
            chain(&[HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT, AH, DESTINATION], Protocol::TCP, &TCP),
        ),
        ("a long header", {
            let mut long = vec![Protocol::TCP.0, 3];
            long.resize(32, 0);
            long.extend(TCP);
            v6_next(DESTINATION, &long)
        }),
    ];
    for (name, packet) in behind {
        let headers = parse(&packet).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((headers.protocol, headers.ports()), (Protocol::TCP, Some(PORTS)), "{name}");
    }
}

#[test]
fn authentication_is_the_protocol_on_ipv4_only() {
    let mut payload = vec![Protocol::TCP.0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    payload.extend(TCP);
    let headers = parse(&v4(Protocol(AH), &payload)).unwrap();
    assert_eq!((headers.protocol, headers.transport), (Protocol(AH), Transport::Other));
    assert_eq!(parse(&v6(Protocol(AH), &payload)).unwrap().protocol, Protocol::TCP);
}

#[test]
fn malformed() {
    use Malformed::{
        BadExtensionHeader, BadHeaderLength, BadIpVersion, FragmentWithoutPorts, TruncatedHeader,
    };

    /// The packet with one byte replaced.
    fn with(mut packet: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
        packet[at] = byte;
        packet
    }

    let tcp4 = || v4(Protocol::TCP, &TCP);
    let tcp6 = || v6(Protocol::TCP, &TCP);
    let cases: [(&str, Vec<u8>, Malformed); 26] = [
        ("nothing", vec![], TruncatedHeader),
        ("version 0", with(tcp4(), 0, 0x05), BadIpVersion),
        ("version 5", with(tcp6(), 0, 0x50), BadIpVersion),
        ("ipv4 header of 16 bytes", with(tcp4(), 0, 0x44), BadHeaderLength),
        ("total length 0, not a big packet", with(tcp4(), 3, 0), BadHeaderLength),
        ("total length inside the header", with(tcp4(), 3, 19), BadHeaderLength),
        (
            "total length inside the options",
            with(v4_with(Protocol::TCP, &[1; 4], 0, &TCP), 3, 20),
            BadHeaderLength,
        ),
        ("total length inside tcp", with(tcp4(), 3, 39), TruncatedHeader),
        ("payload length inside tcp", with(tcp6(), 5, 19), TruncatedHeader),
        ("tcp without its end", v4(Protocol::TCP, &TCP[..19]), TruncatedHeader),
        ("data offset 4", with(tcp4(), 20 + 12, 0x40), BadHeaderLength),
        ("data offset past the end", with(tcp4(), 20 + 12, 0x70), BadHeaderLength),
        ("data offset past the end", with(tcp6(), 40 + 12, 0xf0), BadHeaderLength),
        ("udp of 7 bytes", with(v4(Protocol::UDP, &UDP), 20 + 5, 7), BadHeaderLength),
        ("udp without its end", v6(Protocol::UDP, &UDP[..7]), TruncatedHeader),
        ("udp-lite without its end", v4(Protocol::UDPLITE, &UDP[..7]), TruncatedHeader),
        ("sctp without its end", v4(Protocol::SCTP, &SCTP[..11]), TruncatedHeader),
        ("icmp without its end", v4(Protocol::ICMP, &PING[..7]), TruncatedHeader),
        ("icmpv6 without its end", v6(Protocol::ICMPV6, &PING6[..7]), TruncatedHeader),
        ("a later fragment", v4_with(Protocol::ICMP, &[], 1, &PING), FragmentWithoutPorts),
        ("a short first fragment", v4_with(Protocol::TCP, &[], 0x2000, &TCP[..8]), FragmentWithoutPorts),
        ("a later fragment", with(chain(&[FRAGMENT], Protocol::TCP, &TCP), 43, 8), FragmentWithoutPorts),
        (
            "a short first fragment",
            with(chain(&[FRAGMENT], Protocol::TCP, &TCP[..8]), 43, 1),
            FragmentWithoutPorts,
        ),
        (
            "a later fragment whose payload looks like a broken chain",
            with(chain(&[FRAGMENT, HOP_BY_HOP], Protocol::TCP, &[]), 43, 8),
            FragmentWithoutPorts,
        ),
        ("hop-by-hop twice", chain(&[HOP_BY_HOP, HOP_BY_HOP], Protocol::TCP, &TCP), BadExtensionHeader),
        ("authentication of 8 bytes", with(chain(&[AH], Protocol::TCP, &TCP), 41, 0), BadExtensionHeader),
    ];
    for (name, packet, expected) in cases {
        assert_eq!(parse(&packet), Err(expected), "{name}");
    }
    let cut = chain(&[ROUTING; 30], Protocol::TCP, &TCP);
    let length = u32::try_from(cut.len()).unwrap();
    assert_eq!(Headers::parse(&cut[..256], length), Err(Malformed::HeadersTooLong));
}

#[test]
fn lengths_that_are_no_fault() {
    let parse_as = |packet: &[u8], length| Headers::parse(packet, length).map(|headers| headers.length);
    // Captured in part: the fields are right, the bytes are fewer.
    let mut long = v4(Protocol::UDP, &[&UDP[..], &[0; 1000]].concat());
    long[24..26].copy_from_slice(&1012u16.to_be_bytes());
    assert_eq!(parse_as(&long[..256], 1032), Ok(1032));
    // UDP says more than the packet holds: the kernel's to refuse.
    let mut udp = v6(Protocol::UDP, &UDP);
    udp[44..46].copy_from_slice(&9000u16.to_be_bytes());
    assert_eq!(parse_as(&udp, 52), Ok(52));
    // So is an IP length beyond the packet.
    let mut tcp = v4(Protocol::TCP, &TCP);
    tcp[2..4].copy_from_slice(&9000u16.to_be_bytes());
    assert_eq!(parse_as(&tcp, 44), Ok(44));
    // BIG TCP, in both families; and a jumbogram with its option, and UDP in one.
    tcp[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(parse_as(&tcp, 150_000), Ok(150_000));
    let mut tcp = v6(Protocol::TCP, &TCP);
    tcp[4..6].copy_from_slice(&[0, 0]);
    assert_eq!(parse_as(&tcp, 150_000), Ok(150_000));
    let jumbo = [&[Protocol::UDP.0, 0, 0xc2, 4, 0, 2, 0, 0][..], &[0x9c, 0x40, 0, 22, 0, 0, 0, 0]].concat();
    let mut jumbo = v6_next(HOP_BY_HOP, &jumbo);
    jumbo[4..6].copy_from_slice(&[0, 0]);
    assert_eq!(parse_as(&jumbo, 131_112), Ok(131_112));
    // Padding after the packet.
    let mut padded = v4(Protocol::TCP, &TCP);
    padded.extend([0; 6]);
    assert_eq!(parse_as(&padded, 50), Ok(50));
}

/// Wherever a packet ends, it is judged or refused for that reason; wherever only the copy ends, it
/// is judged alike or called too long.
#[test]
fn cut_at_every_length() {
    let all = [HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT, AH, DESTINATION];
    let packets = [
        v4_with(Protocol::TCP, &[1; 8], 0, &TCP),
        v4(Protocol::UDP, &UDP),
        v4(Protocol::ICMP, &PING),
        v4(Protocol::SCTP, &SCTP),
        v6(Protocol::TCP, &TCP),
        v6(Protocol::ICMPV6, &PING6),
        chain(&all, Protocol::TCP, &TCP),
        chain(&all, Protocol::UDP, &UDP),
    ];
    for packet in packets {
        let whole = parse(&packet).unwrap();
        for cut in 0..packet.len() {
            match parse(&packet[..cut]) {
                Ok(headers) => assert_eq!(headers.transport, whole.transport),
                Err(Malformed::TruncatedHeader | Malformed::BadHeaderLength) => {}
                Err(malformed) => panic!("{malformed} at {cut}"),
            }
            match Headers::parse(&packet[..cut], whole.length) {
                Ok(headers) => assert_eq!(headers, whole),
                Err(malformed) => assert_eq!(malformed, Malformed::HeadersTooLong),
            }
        }
    }
}

#[test]
fn a_key_has_what_the_headers_have() {
    let eth0 = Fact::Known(InterfaceName::new("eth0").unwrap());
    let headers = parse(&v4(Protocol::TCP, &TCP)).unwrap();
    let key = headers.key(Hook::Input, eth0, Fact::Absent, State::New, Fact::Absent);
    assert_eq!((key.source, key.destination), (headers.source, headers.destination));
    assert_eq!((key.protocol, key.ports), (Protocol::TCP, Some(PORTS)));
    assert_eq!((key.icmp, key.tcp_flags), (None, Some(TcpFlags(0x42))));
    assert_eq!((key.hook, key.in_interface, key.out_interface), (Hook::Input, eth0, Fact::Absent));
    assert_eq!((key.state, key.user), (State::New, Fact::Absent));

    let headers = parse(&v6(Protocol::ICMPV6, &PING6)).unwrap();
    let key = headers.key(Hook::Output, Fact::Absent, eth0, State::Related, Fact::Known(1000));
    assert_eq!((key.icmp, key.ports, key.tcp_flags), (Some(IcmpType { kind: 128, code: 0 }), None, None));
    assert_eq!((key.state, key.user), (State::Related, Fact::Known(1000)));
}

#[test]
fn malformed_names_differ() {
    let mut names = Malformed::ALL.map(Malformed::name);
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

#[test]
fn addresses_are_read_where_nothing_else_can_be() {
    let mut v4 = [0; 20];
    (v4[0], v4[12], v4[19]) = (0x41, 192, 9);
    let told = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(Headers::addresses(&v4), Some((told("192.0.0.0"), told("0.0.0.9"))));
    assert!(Headers::parse(&v4, 20).is_err());
    let mut v6 = [0; 40];
    (v6[0], v6[23], v6[39]) = (0x60, 1, 2);
    assert_eq!(Headers::addresses(&v6), Some((told("::1"), told("::2"))));
    assert_eq!(Headers::addresses(&v4[..19]), None);
    assert_eq!(Headers::addresses(&v6[..39]), None);
    assert_eq!(Headers::addresses(&[0x50; 60]), None);
    assert_eq!(Headers::addresses(&[]), None);
}
