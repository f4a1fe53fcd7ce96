//! What an incident has tried so far, counted in bounded memory.

use std::net::IpAddr;

use portcullis_rules::Protocol;

use super::{contact::Contact, technique::Technique};

/// Destinations counted exactly; from there on the number is a lower bound.
pub(super) const MOST_HOSTS: usize = 256;
/// Ports kept one by one, before they become bits.
const FEW: usize = 64;
/// Ports named in records.
const SAMPLES: usize = 16;

/// Distinct ports and hosts, and how they were tried: at most some 13 KiB.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    few: Vec<(Protocol, u16)>,
    /// A bit for each port; those of other protocols than TCP stand elsewhere in it.
    bits: Option<Box<[u64; 1024]>>,
    distinct_ports: u32,
    hosts: Vec<IpAddr>,
    sample: Vec<(u16, Protocol)>,
    techniques: [u16; Technique::ALL.len()],
}

impl Tally {
    /// Counts a door. Only doors with ports count as ports.
    #[inline]
    pub(super) fn add(&mut self, host: IpAddr, protocol: Protocol, port: Option<u16>, technique: Technique) {
        let uses = &mut self.techniques[technique as usize];
        *uses = uses.saturating_add(1);
        if self.only_host() != Some(host) {
            self.add_host(host);
        }
        let Some(port) = port else { return };
        if self.mark(protocol, port) {
            self.distinct_ports += 1;
            if self.sample.len() < SAMPLES {
                self.sample.push((port, protocol));
            }
        }
    }

    #[cold]
    fn add_host(&mut self, host: IpAddr) {
        if self.hosts.len() < MOST_HOSTS
            && let Err(place) = self.hosts.binary_search(&host)
        {
            self.hosts.insert(place, host);
        }
    }

    /// Whether the door of a contact is known already, where there is only one host.
    #[inline]
    pub(super) fn knows_alone(&self, contact: &Contact) -> bool {
        let Some(ports) = contact.ports else { return false };
        if self.only_host() != Some(contact.destination) {
            return false;
        }
        match &self.bits {
            Some(bits) => {
                let place = place(contact.protocol, ports.destination);
                bits[usize::from(place / 64)] & 1 << (place % 64) != 0
            }
            None => self.few.contains(&(contact.protocol, ports.destination)),
        }
    }

    /// Whether the port is new.
    #[inline]
    fn mark(&mut self, protocol: Protocol, port: u16) -> bool {
        match &mut self.bits {
            Some(bits) => set(bits, protocol, port),
            None => self.mark_one_of_few(protocol, port),
        }
    }

    #[cold]
    fn mark_one_of_few(&mut self, protocol: Protocol, port: u16) -> bool {
        if self.few.contains(&(protocol, port)) {
            return false;
        }
        self.few.push((protocol, port));
        if self.few.len() > FEW {
            let mut bits = Box::new([0; 1024]);
            for (protocol, port) in self.few.drain(..) {
                set(&mut bits, protocol, port);
            }
            self.few.shrink_to_fit();
            self.bits = Some(bits);
        }
        true
    }

    /// Takes in what another one has counted, as far as it is known one by one.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.techniques.iter_mut().zip(other.techniques) {
            *mine = mine.saturating_add(theirs);
        }
        other.hosts.iter().for_each(|&host| self.add_host(host));
        let new = other.few.iter().filter(|(protocol, port)| self.mark(*protocol, *port)).count();
        self.distinct_ports += u32::try_from(new).unwrap_or(0);
        if let Some(theirs) = &other.bits {
            let mine = self.bits.get_or_insert_with(|| Box::new([0; 1024]));
            for (mine, theirs) in mine.iter_mut().zip(theirs.iter()) {
                self.distinct_ports += (theirs & !*mine).count_ones();
                *mine |= theirs;
            }
            for (protocol, port) in std::mem::take(&mut self.few) {
                if !set(mine, protocol, port) {
                    self.distinct_ports -= 1;
                }
            }
        }
        let room = SAMPLES.saturating_sub(self.sample.len());
        let unknown: Vec<_> =
            other.sample.iter().filter(|port| !self.sample.contains(port)).take(room).copied().collect();
        self.sample.extend(unknown);
    }

    /// Distinct ports; the same number under two protocols is two.
    pub(super) const fn distinct_ports(&self) -> u32 {
        self.distinct_ports
    }

    /// Distinct destinations, at most [`MOST_HOSTS`].
    pub(super) const fn distinct_hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The destination, if there is only one.
    #[inline]
    pub(super) fn only_host(&self) -> Option<IpAddr> {
        if let [only] = self.hosts[..] { Some(only) } else { None }
    }

    /// The first ports, such as `22/tcp`.
    pub(super) fn sample_ports(&self) -> Vec<String> {
        self.sample.iter().map(|(port, protocol)| format!("{port}/{protocol}")).collect()
    }

    /// How most doors were tried, and how many.
    pub(super) fn technique(&self) -> Option<Technique> {
        Technique::ALL
            .into_iter()
            .rev()
            .max_by_key(|&technique| self.used(technique))
            .filter(|&technique| self.used(technique) > 0)
    }

    /// How many doors were tried this way.
    pub(super) const fn used(&self, technique: Technique) -> u16 {
        self.techniques[technique as usize]
    }

    /// How many doors were tried.
    pub(super) fn tried(&self) -> u32 {
        self.techniques.iter().map(|&uses| u32::from(uses)).sum()
    }
}

/// Whether the bit was not set before.
#[inline]
fn set(bits: &mut [u64; 1024], protocol: Protocol, port: u16) -> bool {
    let place = place(protocol, port);
    let (word, bit) = (&mut bits[usize::from(place / 64)], 1 << (place % 64));
    let new = *word & bit == 0;
    *word |= bit;
    new
}

/// Other protocols' ports must not coincide with TCP's, or only where both are tried.
fn place(protocol: Protocol, port: u16) -> u16 {
    if protocol == Protocol::TCP { port } else { port.rotate_left(5) ^ u16::from(protocol.0) << 7 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_counted_exactly() {
        let mut tally = Tally::default();
        let host = "192.0.2.1".parse().unwrap();
        for port in (1..=60_000).chain(1..=100) {
            tally.add(host, Protocol::TCP, Some(port), Technique::Syn);
        }
        assert_eq!((tally.distinct_ports(), tally.distinct_hosts()), (60_000, 1));
        let mut other = Tally::default();
        other.add(host, Protocol::TCP, Some(60_001), Technique::Syn);
        other.absorb(&tally);
        assert_eq!(other.distinct_ports(), 60_001);
        assert_eq!(other.technique(), Some(Technique::Syn));
    }
}
