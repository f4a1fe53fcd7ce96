//! Datagrams, 64 to a system call: the sender has to be faster than whoever judges them.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};

const SOURCES: u16 = 64;
const DESTINATIONS: u16 = 64;
/// 18 bytes of payload make the smallest frame that Ethernet knows.
const PAYLOAD: usize = 18;
const AT_ONCE: usize = 64;

/// Sends for `time`, at most `rate` packets a second, and prints how many it has sent.
pub(crate) fn blast(to: IpAddr, time: Duration, rate: Option<f64>) -> io::Result<()> {
    let sources = (0..SOURCES).map(|place| {
        let socket = UdpSocket::bind((if to.is_ipv4() { "0.0.0.0" } else { "::" }, 1024 + place * 991))?;
        setsockopt(&socket, UdpGsoSegment, &i32::try_from(PAYLOAD).unwrap_or(0))?;
        Ok(socket)
    });
    let sources = sources.collect::<io::Result<Vec<_>>>()?;
    let flows = (0..DESTINATIONS)
        .flat_map(|port| (0..sources.len()).map(move |source| (source, 2000 + port * 499)))
        .cycle();
    let payload = [0; PAYLOAD * AT_ONCE];
    let (begun, mut sent) = (Instant::now(), 0u32);
    for (source, port) in flows {
        match sources[source].send_to(&payload, SocketAddr::from((to, port))) {
            Ok(_) => sent += 64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // No room on the way: it would have been lost anyway.
            Err(error) if error.raw_os_error() == Some(105) => {}
            Err(error) => return Err(error),
        }
        let elapsed = begun.elapsed();
        if elapsed > time {
            break;
        }
        if let Some(rate) = rate {
            let due = Duration::from_secs_f64(f64::from(sent) / rate);
            thread::sleep(due.saturating_sub(elapsed));
        }
    }
    println!("{sent}");
    Ok(())
}
