//! A flow that lasts, held at both ends.

use std::{
    io::{ErrorKind, Read, Write},
    iter,
    net::SocketAddr,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use super::{Door, Namespace, patience};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The other end has it.
    Arrived,
    /// The connection is broken, and the sender knows.
    Reset,
    /// Neither of that.
    Lost,
}

pub(crate) struct Flow {
    client: Socket,
    server: Socket,
    sent: u8,
}

impl Flow {
    /// A connection from `client` to `to`, an address of `server`.
    pub(crate) fn tcp(client: &Namespace, server: &Namespace, to: Door) -> Self {
        Self::tcp_translated(client, server, to, to)
    }

    /// The same where `to` becomes `real`, an address of `server`, on the way.
    pub(crate) fn tcp_translated(client: &Namespace, server: &Namespace, to: Door, real: Door) -> Self {
        let to = SocketAddr::from(to);
        let listener = server.run(|| bound(Type::STREAM, real.into()));
        listener.listen(1).expect("a socket");
        let client = client.run(|| {
            let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
            socket.connect_timeout(&to.into(), patience(ARRIVAL)).expect("the flow is allowed to begin");
            socket
        });
        let (server, _) = listener.accept().expect("the connection that was just made");
        Self::between(client, server)
    }

    /// Datagrams between `client` and `to`, an address of `server`; the first has arrived.
    pub(crate) fn udp(client: &Namespace, server: &Namespace, to: Door) -> Self {
        let to = SocketAddr::from(to);
        let server = server.run(|| bound(Type::DGRAM, to));
        let client = client.run(|| {
            let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None).expect("a socket");
            socket.connect(&to.into()).expect("there is a route");
            socket.send(&[0]).expect("the flow is allowed to begin");
            socket
        });
        server.set_read_timeout(Some(patience(ARRIVAL))).expect("a socket");
        let (_, sender) = server.recv_from(&mut []).expect("the flow is allowed to begin");
        server.connect(&sender).expect("there is a route back");
        Self::between(client, server)
    }

    fn between(client: Socket, server: Socket) -> Self {
        for end in [&client, &server] {
            end.set_read_timeout(Some(patience(ARRIVAL))).expect("a socket");
        }
        Self { client, server, sent: 0 }
    }

    /// Sends a message from the side that opened the flow.
    pub(crate) fn client_sends(&mut self) -> Passage {
        self.sent = self.sent.wrapping_add(1);
        pass(&self.client, &self.server, &[self.sent])
    }

    /// Sends a message from the side that was called.
    pub(crate) fn server_sends(&mut self) -> Passage {
        self.sent = self.sent.wrapping_add(1);
        pass(&self.server, &self.client, &[self.sent])
    }

    /// Sends `text` from the side that opened the flow.
    pub(crate) fn client_sends_text(&self, text: &str) -> Passage {
        pass(&self.client, &self.server, text.as_bytes())
    }

    /// Sends `text` from the side that was called.
    pub(crate) fn server_sends_text(&self, text: &str) -> Passage {
        pass(&self.server, &self.client, text.as_bytes())
    }

    /// How many of `messages` from either side arrive, sent without waiting.
    pub(crate) fn arrivals_under_load(&self, messages: usize) -> usize {
        for _ in 0..messages {
            for mut end in [&self.client, &self.server] {
                // A refusal is one more message that doesn't arrive.
                let _ = end.write_all(b"load");
            }
        }
        let arrived = |mut end: &Socket| iter::from_fn(|| end.read(&mut [0; 8]).ok()).count();
        arrived(&self.client) + arrived(&self.server)
    }

    /// Both ways, and both arrive.
    pub(crate) fn lives(&mut self) -> bool {
        [self.client_sends(), self.server_sends()] == [Passage::Arrived; 2]
    }
}

/// Longer than TCP's first retransmission.
const ARRIVAL: Duration = Duration::from_millis(600);

fn bound(kind: Type, address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), kind, None).expect("a socket");
    socket.set_reuse_address(true).expect("a socket");
    socket.bind(&address.into()).expect("a free port");
    socket
}

fn pass(mut from: &Socket, mut to: &Socket, message: &[u8]) -> Passage {
    match from.write_all(message) {
        Ok(()) => {}
        // What a local process is told when a packet of its own is dropped on output.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Passage::Lost,
        Err(_) => return Passage::Reset,
    }
    // What was lost before may be sent again and arrive ahead of this message.
    let mut arrived = Vec::new();
    while !arrived.ends_with(message) {
        let mut buffer = [0; 256];
        match to.read(&mut buffer) {
            Ok(0) => return Passage::Reset,
            Ok(length) => arrived.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let broken = from.take_error().expect("a socket").is_some();
                return if broken { Passage::Reset } else { Passage::Lost };
            }
            Err(_) => return Passage::Reset,
        }
    }
    Passage::Arrived
}
