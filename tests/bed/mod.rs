//! Three hosts on two wires: `peer` ── `gate` ── `inner`. The firewall runs on the gate.

mod daemon;
mod echo;
mod flow;
mod keeper;
mod namespace;
mod probe;
mod snapshot;

use std::{
    env, fs,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub(crate) use self::{
    daemon::{Daemon, binary, write_config},
    flow::{Flow, Passage},
    keeper::Keeper,
    namespace::Namespace,
    probe::Outcome,
    snapshot::Snapshot,
};

/// An address and a port.
pub(crate) type Door = (IpAddr, u16);

/// The gate's addresses on the wire to `peer`, where it calls the interface `outer`.
pub(crate) const GATE: [IpAddr; 2] = addresses(1, 1);
/// The peer's addresses.
pub(crate) const PEER: [IpAddr; 2] = addresses(1, 2);
/// The addresses of the host behind the gate, on the wire that the gate calls `inner`.
pub(crate) const INNER: [IpAddr; 2] = addresses(2, 2);

const WIRES: &str = "
    link add outer netns GATE type veth peer name eth0 netns PEER
    link add inner netns GATE type veth peer name eth0 netns HIDDEN";
const GATE_SIDE: &str = "
    link set lo up
    link set outer up
    link set inner up
    address add 10.77.1.1/24 dev outer
    address add 10.77.2.1/24 dev inner
    address add fd77:1::1/64 dev outer
    address add fd77:2::1/64 dev inner";
const PEER_SIDE: &str = "
    link set lo up
    link set eth0 up
    address add 10.77.1.2/24 dev eth0
    address add fd77:1::2/64 dev eth0
    route add default via 10.77.1.1
    route add ::/0 via fd77:1::1";
const INNER_SIDE: &str = "
    link set lo up
    link set eth0 up
    address add 10.77.2.2/24 dev eth0
    address add fd77:2::2/64 dev eth0
    route add default via 10.77.2.1
    route add ::/0 via fd77:2::1";

/// The hosts of one test, gone when it ends, however it ends.
pub(crate) struct Bed {
    pub(crate) gate: Namespace,
    pub(crate) peer: Namespace,
    pub(crate) inner: Namespace,
    home: TempDir,
}

impl Bed {
    /// `None` where nobody may make namespaces; that is said, and in CI it is a failure.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            let test = thread::current().name().unwrap_or("a test").to_owned();
            assert!(env::var_os("CI").is_none(), "{test} needs root");
            // Not eprintln, which is captured and shown for failures only.
            let _ = writeln!(io::stderr(), "SKIPPED (needs root): {test}");
            return None;
        }
        sweep();
        static BEDS: AtomicU32 = AtomicU32::new(0);
        let bed = BEDS.fetch_add(1, Ordering::Relaxed);
        let name = |host| format!("{NAMES}{}-{bed}-{host}", process::id());
        let bed = Self {
            gate: Namespace::new(name("gate")),
            peer: Namespace::new(name("peer")),
            inner: Namespace::new(name("inner")),
            home: tempfile::tempdir().expect("a directory for the test"),
        };
        let wires = WIRES
            .replace("GATE", bed.gate.name())
            .replace("PEER", bed.peer.name())
            .replace("HIDDEN", bed.inner.name());
        namespace::ip(&[], &wires);
        bed.gate.ip(GATE_SIDE);
        bed.gate.sysctl("net/ipv4/ip_forward", "1");
        bed.gate.sysctl("net/ipv6/conf/all/forwarding", "1");
        bed.peer.ip(PEER_SIDE);
        bed.inner.ip(INNER_SIDE);
        Some(bed)
    }

    /// A wire from `inner` to `peer` that the gate knows nothing of: packets to the peer take it.
    pub(crate) fn join_behind_the_gate(&self) {
        let wire = "link add back netns HIDDEN type veth peer name back netns PEER";
        let wire = wire.replace("PEER", self.peer.name()).replace("HIDDEN", self.inner.name());
        namespace::ip(&[], &wire);
        for (host, number) in [(&self.peer, 1), (&self.inner, 2)] {
            host.ip(&format!(
                "link set back up
                 address add 10.77.3.{number}/24 dev back
                 address add fd77:3::{number}/64 dev back"
            ));
            for interface in ["all", "back", "eth0"] {
                host.sysctl(&format!("net/ipv4/conf/{interface}/rp_filter"), "0");
            }
        }
        self.inner.ip("route add 10.77.1.2 via 10.77.3.1\nroute add fd77:1::2 via fd77:3::1");
    }

    /// A directory of the test's own.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }
}

/// `duration`, or as many times that as `TEST_PATIENCE` says.
pub(crate) fn patience(duration: Duration) -> Duration {
    let factor = env::var("TEST_PATIENCE").map_or(1, |n| n.parse().expect("TEST_PATIENCE is a number"));
    duration * factor
}

/// Asks every few milliseconds until there is an answer, for `limit` at most.
pub(crate) fn eventually<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience(limit);
    loop {
        match ask() {
            None if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
            answer => return answer,
        }
    }
}

/// Begins the name of every namespace of ours; the number of the test's process follows.
const NAMES: &str = "portcullis-test-";

/// Removes what test processes left that were killed before they could.
fn sweep() {
    let Ok(namespaces) = fs::read_dir("/run/netns") else { return };
    for name in namespaces.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = name.strip_prefix(NAMES).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            namespace::delete(&name);
        }
    }
}

const fn addresses(wire: u8, host: u8) -> [IpAddr; 2] {
    [
        IpAddr::V4(Ipv4Addr::new(10, 77, wire, host)),
        IpAddr::V6(Ipv6Addr::new(0xfd77, wire as u16, 0, 0, 0, 0, 0, host as u16)),
    ]
}
