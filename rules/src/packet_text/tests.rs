use std::net::IpAddr;

use super::{Detail, Expected, Names, PacketTextFault, parse_packet};
use crate::{Fact, Hook, IcmpType, InterfaceName, Key, Ports, Protocol, State, TcpFlags};

struct SomeNames;

impl Names for SomeNames {
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        (name == "ssh" && protocol == Protocol::TCP).then_some(22)
    }

    fn user(&self, name: &str) -> Option<u32> {
        (name == "alice").then_some(1000)
    }
}

/// What `input tcp 192.0.2.9:40000 -> 192.0.2.1:22` says.
fn ssh() -> Key {
    Key {
        hook: Hook::Input,
        in_interface: Fact::Unknown,
        out_interface: Fact::Absent,
        source: IpAddr::from([192, 0, 2, 9]),
        destination: IpAddr::from([192, 0, 2, 1]),
        protocol: Protocol::TCP,
        ports: Some(Ports { source: 40000, destination: 22 }),
        icmp: None,
        tcp_flags: Some(TcpFlags::SYN),
        state: State::New,
        user: Fact::Absent,
    }
}

fn ping() -> Key {
    let icmp = Some(IcmpType { kind: 8, code: 0 });
    Key { protocol: Protocol::ICMP, ports: None, icmp, tcp_flags: None, ..ssh() }
}

fn over_v6(key: Key) -> Key {
    let address = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
    Key { source: address(9), destination: address(1), ..key }
}

fn interface(name: &str) -> Fact<InterfaceName> {
    Fact::Known(InterfaceName::new(name).unwrap())
}

#[test]
fn texts_and_keys() {
    let both = Key { hook: Hook::Forward, out_interface: Fact::Unknown, ..ssh() };
    let output =
        Key { hook: Hook::Output, in_interface: Fact::Absent, out_interface: Fact::Unknown, ..ssh() };
    let user = |user| Key { user, ..output };
    let ping6 =
        over_v6(Key { protocol: Protocol::ICMPV6, icmp: Some(IcmpType { kind: 128, code: 0 }), ..ping() });
    let typed = |kind, code| Key { icmp: Some(IcmpType { kind, code }), ..ping() };
    let cases = [
        ("input tcp 192.0.2.9:40000 -> 192.0.2.1:22", ssh()),
        ("input 6 192.0.2.9:40000 -> 192.0.2.1:ssh", ssh()),
        ("  input\ttcp 192.0.2.9:40000  ->  192.0.2.1:22 state new flags syn \n", ssh()),
        ("input tcp [2001:db8::9]:40000 -> [2001:db8::1]:22", over_v6(ssh())),
        (
            "input udp 192.0.2.9:40000 -> 192.0.2.1:22",
            Key { protocol: Protocol::UDP, tcp_flags: None, ..ssh() },
        ),
        (
            "input tcp 192.0.2.9:40000 -> 192.0.2.1:22 in eth0",
            Key { in_interface: interface("eth0"), ..ssh() },
        ),
        (
            "input tcp 192.0.2.9:40000 -> 192.0.2.1:22 flags syn,ack state invalid",
            Key { state: State::Invalid, tcp_flags: Some(TcpFlags(0x12)), ..ssh() },
        ),
        (
            "input tcp 192.0.2.9:40000 -> 192.0.2.1:22 flags none",
            Key { tcp_flags: Some(TcpFlags(0)), ..ssh() },
        ),
        ("output tcp 192.0.2.9:40000 -> 192.0.2.1:22", user(Fact::Unknown)),
        ("output tcp 192.0.2.9:40000 -> 192.0.2.1:22 user alice", user(Fact::Known(1000))),
        ("output tcp 192.0.2.9:40000 -> 192.0.2.1:22 user 0", user(Fact::Known(0))),
        ("forward tcp 192.0.2.9:40000 -> 192.0.2.1:22", both),
        (
            "forward tcp 192.0.2.9:40000 -> 192.0.2.1:22 out in in out",
            Key { in_interface: interface("out"), out_interface: interface("in"), ..both },
        ),
        ("input icmp 192.0.2.9 -> 192.0.2.1", ping()),
        ("input icmp 192.0.2.9 -> 192.0.2.1 type echo-reply", typed(0, 0)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 type destination-unreachable/3", typed(3, 3)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 type 42/7", typed(42, 7)),
        ("input icmpv6 2001:db8::9 -> 2001:db8::1", ping6),
        ("input icmpv6 [2001:db8::9] -> [2001:db8::1] type 128", ping6),
        ("input 1 2001:db8::9 -> 2001:db8::1", over_v6(ping())),
        ("input gre 192.0.2.9 -> 192.0.2.1", Key { protocol: Protocol(47), icmp: None, ..ping() }),
        ("input 253 192.0.2.9 -> 192.0.2.1", Key { protocol: Protocol(253), icmp: None, ..ping() }),
    ];
    for (text, key) in cases {
        assert_eq!(parse_packet(text, &SomeNames), Ok(key), "{text}");
        assert_eq!(parse_packet(&key.to_string(), &SomeNames), Ok(key), "{key}");
    }
}

