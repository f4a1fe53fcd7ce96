//! Connections: many short ones, or a few that carry much.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, SockRef, Socket, Type};

/// Connections that are open at the same time.
const AT_ONCE: usize = 64;

/// Takes connections on `port` for `time`, and sends back the first byte of each.
pub(crate) fn serve(port: u16, time: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    for _ in 0..AT_ONCE {
        let listener = listener.try_clone()?;
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that has given up is the client's affair.
                let _ = stream.and_then(|mut stream| {
                    let mut byte = [0];
                    stream.read_exact(&mut byte)?;
                    stream.write_all(&byte)?;
                    stream.read(&mut byte)
                });
            }
        });
    }
    thread::sleep(time);
    Ok(())
}

/// Opens connections for `time`, a byte each way, and prints how many came about in a second.
pub(crate) fn connect(to: SocketAddr, time: Duration) -> io::Result<()> {
    let begun = Instant::now();
    let client = move || {
        let mut exchanges = 0u32;
        while begun.elapsed() < time {
            exchanges += u32::from(exchange(to).is_ok());
        }
        exchanges
    };
    let clients: Vec<_> = (0..AT_ONCE).map(|_| thread::spawn(client)).collect();
    let exchanges: u32 = clients.into_iter().filter_map(|client| client.join().ok()).sum();
    println!("{:.0}", f64::from(exchanges) / begun.elapsed().as_secs_f64());
    Ok(())
}

fn exchange(to: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(2))?;
    // A reset at the end: ports that wait for stragglers would run out.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"?")?;
    stream.read_exact(&mut [0])
}

/// Takes connections on `port`, and reads until it is killed.
pub(crate) fn sink(port: u16) -> io::Result<()> {
    for stream in TcpListener::bind(("0.0.0.0", port))?.incoming() {
        let mut stream = stream?;
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 18];
            while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
    }
    Ok(())
}

/// Writes into so many connections for `time`, each with this congestion control, and prints how many bytes a
/// second were taken.
pub(crate) fn bulk(to: SocketAddr, streams: usize, time: Duration, congestion: &str) -> io::Result<()> {
    let begun = Instant::now();
    let write = move |congestion: &[u8]| {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        // Before it is connected: a socket that BBR has begun with goes on at a pace of its own.
        socket.set_tcp_congestion(congestion)?;
        socket.connect_timeout(&to.into(), Duration::from_secs(2))?;
        let mut stream = TcpStream::from(socket);
        let buffer = vec![0; 1 << 17];
        let mut written = 0;
        while begun.elapsed() < time {
            written += stream.write(&buffer)?;
        }
        Ok::<usize, io::Error>(written)
    };
    let writers: Vec<_> = (0..streams)
        .map(|_| {
            let congestion = congestion.as_bytes().to_vec();
            thread::spawn(move || write(&congestion))
        })
        .collect();
    let written = writers.into_iter().map(|writer| writer.join().unwrap_or(Ok(0)));
    let written: usize = written.collect::<io::Result<Vec<_>>>()?.iter().sum();
    println!("{:.0}", written as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}
