//! Who may knock at a door and be let in: exactly, as sets of source addresses.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use portcullis_rules::{
    Action, AddressSet, Hook, InterfaceName, InterfaceSet, Protocol, Rule, Ruleset, State, TcpFlags,
};

use super::published::Published;

/// Where packets to a door arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom {
    pub(super) hook: Hook,
    /// The interface they come in by; `None`: any.
    pub(super) interface: Option<InterfaceName>,
    pub(super) destination: IpAddr,
}

/// The sources that are let in, over everything that was added.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    /// Only this host itself.
    local: bool,
    /// The hook isn't ours: whoever gets here is let in.
    unjudged: bool,
    accepted: AddressSet,
    /// What lets them in.
    by: Vec<Opening>,
    /// What keeps the others out: the last word that was spoken on anybody.
    pub(super) refused_by: Option<String>,
}

/// A rule that lets sources in, or the policy.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    /// `rule "web" (portcullis.toml:9)`, or `the policy of input`.
    pub(super) name: String,
    /// Whether it names the port: then the door is meant to be open.
    named: bool,
    sources: AddressSet,
}

impl Reach {
    /// Of a socket that listens on loopback only.
    pub(super) fn this_host() -> Self {
        Self { local: true, ..Self::default() }
    }

    /// Adds who gets in there.
    pub(super) fn add(&mut self, ruleset: &Ruleset, to: Whom, protocol: Protocol, port: u16) {
        let Some(policy) = ruleset.policy.at(to.hook) else {
            self.unjudged = true;
            return;
        };
        // A source chooses its port. Between two bounds that rules name, all ports are alike.
        for from in source_ports(ruleset) {
            self.walk(ruleset, to, (protocol, from, port), policy);
        }
    }

    /// First match wins, for all sources at once.
    fn walk(&mut self, ruleset: &Ruleset, to: Whom, ports: (Protocol, u16, u16), policy: Action) {
        let mut undecided = everybody(to.destination.is_ipv4());
        for rule in &ruleset.rules {
            let (certain, possible) = fits(rule, to, ports);
            if !possible {
                continue;
            }
            let hit = match &rule.matches.source {
                None => undecided.clone(),
                Some(sources) => intersection(&undecided, sources),
            };
            if hit.is_empty() {
                continue;
            }
            if rule.action == Action::Accept {
                let named = rule.matches.port.is_some();
                self.open(format!("rule \"{}\" ({})", rule.name, rule.place), named, &hit);
            } else if certain {
                self.refused_by = Some(format!("rule \"{}\" ({})", rule.name, rule.place));
            }
            if certain {
                undecided = undecided.difference(&hit);
            }
        }
        if policy == Action::Accept {
            self.open(format!("the policy of {}", to.hook), false, &undecided);
        } else if !undecided.is_empty() {
            self.refused_by = Some(format!("the policy of {}", to.hook));
        }
    }

    fn open(&mut self, name: String, named: bool, sources: &AddressSet) {
        self.accepted = self.accepted.union(sources);
        match self.by.iter_mut().find(|opening| opening.name == name) {
            Some(opening) => opening.sources = opening.sources.union(sources),
            None => self.by.push(Opening { name, named, sources: sources.clone() }),
        }
    }

    /// Both together.
    pub(super) fn merge(&mut self, other: Self) {
        let Self { local, unjudged, accepted, by, refused_by } = other;
        self.local &= local;
        self.unjudged |= unjudged;
        self.accepted = self.accepted.union(&accepted);
        for opening in by {
            self.open(opening.name, opening.named, &opening.sources);
        }
        self.refused_by = refused_by.or_else(|| self.refused_by.take());
    }

    pub(super) const fn is_local(&self) -> bool {
        self.local
    }

    /// Whether no rule of ours is asked.
    pub(super) const fn is_unjudged(&self) -> bool {
        self.unjudged
    }

    /// Whether the world gets in: more than half of all addresses of a family.
    pub(super) fn is_everyone(&self) -> bool {
        self.unjudged || is_most(&self.accepted)
    }

    /// Whether nobody gets in from outside.
    pub(super) fn is_nobody(&self) -> bool {
        !self.local && !self.unjudged && self.accepted.is_empty()
    }

    /// Whether the world gets in, and no rule that names the port says so.
    pub(super) fn is_unmeant(&self) -> bool {
        self.unjudged || self.by.iter().any(|opening| !opening.named && is_most(&opening.sources))
    }