#[test]
fn shortest_texts() {
    let output = Key {
        hook: Hook::Output,
        in_interface: Fact::Absent,
        out_interface: interface("eth0"),
        user: Fact::Known(1000),
        state: State::Related,
        tcp_flags: Some(TcpFlags(0x12)),
        ..ssh()
    };
    let cases = [
        (ssh(), "input tcp 192.0.2.9:40000 -> 192.0.2.1:22"),
        (over_v6(ssh()), "input tcp [2001:db8::9]:40000 -> [2001:db8::1]:22"),
        (output, "output tcp 192.0.2.9:40000 -> 192.0.2.1:22 out eth0 state related flags syn,ack user 1000"),
        (ping(), "input icmp 192.0.2.9 -> 192.0.2.1"),
        (over_v6(ping()), "input 1 2001:db8::9 -> 2001:db8::1"),
        (
            Key { icmp: Some(IcmpType { kind: 3, code: 1 }), ..ping() },
            "input icmp 192.0.2.9 -> 192.0.2.1 type destination-unreachable/1",
        ),
        (
            Key { icmp: Some(IcmpType { kind: 42, code: 0 }), ..ping() },
            "input icmp 192.0.2.9 -> 192.0.2.1 type 42",
        ),
    ];
    for (key, text) in cases {
        assert_eq!(key.to_string(), text);
    }
}

