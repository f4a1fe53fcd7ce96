//! What an incident is called, and how grave it is.

use super::{Actor, Episode, Kind};
use crate::detect::{
    pattern::{Pattern, Severity},
    technique::Technique,
    time::Micros,
};

/// A pause between two doors that only somebody makes who hides.
const SLOWLY: Micros = Micros::from_millis(1500);
/// The same between two hosts: a sweep of a network takes its time, and is one all the same.
const HIDDEN: Micros = Micros::from_secs(60);

impl Episode {
    /// How grave it is.
    pub(in crate::detect) fn severity(&self) -> Severity {
        let by_score = if self.score >= 2.0 * self.threshold { Severity::High } else { Severity::Medium };
        // Whatever of these it is called; it is asked for every packet.
        if matches!(self.kind, Kind::Shared | Kind::Crowd) && self.connected.is_none() {
            return by_score;
        }
        match self.pattern() {
            _ if self.connected.is_some() => Severity::Critical,
            pattern if pattern.is_information() => Severity::Info,
            Pattern::SynFlood | Pattern::UdpFlood | Pattern::ConnectionFlood | Pattern::DecoyScan => {
                Severity::High
            }
            Pattern::Land | Pattern::PortZero | Pattern::BogonSource => Severity::Medium,
            _ => by_score,
        }
    }

    /// What it is called.
    pub(in crate::detect) fn pattern(&self) -> Pattern {
        let Self { tally, odd, .. } = self;
        let most = |count: u32| 2 * u64::from(count) > self.probes;
        match self.kind {
            Kind::Only(pattern) => pattern,
            Kind::Decoys => Pattern::DecoyScan,
            Kind::Together => match self.oddest() {
                Some(odd) => odd,
                None if self.is_shared_out() => Pattern::DistributedScan,
                None => Pattern::CoordinatedScan,
            },
            Kind::Crowd => Pattern::DistributedPortProbe,
            Kind::Shared if self.rotates() => Pattern::Ipv6Rotation,
            Kind::Shared => Pattern::DistributedScan,
            Kind::Scan if self.connected.is_some() => Pattern::ScannedThenConnected,
            Kind::Scan if odd.signs.count_ones() >= 3 => Pattern::OsFingerprinting,
            Kind::Scan if let Some(odd) = self.oddest() => odd,
            Kind::Scan if most(tally.used(Technique::Protocol).into()) => Pattern::ProtocolScan,
            Kind::Scan
                if most(
                    u32::from(tally.used(Technique::Ping)) + u32::from(tally.used(Technique::IcmpQuery)),
                ) =>
            {
                Pattern::IcmpSweep
            }
            Kind::Scan if self.rotates() => Pattern::Ipv6Rotation,
            Kind::Scan => match (tally.distinct_ports(), tally.distinct_hosts()) {
                (0 | 1, 2..) if !self.is_slow(HIDDEN) => Pattern::HostSweep,
                _ if self.is_slow(SLOWLY) => Pattern::SlowScan,
                (_, 0 | 1) => Pattern::PortScan,
                _ => Pattern::BlockScan,
            },
        }
    }

    /// What most of it is, if that is odd in itself.
    fn oddest(&self) -> Option<Pattern> {
        let Self { tally, odd, .. } = self;
        // As many as doors were tried before it was noticed would be enough of them.
        let doors = self.before.max(self.probes - self.before);
        let most = |count: u32| 2 * u64::from(count) > doors;
        let shapes = [
            (odd.overlapping > 0 && most(odd.overlapping * 4), Pattern::OverlappingFragments),
            (most(odd.malformed), Pattern::MalformedProbe),
            (most(odd.extension), Pattern::ExtensionHeaderEvasion),
            (2 * u64::from(odd.port_zero) > self.probes, Pattern::PortZero),
            (tally.tried() < 3 && odd.tiny > 0, Pattern::TinyFragments),
        ];
        shapes.into_iter().find(|(is, _)| *is).map(|(_, shape)| shape)
    }

    /// Whether most doors were tried from an address of their own, inside one IPv6 network.
    fn rotates(&self) -> bool {
        let v6 = matches!(self.actor, Actor::Known(source) if source.is_v6());
        v6 && u64::from(self.faces.count_ones()) * 2 > self.probes.min(32)
    }

    /// Whether many sources have each sent next to nothing.
    fn is_shared_out(&self) -> bool {
        const MANY: u32 = 8;
        const FEW: u64 = 8;
        let sources = self.faces.count_ones();
        sources >= MANY && self.packets <= FEW * u64::from(sources)
    }

    fn is_slow(&self, pause: Micros) -> bool {
        let pauses = self.probes.saturating_sub(1);
        pauses >= 2 && self.last_probe.since(self.first_seen) >= pause.times(pauses)
    }
}
