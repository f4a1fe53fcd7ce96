//! What the demo needs of the system: root, and three tools.

use std::{env, os::unix::process::CommandExt as _, process::Command};

use super::{error::DemoError, narrator::Narrator};
use crate::hook::find_tool as find;

/// The tools.
const TOOLS: [&str; 3] = ["ip", "nft", "iptables"];

/// A package manager.
struct Installer {
    /// Lists what there is, where that is a step of its own.
    refresh: Option<&'static str>,
    install: &'static str,
    /// The packages of [`TOOLS`].
    packages: [&'static str; 3],
}

const INSTALLERS: [Installer; 4] = [
    Installer {
        refresh: Some("apt-get -q update"),
        install: "apt-get -q -y --no-install-recommends install",
        packages: ["iproute2", "nftables", "iptables"],
    },
    Installer { refresh: None, install: "dnf -y install", packages: ["iproute", "nftables", "iptables-nft"] },
    Installer {
        refresh: None,
        install: "pacman --noconfirm -Sy --needed",
        packages: ["iproute2", "nftables", "iptables"],
    },
    Installer {
        refresh: None,
        install: "zypper --non-interactive install",
        packages: ["iproute2", "nftables", "iptables"],
    },
];

/// Becomes the same command under sudo; returns only if that is not to be.
pub(super) fn again_as_root() -> DemoError {
    let (Some(sudo), Ok(me)) = (find("sudo"), env::current_exe()) else { return DemoError::NotRoot };
    eprintln!("network namespaces need root: sudo {} demo", me.display());
    DemoError::Sudo(Command::new(sudo).arg("--").arg(me).args(env::args_os().skip(1)).exec())
}

/// Installs what is missing of the tools, after saying so.
pub(super) fn require(narrator: &Narrator) -> Result<(), DemoError> {
    let lacking = missing();
    if lacking.is_empty() {
        return Ok(());
    }
    let Some(installer) = INSTALLERS.iter().find(|installer| find(program(installer.install)).is_some())
    else {
        return Err(DemoError::Missing(lacking));
    };
    let wanted = TOOLS.iter().zip(installer.packages).filter(|(tool, _)| lacking.contains(tool));
    let packages: Vec<&str> = wanted.map(|(_, package)| package).collect();
    let command = format!("{} {}", installer.install, packages.join(" "));
    narrator.say(&format!("{} not found; installing: {command}", lacking.join(", ")))?;
    // An old list may do as well.
    installer.refresh.map(run);
    run(&command);
    match missing() {
        lacking if lacking.is_empty() => Ok(()),
        tools => Err(DemoError::NotInstalled { tools, command }),
    }
}

fn missing() -> Vec<&'static str> {
    TOOLS.into_iter().filter(|tool| find(tool).is_none()).collect()
}

fn program(command: &str) -> &str {
    command.split(' ').next().unwrap_or_default()
}

/// Runs a command, whatever comes of it.
fn run(command: &str) {
    let Some(program) = find(program(command)) else { return };
    let arguments = command.split(' ').skip(1);
    let _ = Command::new(program).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
}
