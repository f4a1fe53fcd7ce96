//! A real port scan: by nmap, or by a loop of our own where there is none.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, getpeername, socket_with},
};

use crate::hook::find_tool;

/// The ports that scanners try first.
pub(super) const PORTS: [u16; 40] = [
    1, 7, 9, 13, 19, 20, 21, 22, 23, 25, 37, 53, 79, 80, 88, 110, 111, 113, 119, 135, 139, 143, 161, 179,
    389, 443, 445, 465, 514, 587, 631, 636, 873, 993, 995, 1433, 1521, 3306, 3389, 5432,
];

/// Ports tried in a second: fewer than the lines that `run --show` prints in one.
const RATE: u32 = 30;

/// What a scan found.
#[derive(Debug)]
pub(super) struct Scan {
    /// What scanned.
    pub(super) tool: &'static str,
    /// The open ports.
    pub(super) open: Vec<u16>,
}

/// Scans `target`.
pub(super) fn run(target: IpAddr) -> io::Result<Scan> {
    Ok(match find_tool("nmap") {
        Some(nmap) => Scan { tool: "nmap -sS", open: by_nmap(Command::new(nmap), target)? },
        None => Scan { tool: "a connect scan", open: by_connecting(target)? },
    })
}

fn by_nmap(mut nmap: Command, target: IpAddr) -> io::Result<Vec<u16>> {
    let ports: Vec<String> = PORTS.iter().map(u16::to_string).collect();
    if target.is_ipv6() {
        nmap.arg("-6");
    }
    nmap.args(["-n", "-Pn", "-sS", "--max-retries", "0", "--host-timeout", "9s", "-oG", "-"]);
    nmap.args(["--max-rate", &RATE.to_string(), "-p", &ports.join(",")]);
    let output = nmap.arg(target.to_string()).stdin(Stdio::null()).output()?;
    // "Host: 192.0.2.1 ()  Ports: 22/open/tcp//ssh///, …"
    let text = String::from_utf8_lossy(&output.stdout);
    let open = text.split([' ', '\t', '\n']).filter_map(|word| word.split_once("/open/")?.0.parse().ok());
    Ok(open.collect())
}

fn by_connecting(target: IpAddr) -> io::Result<Vec<u16>> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let mut knocking = Vec::new();
    for port in PORTS {
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        match connect(&socket, &SocketAddr::new(target, port)) {
            Ok(()) | Err(Errno::INPROGRESS) => knocking.push((port, socket)),
            Err(error) => return Err(error.into()),
        }
        thread::sleep(Duration::from_secs(1) / RATE);
    }
    thread::sleep(Duration::from_millis(200));
    // Only a connected socket has a peer.
    Ok(knocking.into_iter().filter(|(_, socket)| getpeername(socket).is_ok()).map(|(port, _)| port).collect())
}
