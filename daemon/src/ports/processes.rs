//! Which process holds which socket, and which unit it belongs to.

use std::collections::HashMap;

use procfs::process::{FDTarget, all_processes};

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// Its own name, which it may choose.
    pub(super) name: String,
    /// Its systemd unit.
    pub(super) unit: Option<String>,
}

/// Processes by the inode of the sockets that they hold, as far as we may look. Of several that
/// share a socket, as a server and its workers do, the oldest: it opened the socket.
pub(super) fn by_socket() -> HashMap<u64, Vec<Process>> {
    let mut holders: HashMap<u64, Process> = HashMap::new();
    // A process may end at any step; then it holds nothing.
    for process in all_processes().into_iter().flatten().flatten() {
        let Ok(descriptors) = process.fd() else { continue };
        let sockets: Vec<u64> = descriptors
            .flatten()
            .filter_map(|descriptor| match descriptor.target {
                FDTarget::Socket(inode) => Some(inode),
                _ => None,
            })
            .collect();
        if sockets.is_empty() {
            continue;
        }
        let Ok(stat) = process.stat() else { continue };
        let unit =
            process.cgroups().ok().and_then(|groups| groups.0.iter().find_map(|group| unit(&group.pathname)));
        for inode in sockets {
            let holder = Process { pid: stat.pid, name: stat.comm.clone(), unit: unit.clone() };
            holders
                .entry(inode)
                .and_modify(|known| {
                    if holder.pid < known.pid {
                        *known = holder.clone()
                    }
                })
                .or_insert(holder);
        }
    }
    holders.into_iter().map(|(inode, process)| (inode, vec![process])).collect()
}

/// `/system.slice/ssh.service` is of `ssh.service`; a container's scope is a unit, too.
fn unit(group: &str) -> Option<String> {
    let is_unit =
        |part: &&str| part.ends_with(".service") || part.ends_with(".scope") || part.ends_with(".socket");
    group.split('/').rev().find(is_unit).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn a_unit_is_the_innermost_of_a_group() {
        let of = |group| unit(group);
        assert_eq!(of("/system.slice/ssh.service").as_deref(), Some("ssh.service"));
        assert_eq!(
            of("/user.slice/user-0.slice/user@0.service/app.slice/x.service").as_deref(),
            Some("x.service")
        );
        assert_eq!(of("/system.slice/docker-0123.scope/inner").as_deref(), Some("docker-0123.scope"));
        assert_eq!(of("/"), None);
    }
}
