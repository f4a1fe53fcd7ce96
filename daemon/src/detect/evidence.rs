//! What one contact says about who makes it.

use std::net::{IpAddr, Ipv4Addr};

use portcullis_rules::{Ports, Protocol, TcpFlags};

use super::{
    contact::{Contact, News},
    ports,
    technique::Technique,
};

/// What a contact is taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Evidence {
    /// Somebody tries a door.
    Probe {
        technique: Technique,
        /// How much it says about its sender, if it is turned away.
        weight: f32,
        /// Whether it has all that a system's own connections have: somebody means to connect.
        meant: bool,
    },
    /// Nothing that anybody has to answer for.
    Harmless(Harmless),
}

/// Packets that are nobody's attack on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harmless {
    /// Answers to packets that somebody else sent in our name.
    Backscatter,
    /// Answers that come after the question was given up.
    LateReply,
    /// Somebody counts the routers on the way here.
    Traceroute,
    /// To everybody: broadcast, multicast, neighbour discovery.
    Broadcast,
}

/// An IP and a TCP header, with at most the segment size as an option.
const BARE: (u32, u32) = (44, 64);
/// An IP and a TCP header and no option at all.
const BAREST: (u32, u32) = (40, 60);
/// An IP and an ICMP or UDP header, and nothing in it.
const EMPTY: (u32, u32) = (28, 48);

/// What a datagram says that looks like a service's answer: some hundreds of them in ten minutes can't all
/// be late, and source port 53 is no disguise for a scan of doors that are worth knowing.
const ANSWER: f32 = 0.02;

const ALL: u8 = TcpFlags::FIN.0 | SRA | TcpFlags::PSH.0 | TcpFlags::URG.0;
const SRA: u8 = TcpFlags::SYN.0 | TcpFlags::RST.0 | TcpFlags::ACK.0;
const XMAS: u8 = TcpFlags::FIN.0 | TcpFlags::PSH.0 | TcpFlags::URG.0;

/// Judges a contact by itself; whether it is new is for others to say.
#[inline]
pub(super) fn weigh(contact: &Contact) -> Evidence {
    use Evidence::Harmless as Nothing;
    if is_for_everybody(contact.destination) {
        return Nothing(Harmless::Broadcast);
    }
    let probe = |technique, weight| Evidence::Probe { technique, weight, meant: false };
    match (contact.protocol, contact.ports) {
        (Protocol::TCP, Some(Ports { source, destination })) => {
            let flags = contact.flags.0 & ALL;
            if flags == SYN {
                let base = ports::weight(destination);
                let weight = if is_crafted(contact) { base * 2.0 } else { base };
                return Evidence::Probe { technique: Technique::Syn, weight, meant: !at_most(contact, BARE) };
            }
            // A packet of a flow that began before we or connection tracking did, or ended long ago.
            let stale = flags & TcpFlags::ACK.0 != 0
                && destination >= ports::FIRST_EPHEMERAL
                && ports::is_probed(source);
            let base = if stale { 0.1 } else { ports::weight(destination) };
            match flags & !(TcpFlags::PSH.0 | TcpFlags::URG.0) {
                SYN_ACK => Nothing(Harmless::Backscatter),
                reset if reset & TcpFlags::RST.0 != 0 && reset & TcpFlags::SYN.0 == 0 => {
                    Nothing(Harmless::Backscatter)
                }
                ACK => probe(Technique::Ack, base * out_of_the_blue(contact)),
                FIN_ACK => probe(Technique::Maimon, base * out_of_the_blue(contact)),
                _ if flags == XMAS => probe(Technique::Xmas, base * 2.0),
                _ if flags == 0 => probe(Technique::Null, base * 2.0),
                FIN if flags == FIN => probe(Technique::Fin, base * 2.0),
                _ => probe(Technique::OddFlags, base * 2.0),
            }
        }
        (Protocol::ICMP | Protocol::ICMPV6, _) => match contact.icmp.map(|icmp| icmp.kind) {
            Some(8 | 128) => probe(Technique::Ping, 0.6 * if empty(contact) { 2.0 } else { 1.0 }),
            // Timestamp, information and address mask requests; node information queries.
            Some(13 | 15 | 17 | 37 | 139) => probe(Technique::IcmpQuery, 1.0),
            Some(133..=137 | 130..=132 | 143 | 9 | 10) => Nothing(Harmless::Broadcast),
            _ => Nothing(Harmless::Backscatter),
        },
        (protocol, Some(Ports { source, destination })) => {
            if protocol == Protocol::UDP && TRACEROUTE.contains(&destination) && contact.ttl < 32 {
                return Nothing(Harmless::Traceroute);
            }
            let technique = if protocol == Protocol::UDP { Technique::Udp } else { Technique::OtherPorts };
            // Answers of services, where our own questions are not seen, or were never asked.
            let answers = ports::is_probed(source) && ports::is_nobodys(destination);
            let stale = destination >= ports::FIRST_EPHEMERAL && ports::is_probed(source);
            probe(
                technique,
                match (answers && technique == Technique::Udp, empty(contact)) {
                    (true, false) => ANSWER,
                    (_, is_empty) => {
                        let base = if stale { 0.1 } else { ports::weight(destination) };
                        base * if is_empty { 1.5 } else { 1.0 }
                    }
                },
            )
        }
        // IGMP, tunnels, IPsec and routing protocols have their uses.
        (Protocol(2), None) => Nothing(Harmless::Broadcast),
        (Protocol(4 | 41 | 46 | 47 | 50 | 51 | 89 | 103 | 112 | 115), None) => {
            probe(Technique::Protocol, 0.5)
        }
        _ => probe(Technique::Protocol, 1.5),
    }
}

