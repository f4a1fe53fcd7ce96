//! What a scan has tried so far, counted in bounded memory.

use std::{collections::HashSet, net::IpAddr};

use portcullis_rules::Protocol;

use super::{door::Door, record::Pattern};

/// Destinations counted exactly; from there on the number is a lower bound.
pub(super) const MOST_HOSTS: usize = 256;
/// Ports named in records.
const SAMPLES: usize = 16;

/// Distinct ports and hosts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// A bit for each port, for each of the five protocols that have ports: 8 KiB each.
    ports: Vec<(Protocol, Box<[u64; 1024]>)>,
    distinct_ports: u32,
    hosts: HashSet<IpAddr>,
    sample: Vec<(u16, Protocol)>,
}

impl Tally {
    /// Counts `door`.
    pub(super) fn add(&mut self, door: Door) {
        let Door { host, protocol, port } = door;
        if self.hosts.len() < MOST_HOSTS {
            self.hosts.insert(host);
        }
        let known = self.ports.iter().position(|(known, _)| *known == protocol);
        let index = known.unwrap_or_else(|| {
            self.ports.push((protocol, Box::new([0; 1024])));
            self.ports.len() - 1
        });
        let (_, bits) = &mut self.ports[index];
        let (word, bit) = (&mut bits[usize::from(port / 64)], 1 << (port % 64));
        if *word & bit == 0 {
            *word |= bit;
            self.distinct_ports += 1;
            if self.sample.len() < SAMPLES {
                self.sample.push((port, protocol));
            }
        }
    }

    /// Distinct ports; the same number under two protocols is two.
    pub(super) const fn distinct_ports(&self) -> u32 {
        self.distinct_ports
    }

    /// Distinct destinations, at most [`MOST_HOSTS`].
    pub(super) fn distinct_hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The destination, if there is only one.
    pub(super) fn only_host(&self) -> Option<IpAddr> {
        self.hosts.iter().next().copied().filter(|_| self.hosts.len() == 1)
    }

    /// The first ports, such as `22/tcp`.
    pub(super) fn sample_ports(&self) -> Vec<String> {
        self.sample.iter().map(|(port, protocol)| format!("{port}/{protocol}")).collect()
    }

    /// The shape of it.
    pub(super) fn pattern(&self) -> Pattern {
        match (self.distinct_ports, self.hosts.len()) {
            (_, 0 | 1) => Pattern::PortScan,
            (0 | 1, _) => Pattern::HostSweep,
            _ => Pattern::BlockScan,
        }
    }
}
