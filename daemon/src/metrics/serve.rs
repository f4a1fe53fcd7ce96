//! The smallest HTTP server that a scraper needs (RFC 9112): one GET for a connection, then it ends.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::CONTENT_TYPE;

/// A client that is slower than this is sent away.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any scraper sends.
const LONGEST: usize = 8 * 1024;
/// Connections that wait meanwhile do so in the kernel.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Serves what `text` says at `/metrics`, one client at a time, for ever. `ready` is told the
/// address.
///
/// # Errors
/// When the address can't be listened at.
pub fn serve(
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr),
    text: impl Fn() -> String,
) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    ready(listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                // A client that goes away is its own business.
                let _ = answer(stream, &text);
            }
            Err(_) => thread::sleep(PAUSE_AFTER_ERROR),
        }
    }
}

fn answer(mut stream: TcpStream, text: &impl Fn() -> String) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read_request(&mut stream)?;
    let (status, kind, body) = match route(&request) {
        Route::Metrics => ("200 OK", CONTENT_TYPE, text()),
        Route::Nothing => ("404 Not Found", "text/plain", "There is only /metrics here.\n".to_owned()),
        Route::NotAllowed => ("405 Method Not Allowed", "text/plain", "Only GET is understood.\n".to_owned()),
        Route::Nonsense => ("400 Bad Request", "text/plain", "This is not HTTP.\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Metrics,
    Nothing,
    NotAllowed,
    Nonsense,
}

fn route(request: &[u8]) -> Route {
    let line = request.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let &[method, target, version] = words.as_slice() else { return Route::Nonsense };
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    match (method, path) {
        _ if !version.starts_with(b"HTTP/1.") => Route::Nonsense,
        (b"GET", b"/metrics") => Route::Metrics,
        (b"GET", _) => Route::Nothing,
        _ => Route::NotAllowed,
    }
}

/// Everything up to the empty line; bytes that trickle in don't renew our patience.
fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let end = Instant::now() + PATIENCE;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || request.len() > LONGEST {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => request.extend(&buffer[..length]),
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::{net::Shutdown, sync::mpsc::channel};

    use super::*;

    #[test]
    fn answers_a_scraper_and_refuses_the_rest() {
        let (tell, told) = channel();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        thread::spawn(move || serve(any, move |address| tell.send(address).unwrap(), || "x 1\n".to_owned()));
        let address = told.recv().unwrap();
        let ask = |request: &[u8]| {
            let mut stream = TcpStream::connect(address).unwrap();
            // It may have sent us away already.
            let _ = stream.write_all(request).and_then(|()| stream.shutdown(Shutdown::Write));
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        let answer = ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nx 1\n"), "{answer}");
        for (request, status) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"\x16\x03\x01 \r\n\r\n", "400"),
            (b"GET /metrics\r\n\r\n", "400"),
        ] {
            assert!(ask(request).starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}");
        }
        assert_eq!(ask(b"GET /metrics HTTP/1.1\r\n"), "", "it went away in the middle");
        assert_eq!(ask(&[b'x'; 20_000]), "");
        assert!(ask(b"GET /metrics?x=1 HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200"), "it serves on");
    }
}
