use std::net::IpAddr;

use etherparse::{
    IpFragOffset, IpHeaders, Ipv4Extensions, Ipv4Header, Ipv4Options, Ipv6Extensions, Ipv6FragmentHeader,
    Ipv6Header, Ipv6RawExtHeader, PacketBuilder, TcpHeader, ip_number::UDP,
};
use portcullis_rules::{
    Fact, Headers, Hook, IcmpType, Malformed, Ports, Protocol, State, TcpFlags, Transport,
};
use proptest::{
    array::{uniform4, uniform16},
    collection::vec,
    option,
    prelude::{ProptestConfig, Strategy, any, prop_oneof},
    prop_assert, prop_assert_eq, prop_assume, proptest,
};

/// IP headers with and without options and extension headers; builders fill in protocol and length.
fn ip_headers() -> impl Strategy<Value = IpHeaders> {
    let v4 = (uniform4(any::<u8>()), uniform4(any::<u8>()), any::<u8>(), any::<u16>(), 0..=10usize);
    let v4 = v4.prop_map(|(source, destination, time_to_live, identification, options)| {
        let header = Ipv4Header {
            source,
            destination,
            time_to_live,
            identification,
            options: Ipv4Options::try_from(&[1; 40][..4 * options]).expect("at most 40 bytes"),
            ..Ipv4Header::default()
        };
        IpHeaders::Ipv4(header, Ipv4Extensions::default())
    });
    let raw = || {
        option::of(
            (0..4usize)
                .prop_map(|n| Ipv6RawExtHeader::new_raw(UDP, &[0; 30][..6 + 8 * n]).expect("whole words")),
        )
    };
    let fragment = option::of(
        any::<(bool, u32)>()
            .prop_map(|(more, id)| Ipv6FragmentHeader::new(UDP, IpFragOffset::ZERO, more, id)),
    );
    let v6 = (uniform16(any::<u8>()), uniform16(any::<u8>()), any::<u8>(), raw(), raw(), fragment);
    let v6 =
        v6.prop_map(|(source, destination, hop_limit, hop_by_hop_options, destination_options, fragment)| {
            let header = Ipv6Header { source, destination, hop_limit, ..Ipv6Header::default() };
            let extensions = Ipv6Extensions {
                hop_by_hop_options,
                destination_options,
                fragment,
                ..Ipv6Extensions::default()
            };
            IpHeaders::Ipv6(header, extensions)
        });
    prop_oneof![v4, v6]
}

/// Parses as a queue would hand it over: whole length, the first 256 bytes.
fn parse(packet: &[u8]) -> Headers {
    let length = u32::try_from(packet.len()).expect("a short packet");
    Headers::parse(&packet[..packet.len().min(256)], length).expect("a packet that can be judged")
}

fn addresses_agree(headers: &Headers, ip: &IpHeaders) -> bool {
    match ip {
        IpHeaders::Ipv4(ip, _) => {
            headers.source == IpAddr::from(ip.source)
                && headers.destination == IpAddr::from(ip.destination)
                && headers.ttl == ip.time_to_live
                && headers.id == ip.identification.into()
        }
        IpHeaders::Ipv6(ip, _) => {
            headers.source == IpAddr::from(ip.source)
                && headers.destination == IpAddr::from(ip.destination)
                && headers.ttl == ip.hop_limit
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300), version in 0..4u8, length: u32) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            // Mostly IPv4 with a short header, and IPv6.
            *first = match version {
                0 => *first,
                1 => 0x40 | (*first & 0x07),
                _ => 0x60,
            };
        }
        let whole = u32::try_from(bytes.len()).unwrap();
        for length in [whole, whole + 1000, length] {
            let parsed = Headers::parse(&bytes, length);
            let shorter = Headers::parse(&bytes[..bytes.len() / 2], length);
            prop_assert!(shorter == parsed || shorter == Err(Malformed::HeadersTooLong));
            let Ok(headers) = parsed else { continue };
            let key = headers.key(Hook::Input, Fact::Unknown, Fact::Absent, State::New, Fact::Absent);
            prop_assert_eq!(key.source.is_ipv4(), key.destination.is_ipv4());
            prop_assert_eq!(key.ports.is_some(), key.protocol.has_ports());
            prop_assert_eq!(key.icmp.is_some(), key.protocol.is_icmp());
            prop_assert_eq!(key.tcp_flags.is_some(), key.protocol == Protocol::TCP);
        }
    }

    #[test]
    fn tcp(
        ip in ip_headers(),
        ports: (u16, u16),
        flags: u8,
        numbers: (u32, u32, u16, u16),
        options in 0..=10usize,
        payload in 0..2000usize,
    ) {
        let mut header = TcpHeader::new(ports.0, ports.1, numbers.0, numbers.2);
        header.ns = numbers.1 % 2 == 1;
        (header.acknowledgment_number, header.urgent_pointer) = (numbers.1, numbers.3);
        let bits = [
            &mut header.fin, &mut header.syn, &mut header.rst, &mut header.psh,
            &mut header.ack, &mut header.urg, &mut header.ece, &mut header.cwr,
        ];
        for (n, bit) in bits.into_iter().enumerate() {
            *bit = flags & (1 << n) != 0;
        }
        header.set_options_raw(&[1; 40][..4 * options]).unwrap();
        let mut packet = Vec::new();
        PacketBuilder::ip(ip.clone()).tcp_header(header).write(&mut packet, &vec![0; payload]).unwrap();
        let headers = parse(&packet);
        prop_assert!(addresses_agree(&headers, &ip));
        prop_assert_eq!(headers.protocol, Protocol::TCP);
        prop_assert_eq!(headers.transport, Transport::Tcp {
            ports: Ports { source: ports.0, destination: ports.1 },
            flags: TcpFlags(flags),
            reserved: u8::from(numbers.1 % 2 == 1),
            sequence: numbers.0,
            acknowledgement: numbers.1,
            window: numbers.2,
            urgent: numbers.3,
            options: u8::try_from(4 * options).unwrap(),
        });
        prop_assert_eq!(headers.payload, u32::try_from(payload).unwrap());
    }

    #[test]
    fn udp(ip in ip_headers(), ports: (u16, u16), payload in 0..2000u16) {
        let mut packet = Vec::new();
        PacketBuilder::ip(ip.clone()).udp(ports.0, ports.1).write(&mut packet, &vec![0; payload.into()]).unwrap();
        let headers = parse(&packet);
        prop_assert!(addresses_agree(&headers, &ip));
        let ports = Ports { source: ports.0, destination: ports.1 };
        prop_assert_eq!(headers.transport, Transport::Ports { ports, length: payload + 8 });
    }

    #[test]
    fn icmp(ip in ip_headers(), kind: u8, code: u8, rest: [u8; 4]) {
        let mut packet = Vec::new();
        let v4 = ip.ipv4().is_some();
        // etherparse writes the body of a timestamp with it.
        prop_assume!(!(v4 && matches!(kind, 13 | 14)));
        let builder = PacketBuilder::ip(ip);
        if v4 {
            builder.icmpv4_raw(kind, code, rest).write(&mut packet, &[]).unwrap();
        } else {
            builder.icmpv6_raw(kind, code, rest).write(&mut packet, &[]).unwrap();
        }
        let headers = parse(&packet);
        prop_assert_eq!(headers.icmp(), Some(IcmpType { kind, code }));
        let Transport::Icmp { echo, .. } = headers.transport else { panic!("not icmp") };
        let echoes = if v4 { [0, 8] } else { [128, 129] };
        prop_assert_eq!(echo.is_some(), echoes.contains(&kind));
    }
}