    /// What lets anybody in.
    pub(super) fn by(&self) -> &[Opening] {
        &self.by
    }

    /// The sources as prefixes, the first `most` of them, and whether there are more.
    pub(super) fn prefixes(&self, most: usize) -> (Vec<IpNet>, bool) {
        let v4 = self
            .accepted
            .v4_ranges()
            .flat_map(|(first, last)| Ipv4Subnets::new(first, last, 0).map(IpNet::V4));
        let v6 = self
            .accepted
            .v6_ranges()
            .flat_map(|(first, last)| Ipv6Subnets::new(first, last, 0).map(IpNet::V6));
        let mut prefixes: Vec<IpNet> = v4.chain(v6).take(most + 1).collect();
        let more = prefixes.len() > most;
        prefixes.truncate(most);
        (prefixes, more)
    }
}

/// Who gets to a container behind a published port: what is forwarded is judged by where it goes.
pub(super) fn forwarded(ruleset: &Ruleset, published: &Published) -> Reach {
    let mut reach = Reach::default();
    let (destination, port) = published.to;
    let to = Whom { hook: Hook::Forward, interface: None, destination };
    reach.add(ruleset, to, published.protocol, port);
    reach
}

/// Whether a new connection there fits `rule`, but for its source: for certain, and possibly. What
/// is not known here (an interface that packets leave by, the time) makes the difference.
fn fits(rule: &Rule, to: Whom, (protocol, from, port): (Protocol, u16, u16)) -> (bool, bool) {
    let matches = &rule.matches;
    let never = !rule.applies_at(to.hook)
        || matches.protocol.as_ref().is_some_and(|set| !set.contains(protocol.0))
        || matches.port.as_ref().is_some_and(|set| !set.contains(port))
        || matches.source_port.as_ref().is_some_and(|set| !set.contains(from))
        || matches.destination.as_ref().is_some_and(|set| !set.contains(to.destination))
        || matches.state.as_ref().is_some_and(|set| !set.contains(State::New))
        || matches
            .tcp_flags
            .as_ref()
            .is_some_and(|set| protocol != Protocol::TCP || !set.contains(TcpFlags::SYN.0))
        || matches.icmp_type.is_some()
        || matches.user.is_some();
    let on = |set: &Option<InterfaceSet>| match (set, to.interface) {
        (None, _) => Some(true),
        (Some(set), Some(name)) => Some(set.contains(&name)),
        (Some(_), None) => None,
    };
    let interface = if to.hook == Hook::Forward { &None } else { &matches.interface };
    let out = matches.out_interface.is_some();
    let interfaces = [on(interface), on(&matches.in_interface), if out { None } else { Some(true) }];
    let possible = !never && interfaces.iter().all(|fits| *fits != Some(false));
    let always = rule.standing == portcullis_rules::Standing::InForce;
    (possible && always && interfaces.iter().all(|fits| *fits == Some(true)), possible)
}

/// One port of each stretch that rules treat alike.
fn source_ports(ruleset: &Ruleset) -> Vec<u16> {
    let ranges = ruleset
        .rules
        .iter()
        .filter_map(|rule| rule.matches.source_port.as_ref())
        .flat_map(|set| set.ranges());
    let mut ports: Vec<u16> =
        ranges.flat_map(|&(first, last)| [first, last.saturating_add(1)]).chain([0]).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn everybody(v4: bool) -> AddressSet {
    let all: IpNet =
        if v4 { IpNet::V4(ipnet::Ipv4Net::default()) } else { IpNet::V6(ipnet::Ipv6Net::default()) };
    AddressSet::from_prefixes([all])
}

fn intersection(a: &AddressSet, b: &AddressSet) -> AddressSet {
    a.difference(&b.complement())
}

/// More than half of IPv4, or of IPv6's global unicast addresses (2000::/3).
fn is_most(set: &AddressSet) -> bool {
    let v4: u64 = set.v4_ranges().map(|(first, last)| u64::from(last.to_bits() - first.to_bits()) + 1).sum();
    let (global_first, global_last) = (
        Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).to_bits(),
        Ipv6Addr::new(0x3fff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff).to_bits(),
    );
    let v6: u128 = set
        .v6_ranges()
        .map(|(first, last)| (first.to_bits().max(global_first), last.to_bits().min(global_last)))
        .filter(|(first, last)| first <= last)
        .map(|(first, last)| last - first + 1)
        .sum();
    v4 > 1 << 31 || v6 > 1 << 124
}
