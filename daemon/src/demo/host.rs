//! A host: a network namespace.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    path::Path,
    process::{self, Command, Stdio},
    thread,
};

use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::error::DemoError;
use crate::hook::find_tool;

/// Begins the name of everything of ours; the number of the demo's process follows.
pub(super) const NAMES: &str = "portcullis-demo-";
/// Where `ip netns` keeps them.
const DIRECTORY: &str = "/run/netns";

/// Addresses for documentation (RFC 5737, RFC 3849).
const GATE: [IpAddr; 2] = addresses(1);
const VISITOR: [IpAddr; 2] = addresses(9);

const fn addresses(host: u8) -> [IpAddr; 2] {
    [
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host as u16)),
    ]
}

/// The gate's addresses.
pub(super) fn gate_addresses() -> &'static [IpAddr] {
    families(&GATE)
}

/// The visitor's addresses.
pub(super) fn visitor_addresses() -> &'static [IpAddr] {
    families(&VISITOR)
}

/// What this kernel has of both families.
fn families(both: &[IpAddr; 2]) -> &[IpAddr] {
    if Path::new("/proc/net/if_inet6").exists() { both } else { &both[..1] }
}

/// A host, gone when it is dropped.
#[derive(Debug)]
pub(super) struct Host {
    name: String,
}

impl Host {
    /// A host without any wire.
    pub(super) fn new(role: &str) -> Result<Self, DemoError> {
        let name = format!("{NAMES}{}-{role}", process::id());
        ip(&["netns", "add", &name], "")?;
        let host = Self { name };
        ip(&["-n", &host.name, "link", "set", "lo", "up"], "")?;
        Ok(host)
    }

    /// Two hosts with a wire between them, which both call `eth0`.
    pub(super) fn pair() -> Result<(Self, Self), DemoError> {
        left_behind(Path::new(DIRECTORY)).iter().for_each(|name| delete(name));
        let (gate, visitor) = (Self::new("gate")?, Self::new("visitor")?);
        let wire =
            format!("link add eth0 netns {} type veth peer name eth0 netns {}\n", gate.name, visitor.name);
        ip(&["-batch", "-"], &wire)?;
        gate.plug_in(gate_addresses())?;
        visitor.plug_in(visitor_addresses())?;
        Ok((gate, visitor))
    }

    fn plug_in(&self, addresses: &[IpAddr]) -> Result<(), DemoError> {
        let mut commands = "link set eth0 up\n".to_owned();
        for address in addresses {
            // Without nodad an IPv6 address would be of no use for its first second or two.
            commands += &match address {
                IpAddr::V4(v4) => format!("address add {v4}/24 dev eth0\n"),
                IpAddr::V6(v6) => format!("address add {v6}/64 dev eth0 nodad\n"),
            };
        }
        ip(&["-n", &self.name, "-batch", "-"], &commands)
    }

    /// Does `work` there, in a thread of its own: a socket made or a process started there stays
    /// there, whoever uses it later.
    pub(super) fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send,
    ) -> Result<T, DemoError> {
        let there = || {
            let namespace = File::open(Path::new(DIRECTORY).join(&self.name))?;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        };
        let done = thread::scope(|scope| scope.spawn(there).join());
        done.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            .map_err(DemoError::io("within a network namespace"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

/// What is called after a demo in `directory` that was killed before it could clean up.
pub(super) fn left_behind(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let ended = |name: &String| {
        let owner = name.strip_prefix(NAMES).and_then(|rest| rest.split('-').next());
        owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
    };
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(ended).collect()
}

/// Ends what still runs in a namespace, and removes it.
fn delete(name: &str) {
    let pids = ip_command(&["netns", "pids", name]).and_then(|mut command| command.output());
    let pids = pids.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    for pid in pids.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::KILL);
    }
    if let Err(error) = ip(&["netns", "delete", name], "") {
        eprintln!("portcullis demo: {error}");
    }
}

fn ip(words: &[&str], input: &str) -> Result<(), DemoError> {
    let fed = || {
        let mut child = ip_command(words)?.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = fed().map_err(DemoError::io("cannot run ip"))?;
    if output.status.success() {
        return Ok(());
    }
    let command = format!("ip {}", words.join(" "));
    Err(DemoError::Refused { command, stderr: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// In a process group of its own: a Ctrl-C is for the demo, which then needs `ip` to clean up.
fn ip_command(words: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(find_tool("ip").ok_or(io::ErrorKind::NotFound)?);
    command.args(words).process_group(0);
    Ok(command)
}
