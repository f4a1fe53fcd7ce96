//! A server that sends back what it receives.

use std::{
    io::{self, Read, Write},
    net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Serves until it is dropped.
pub(super) struct Echo {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Listens on `port` in the namespace of the calling thread.
    pub(super) fn start(port: u16) -> Self {
        let any = (Ipv6Addr::UNSPECIFIED, port); // both families: v6only is off
        let tcp = TcpListener::bind(any).expect("the port is free in its namespace");
        let udp = UdpSocket::bind(any).expect("the port is free in its namespace");
        tcp.set_nonblocking(true).expect("a socket");
        udp.set_nonblocking(true).expect("a socket");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = Some(thread::spawn(move || serve(&tcp, &udp, &stopped)));
        Self { stop, thread }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the echo server failed");
    }
}

/// How long the end of the bed may wait for its servers.
const NOTICE_STOP: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

fn serve(tcp: &TcpListener, udp: &UdpSocket, stop: &AtomicBool) {
    let mut streams: Vec<TcpStream> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut waiting = vec![PollFd::new(tcp, PollFlags::IN), PollFd::new(udp, PollFlags::IN)];
        waiting.extend(streams.iter().map(|stream| PollFd::new(stream, PollFlags::IN)));
        let _: io::Result<usize> = poll(&mut waiting, Some(&NOTICE_STOP)).map_err(io::Error::from);
        if let Ok((stream, _)) = tcp.accept() {
            stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
            streams.push(stream);
        }
        let mut datagram = [0; 2048];
        if let Ok((length, sender)) = udp.recv_from(&mut datagram) {
            // A refused answer is the firewall's business, and the prober's to notice.
            let _ = udp.send_to(&datagram[..length], sender);
        }
        streams.retain_mut(|stream| repeat(stream).is_ok());
    }
}

/// Sends back what is there to read; an error ends the connection.
fn repeat(stream: &mut TcpStream) -> io::Result<()> {
    let mut text = [0; 2048];
    match stream.read(&mut text) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => stream.write_all(&text[..length]),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