/// The text in brackets is what the error's span has to cover.
#[test]
fn faults() {
    use PacketTextFault::{
        Ends, HasNoPorts, IcmpFamily, MixedFamilies, Not, NotAtHook, NotOfProtocol, PortMissing, Twice,
    };
    let cases = [
        ("«»", Ends(Expected::Hook)),
        ("«INPUT» tcp", Not(Expected::Hook)),
        ("input«»  ", Ends(Expected::Protocol)),
        ("input «tpc» 192.0.2.9:1 -> 192.0.2.1:22", Not(Expected::Protocol)),
        ("input «256» 192.0.2.9 -> 192.0.2.1", Not(Expected::Protocol)),
        ("input «+6» 192.0.2.9:1 -> 192.0.2.1:22", Not(Expected::Protocol)),
        ("input tcp«»", Ends(Expected::Source)),
        ("input tcp «192.0.2.9» -> 192.0.2.1:22", PortMissing(Protocol::TCP)),
        ("input tcp 192.0.2.9:1 -> «192.0.2.1»", PortMissing(Protocol::TCP)),
        ("input udp «2001:db8::9:53» -> [2001:db8::1]:22", PortMissing(Protocol::UDP)),
        ("input udp «[2001:db8::9]» -> [2001:db8::1]:22", PortMissing(Protocol::UDP)),
        ("input tcp «192.0.2.256»:1 -> 192.0.2.1:22", Not(Expected::Source)),
        ("input tcp «host»:1 -> 192.0.2.1:22", Not(Expected::Source)),
        ("input icmp «host» -> 192.0.2.1", Not(Expected::Source)),
        ("input tcp [«192.0.2.9»]:1 -> 192.0.2.1:22", Not(Expected::Source)),
        ("input tcp 192.0.2.9:1 -> «[2001:db8::1»", Not(Expected::Destination)),
        ("input tcp 192.0.2.9:1 -> «[2001:db8::1]22»", Not(Expected::Destination)),
        ("input tcp 192.0.2.9:«65536» -> 192.0.2.1:22", Not(Expected::Port)),
        ("input tcp 192.0.2.9:«» -> 192.0.2.1:22", Not(Expected::Port)),
        ("input udp 192.0.2.9:1 -> 192.0.2.1:«ssh»", Not(Expected::Port)),
        ("input icmp 192.0.2.9:«1» -> 192.0.2.1", HasNoPorts(Protocol::ICMP)),
        ("input tcp 192.0.2.9:1«»", Ends(Expected::Arrow)),
        ("input tcp 192.0.2.9:1 «=>» 192.0.2.1:22", Not(Expected::Arrow)),
        ("input tcp 192.0.2.9:1 ->«»", Ends(Expected::Destination)),
        ("input tcp 192.0.2.9:1 -> «[2001:db8::1]:22»", MixedFamilies),
        ("input «icmp» 2001:db8::9 -> 2001:db8::1", IcmpFamily(Protocol::ICMP)),
        ("input «icmpv6» 192.0.2.9 -> 192.0.2.1", IcmpFamily(Protocol::ICMPV6)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 «on» eth0", Not(Expected::Detail)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 in«»", Ends(Expected::Interface)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 in «sixteen-letters-»", Not(Expected::Interface)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 in a «in» b", Twice(Detail::In)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 «out» a", NotAtHook(Detail::Out, Hook::Input)),
        ("output icmp 192.0.2.9 -> 192.0.2.1 «in» a", NotAtHook(Detail::In, Hook::Output)),
        ("forward icmp 192.0.2.9 -> 192.0.2.1 «user» 0", NotAtHook(Detail::User, Hook::Forward)),
        ("output icmp 192.0.2.9 -> 192.0.2.1 user «bob»", Not(Expected::User)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 state «open»", Not(Expected::State)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 type «ping»", Not(Expected::IcmpType)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 type «3/»", Not(Expected::IcmpType)),
        ("input icmp 192.0.2.9 -> 192.0.2.1 «flags» syn", NotOfProtocol(Detail::Flags, Protocol::ICMP)),
        ("input tcp 192.0.2.9:1 -> 192.0.2.1:22 «type» 8", NotOfProtocol(Detail::Type, Protocol::TCP)),
        ("input tcp 192.0.2.9:1 -> 192.0.2.1:22 flags «syn,akc»", Not(Expected::Flags)),
    ];
    for (marked, expected) in cases {
        let (before, rest) = marked.split_once('«').unwrap();
        let (inside, _) = rest.split_once('»').unwrap();
        let error = parse_packet(&marked.replace(['«', '»'], ""), &SomeNames).unwrap_err();
        assert_eq!(error.kind, expected, "{marked}");
        assert_eq!(error.span, before.len()..before.len() + inside.len(), "{marked}");
        assert!(error.to_string().contains("expected"), "{error}");
    }
}

#[test]
fn error_sentences() {
    let cases = [
        (
            "input tcp 192.0.2.9 -> 192.0.2.1:22",
            "tcp has ports; expected one after the address, such as 192.0.2.1:22 or [2001:db8::1]:22",
        ),
        ("input icmp 192.0.2.9:1 -> 192.0.2.1", "icmp has no ports; expected an address alone"),
        (
            "input tcp",
            "the packet ends here; expected the source, such as 192.0.2.9:40000 or [2001:db8::9]:40000",
        ),
        ("ingress", "expected a hook: input, output or forward"),
    ];
    for (text, sentence) in cases {
        assert_eq!(parse_packet(text, &SomeNames).unwrap_err().to_string(), sentence);
    }
}
