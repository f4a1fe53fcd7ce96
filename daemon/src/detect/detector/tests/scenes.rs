//! Contacts, made up.

use jiff::{SignedDuration, Timestamp};
use portcullis_rules::{IcmpType, Malformed, Ports, Protocol, TcpFlags};
use proptest::prelude::*;

use super::super::*;
use crate::detect::{IncidentRecord, Pattern, Phase, Severity};

pub(super) const TARGET: &str = "10.66.0.1";

/// Contacts in the order of their times, and what time it is.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) now: Timestamp,
    pub(super) contacts: Vec<Contact>,
    packets: u64,
}

impl Default for Scene {
    fn default() -> Self {
        Self { now: Timestamp::from_second(1_800_000_000).unwrap(), contacts: Vec::new(), packets: 0 }
    }
}

impl Scene {
    fn tcp(&mut self, source: &str, target: &str, port: u16, news: News) -> &mut Self {
        self.packets += 1;
        self.contacts.push(Contact {
            time: self.now,
            packet: self.packets,
            source: source.parse().unwrap(),
            destination: target.parse().unwrap(),
            protocol: Protocol::TCP,
            ports: Some(Ports {
                source: 40_000 + u16::try_from(self.packets % 20_000).unwrap(),
                destination: port,
            }),
            flags: TcpFlags::SYN,
            window: 64240,
            icmp: None,
            ttl: 60,
            length: 60,
            news,
        });
        self
    }

    fn last(&mut self) -> &mut Contact {
        self.contacts.last_mut().unwrap()
    }

    /// A connection that the rules refuse.
    pub(super) fn syn(&mut self, source: &str, target: &str, port: u16) -> &mut Self {
        self.tcp(source, target, port, News::Refused)
    }

    pub(super) fn syn6(&mut self, source: &str, target: &str, port: u16) -> &mut Self {
        self.syn(source, target, port);
        self.last().length = 80;
        self
    }

    /// A SYN as nmap makes it.
    pub(super) fn crafted(&mut self, source: &str, target: &str, port: u16) -> &mut Self {
        self.syn(source, target, port);
        (self.last().length, self.last().window) = (44, 1024);
        self
    }

    pub(super) fn flags(&mut self, source: &str, target: &str, port: u16, flags: u8) -> &mut Self {
        self.syn(source, target, port);
        (self.last().length, self.last().flags) = (40, TcpFlags(flags));
        self
    }

    pub(super) fn completed(&mut self, source: &str, target: &str, port: u16) -> &mut Self {
        self.tcp(source, target, port, News::Completed(1))
    }

    pub(super) fn turned_down(&mut self, source: &str, target: &str, port: u16) -> &mut Self {
        self.tcp(source, target, port, News::TurnedDown)
    }

    pub(super) fn unfinished(&mut self, source: &str, target: &str, port: u16, from: u16) -> &mut Self {
        self.tcp(source, target, port, News::Unfinished(1));
        self.last().ports = Some(Ports { source: from, destination: port });
        self
    }

    pub(super) fn udp_from(&mut self, source: &str, from: u16, target: &str, port: u16) -> &mut Self {
        self.syn(source, target, port);
        let contact = self.last();
        (contact.protocol, contact.flags, contact.window) = (Protocol::UDP, TcpFlags(0), 0);
        contact.ports = Some(Ports { source: from, destination: port });
        self
    }

    pub(super) fn udp(&mut self, source: &str, target: &str, port: u16) -> &mut Self {
        self.udp_from(source, port, target, port)
    }

    pub(super) fn udp_ttl(&mut self, source: &str, target: &str, port: u16, ttl: u8) -> &mut Self {
        self.udp_from(source, 40_000, target, port);
        self.last().ttl = ttl;
        self
    }

    /// A question of the target's own.
    pub(super) fn sent(&mut self, to: &str, port: u16, from: u16) -> &mut Self {
        self.udp_from(TARGET, from, to, port);
        self.last().news = News::Sent;
        self
    }

    /// Lets time pass.
    pub(super) fn every(&mut self, milliseconds: i64) {
        self.wait(milliseconds);
    }

    pub(super) fn wait(&mut self, milliseconds: i64) {
        self.now += SignedDuration::from_millis(milliseconds);
    }

    /// Everything that is concluded, to the end.
    pub(super) fn play(&self) -> Vec<IncidentRecord> {
        let mut detector = Detector::new(Detect::default(), [1, 2]);
        let mut records: Vec<_> =
            self.contacts.iter().flat_map(|contact| detector.observe(contact)).collect();
        records.extend(detector.finish(self.now));
        records
    }
}

/// The last records of incidents that are none for information.
pub(super) fn concluded(records: &[IncidentRecord]) -> Vec<&IncidentRecord> {
    let alert = |record: &&IncidentRecord| record.incident.severity > Severity::Info;
    records.iter().filter(|record| record.incident.phase == Phase::End).filter(alert).collect()
}

pub(super) fn patterns(records: &[IncidentRecord]) -> Vec<Pattern> {
    concluded(records).iter().map(|record| record.incident.pattern).collect()
}

pub(super) fn any_contact() -> impl Strategy<Value = Contact> {
    let news = prop_oneof![
        Just(News::Refused),
        Just(News::Accepted),
        Just(News::Sent),
        Just(News::TurnedDown),
        any::<u16>().prop_map(News::Completed),
        any::<u16>().prop_map(News::Unfinished),
        any::<u16>().prop_map(News::Silent),
        Just(News::Oddity(Oddity::Land)),
        Just(News::Oddity(Oddity::TinyFragment)),
        Just(News::Oddity(Oddity::Malformed(Malformed::BadHeaderLength))),
    ];
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(std::net::IpAddr::from),
        (0_u8..9).prop_map(|n| std::net::IpAddr::from([20, 1, 2, n])),
        any::<[u8; 16]>().prop_map(std::net::IpAddr::from),
    ];
    let protocol = prop_oneof![Just(6_u8), Just(17), Just(1), Just(58), any::<u8>()];
    (
        0_i64..200_000_000,
        any::<u64>(),
        address.clone(),
        address,
        protocol,
        any::<[u16; 3]>(),
        any::<[u8; 4]>(),
        news,
    )
        .prop_map(
            |(
                milliseconds,
                packet,
                source,
                destination,
                protocol,
                [from, to, window],
                [flags, kind, ttl, code],
                news,
            )| {
                let protocol = Protocol(protocol);
                let ports = matches!(protocol.0, 6 | 17).then_some(Ports { source: from, destination: to });
                let icmp = matches!(protocol.0, 1 | 58).then_some(IcmpType { kind, code });
                let time = Timestamp::from_second(1_800_000_000).unwrap()
                    + SignedDuration::from_millis(milliseconds);
                let flags = TcpFlags(if protocol == Protocol::TCP { flags } else { 0 });
                Contact {
                    time,
                    packet,
                    source,
                    destination,
                    protocol,
                    ports,
                    flags,
                    window,
                    icmp,
                    ttl,
                    length: 60,
                    news,
                }
            },
        )
}