const SYN: u8 = TcpFlags::SYN.0;
const ACK: u8 = TcpFlags::ACK.0;
const FIN: u8 = TcpFlags::FIN.0;
const SYN_ACK: u8 = SYN | ACK;
const FIN_ACK: u8 = FIN | ACK;
const SYN_XMAS: u8 = SYN | XMAS;
/// The ports of a hundred probes of traceroute (traceroute(8)).
const TRACEROUTE: std::ops::Range<u16> = 33434..33535;

/// Whether no system's own stack has built this SYN: no option in it at all, or one of the commonest windows of
/// programs that make their own (nmap, masscan, hping, zmap's 65535 without options). Systems begin with more, and
/// always say their segment size.
fn is_crafted(contact: &Contact) -> bool {
    let window = matches!(contact.window, 512 | 1024 | 2048 | 3072 | 4096);
    at_most(contact, BARE) && (window || at_most(contact, BAREST))
}

/// How much a segment counts that belongs to no session. Systems put time stamps or payload into most that
/// they send; such a one belonged to a session that was forgotten here.
fn out_of_the_blue(contact: &Contact) -> f32 {
    if at_most(contact, BAREST) { 1.5 } else { 0.3 }
}

/// Whether there is nothing in a datagram.
pub(super) fn empty(contact: &Contact) -> bool {
    at_most(contact, EMPTY)
}

const fn at_most(contact: &Contact, (v4, v6): (u32, u32)) -> bool {
    match contact.destination {
        IpAddr::V4(_) => contact.length <= v4,
        IpAddr::V6(_) => contact.length <= v6,
    }
}

/// The signs of nmap's operating system detection (nmap.org/book/osdetect-methods.html), as bits.
/// Each by itself may be something else; several from one source are not.
pub(super) fn fingerprinting(contact: &Contact) -> u8 {
    let Contact { flags, window, length, icmp, protocol, .. } = *contact;
    // IE: an echo request has no code.
    let echo = u8::from(icmp.is_some_and(|icmp| matches!(icmp.kind, 8 | 128) && icmp.code != 0));
    let more = match protocol {
        Protocol::TCP => {
            // ECN.
            let ecn = u8::from(flags.0 & 0xc0 == 0xc0 && window == 3) << 4;
            ecn | match flags.0 & ALL {
                // The windows of SEQ.
                SYN if matches!(window, 1 | 4 | 16 | 63) => 1 << 5,
                // T2, T3, T7.
                0 if flags.0 == 0 => 1 << 1,
                SYN_XMAS => 1 << 2,
                XMAS => 1 << 3,
                _ => 0,
            }
        }
        // U1: 300 bytes.
        Protocol::UDP if matches!(length, 328 | 348) => 1 << 6,
        _ => 0,
    };
    echo | more
}

/// Whether a contact that was let in still has to be answered for before it counts.
#[inline]
pub(super) const fn counts(news: News, technique: Technique) -> bool {
    match news {
        News::Refused => true,
        // Nobody answers for a datagram that is not understood.
        News::Silent(_) => matches!(technique, Technique::Syn),
        News::TurnedDown | News::Unfinished(_) => has_an_end(technique),
        News::Accepted => !has_an_end(technique),
        News::Sent | News::Completed(_) | News::Oddity(_) => false,
    }
}

/// Whether what becomes of a contact has to be waited for. The rest is answered by the system, or by
/// nobody, or is no way to begin a conversation: it counts at once. An ACK may belong to a session that
/// is older than connection tracking.
const fn has_an_end(technique: Technique) -> bool {
    use Technique as T;
    matches!(technique, T::Syn | T::Connect | T::Udp | T::OtherPorts | T::Ack | T::Maimon)
}

/// Multicast and broadcast. What a subnet's broadcast address is can't be seen from here: an address
/// that ends in 255 is taken for one, which costs at most one host in 256.
const fn is_for_everybody(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(v4) => v4.is_multicast() || v4.octets()[3] == Ipv4Addr::BROADCAST.octets()[3],
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}
