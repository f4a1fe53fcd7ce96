//! A service: it greets whoever connects, and answers every line.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    thread,
};

use super::{
    error::DemoError,
    host::{Host, gate_addresses},
};

/// Opens the service on all addresses of `host`, until the demo ends.
pub(super) fn open(host: &Host, port: u16) -> Result<(), DemoError> {
    // Both families, where there are both: v6only is off.
    let any: IpAddr =
        if gate_addresses().len() == 2 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let listener = host.inside(|| TcpListener::bind((any, port)))?;
    let serve = move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || converse(&client, port));
        }
    };
    thread::Builder::new().spawn(serve).map_err(DemoError::io("cannot start a thread"))?;
    Ok(())
}

fn converse(mut client: &TcpStream, port: u16) -> io::Result<()> {
    writeln!(client, "hello, this is port {port}")?;
    for line in BufReader::new(client).lines() {
        line?;
        writeln!(client, "port {port} still hears you")?;
    }
    Ok(())
}
