//! `portcullis ports`: the doors of this host, who stands behind each, and whom the rules let in.

mod door;
mod explain;
mod processes;
mod published;
mod reach;
mod show;
mod sockets;

use std::{collections::BTreeSet, io, net::IpAddr};

use jiff::{Timestamp, ToSpan as _};
use portcullis_config::{Config, Mode};
use portcullis_rules::{Action, Hook, InterfaceName, Protocol, Ruleset};

pub use self::door::DoorName;
use self::{
    door::{Door, Idle},
    reach::{Reach, Whom},
    sockets::Socket,
};
use crate::review::{Knocks, knocks};

/// How far back knocks are counted.
const DAYS: i64 = 7;
/// Of a rule that names more ports than that, not each is looked for.
const MOST_NAMED: u32 = 64;

/// What `portcullis ports` is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PortsArgs {
    /// Exit with 1 when a door is open to everyone and no rule names its port
    #[arg(long)]
    pub strict: bool,
    /// Tell in plain words what one door is, such as 443/tcp
    #[arg(long, value_name = "PORT/PROTOCOL", conflicts_with_all = ["json", "strict"])]
    pub explain: Option<DoorName>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Everything there is to tell about the doors of this host.
#[derive(Debug)]
pub struct Doors {
    /// Whether everything passes, whatever the rules say.
    monitor: bool,
    /// Doors that somebody listens at, by port.
    doors: Vec<Door>,
    /// Doors that rules let in to, and nobody listens at.
    idle: Vec<Idle>,
    /// What keeps the list from being whole.
    caveats: Vec<String>,
}

impl Doors {
    /// Looks at the host: its sockets, its addresses, and what `config`'s records tell of knocks.
    ///
    /// # Errors
    /// When the kernel's list of sockets can't be read.
    pub fn look(config: &Config) -> io::Result<Self> {
        let mut caveats = Vec::new();
        let found = sockets::listening()?;
        if found.unknown > 0 {
            let why = if rustix::process::geteuid().is_root() {
                "they belong to the kernel, or to processes out of sight"
            } else {
                "only root sees whose they are"
            };
            caveats.push(format!("sockets whose process is unknown: {}; {why}", found.unknown));
        }
        let published = published::doors().unwrap_or_else(|why| {
            caveats.push(why);
            Vec::new()
        });
        let since = Timestamp::now().checked_sub((DAYS * 24).hours()).unwrap_or(Timestamp::UNIX_EPOCH);
        let knocks = knocks(&config.log.directory, since).unwrap_or_else(|error| {
            caveats.push(format!("who knocked is unknown: {error}"));
            Knocks::default()
        });
        let host = Host::look();
        let ruleset = &config.ruleset;
        let mut doors = Door::of_sockets(found.sockets, |socket| host.reach(ruleset, socket));
        doors.extend(published.into_iter().map(|published| {
            let reach = reach::forwarded(ruleset, &published);
            Door::of_published(published, reach)
        }));
        doors.sort_by_key(|door| (door.name.port, door.name.protocol.0));
        for door in &mut doors {
            door.knocks = knocks.at(door.name.port, door.name.protocol);
        }
        let idle = idle(ruleset, &doors);
        Ok(Self { monitor: config.mode == Mode::Monitor, doors, idle, caveats })
    }

    /// Whether a door is open to everyone that no rule names.
    pub fn any_unmeant(&self) -> bool {
        self.doors.iter().any(|door| door.reach.is_unmeant())
    }
}

/// Where packets to this host can arrive.
#[derive(Debug)]
struct Host {
    addresses: Vec<(InterfaceName, IpAddr)>,
}

impl Host {
    fn look() -> Self {
        let addresses = nix::ifaddrs::getifaddrs().map(|all| {
            all.filter_map(|entry| {
                let address = entry.address?;
                let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
                let ip = v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))?;
                Some((InterfaceName::new(&entry.interface_name)?, ip)).filter(|_| !ip.is_loopback())
            })
            .collect()
        });
        // Without them rules on interfaces and addresses can't be told apart, which `reach` says.
        Self { addresses: addresses.unwrap_or_default() }
    }

    /// Who reaches a socket, over all interfaces and the addresses that it listens at.
    fn reach(&self, ruleset: &Ruleset, socket: &Socket) -> Reach {
        if socket.address.is_loopback() {
            return Reach::this_host();
        }
        let interfaces: BTreeSet<&str> = self.addresses.iter().map(|(name, _)| name.as_str()).collect();
        let listens = |address: &IpAddr| match socket.address {
            any if any.is_unspecified() => address.is_ipv4() == any.is_ipv4() || socket.both_families,
            own => own == *address,
        };
        let mut destinations: BTreeSet<IpAddr> =
            self.addresses.iter().map(|(_, address)| *address).filter(listens).collect();
        if !socket.address.is_unspecified() {
            destinations.insert(socket.address);
        }
        let mut reach = Reach::default();
        for interface in interfaces.iter().filter_map(|name| InterfaceName::new(name)) {
            for &destination in &destinations {
                let to = Whom { hook: Hook::Input, interface: Some(interface), destination };
                reach.add(ruleset, to, socket.protocol, socket.port);
            }
        }
        reach
    }
}

/// Ports that rules name and accept, and nobody listens at.
fn idle(ruleset: &Ruleset, doors: &[Door]) -> Vec<Idle> {
    let mut idle = Vec::new();
    let accepts =
        ruleset.rules.iter().filter(|rule| rule.action == Action::Accept && rule.applies_at(Hook::Input));
    for rule in accepts {
        let Some(ports) = &rule.matches.port else { continue };
        let count: u32 = ports.ranges().iter().map(|&(first, last)| u32::from(last - first) + 1).sum();
        if count > MOST_NAMED {
            continue;
        }
        for protocol in [Protocol::TCP, Protocol::UDP] {
            if rule.matches.protocol.as_ref().is_some_and(|set| !set.contains(protocol.0)) {
                continue;
            }
            for port in ports.ranges().iter().flat_map(|&(first, last)| first..=last) {
                let name = DoorName { port, protocol };
                let listened = doors.iter().any(|door| door.name == name);
                let told = idle.iter().any(|idle: &Idle| idle.name == name);
                if !listened && !told {
                    idle.push(Idle { name, rule: rule.name.to_string(), place: rule.place.to_string() });
                }
            }
        }
    }
    // A service that speaks one protocol of two is no mistake: QUIC beside TLS, for one.
    let spoken = |port: u16| doors.iter().any(|door| door.name.port == port);
    idle.retain(|idle| !spoken(idle.name.port));
    idle.sort_by_key(|idle| (idle.name.port, idle.name.protocol.0));
    idle
}

#[cfg(test)]
mod tests;
