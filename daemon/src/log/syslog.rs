//! Packets in syslog, as the kernel's own `log` statement writes them (`net/netfilter/nf_log_syslog.c`):
//! psad, fail2ban and CrowdSec read those lines, and take them from the program `kernel` only.

mod frame;

use std::{
    fmt::Write as _,
    io,
    net::IpAddr,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};

use self::frame::Cards;
use super::{Drop, Record};

/// Where syslog listens.
pub(super) const SYSLOG: &str = "/dev/log";
/// Facility kern (0), severity warning (4); RFC 3164, section 4.1.1.
const PRIORITY: &str = "<4>";

/// The system's log. Lines that it has no room for are lost: nobody waits for it.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: UnixDatagram,
    path: PathBuf,
    zone: TimeZone,
    cards: Cards,
}

impl Syslog {
    /// The log that listens at `path`, now or later; its times are local.
    ///
    /// # Errors
    /// When there can be no socket.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path: path.to_owned(), zone: TimeZone::system(), cards: Cards::default() })
    }

    /// Writes a packet's line.
    ///
    /// # Errors
    /// When nobody listens, or there is no room.
    pub(super) fn send(&mut self, record: &Record) -> io::Result<()> {
        let time = record.timestamp.to_zoned(self.zone.clone()).strftime("%b %e %H:%M:%S").to_string();
        // The kernel's messages carry its own clock, and some patterns want it (`__kernel_prefix` of fail2ban).
        let clock = clock_gettime(ClockId::Monotonic);
        let (seconds, micros) = (clock.tv_sec, clock.tv_nsec / 1000);
        let card = record.in_iface.as_deref().and_then(|name| self.cards.address(name, record.timestamp));
        let line = kernel_line(record, card);
        let line = format!("{PRIORITY}{time} kernel: [{seconds:5}.{micros:06}] {line}");
        self.socket.send_to(line.as_bytes(), &self.path).map(|_| ())
    }
}

/// The line of one packet, which came in by a card with the hardware address `card`.
fn kernel_line(record: &Record, card: Option<[u8; 6]>) -> String {
    let metadata = &record.alert.metadata;
    let action = metadata.would.as_ref().map_or_else(
        || record.verdict.action.to_uppercase(),
        |would| format!("WOULD-{}", would.to_uppercase()),
    );
    let name = |name: Option<&String>| name.map(|name| harmless(name)).unwrap_or_default();
    let mut line = format!(
        "portcullis {} {}: IN={} OUT={} ",
        harmless(&action),
        harmless(&record.alert.signature),
        name(record.in_iface.as_ref()),
        name(metadata.out_iface.as_ref())
    );
    if record.in_iface.is_some() {
        // Where there is none the kernel writes the word all the same.
        let frame = card.and_then(|card| frame::header(record, card)).unwrap_or_default();
        let _ = write!(line, "MAC={frame} ");
    }
    let none = Drop::default();
    let drop = record.drop.as_ref().unwrap_or(&none);
    // Writing to a string does not fail.
    let _ = addresses(&mut line, record, drop).and_then(|()| transport(&mut line, record, drop));
    line.truncate(line.trim_end().len());
    line
}

fn addresses(line: &mut String, record: &Record, drop: &Drop) -> std::fmt::Result {
    let (Some(source), Some(destination)) = (record.src_ip, record.dest_ip) else {
        return write!(line, "LEN={} ", drop.len.unwrap_or(0));
    };
    write!(line, "SRC={} DST={} LEN={} ", Padded(source), Padded(destination), drop.len.unwrap_or(0))?;
    match (source, drop.tos, drop.ttl) {
        (IpAddr::V4(_), Some(tos), Some(ttl)) => {
            // IPTOS_TOS_MASK and IPTOS_PREC_MASK of <netinet/ip.h>.
            let (service, precedence) = (tos & 0x1e, tos & 0xe0);
            let id = drop.ipid.unwrap_or(0);
            write!(line, "TOS=0x{service:02X} PREC=0x{precedence:02X} TTL={ttl} ID={id} ")
        }
        (IpAddr::V6(_), ..) => {
            let (class, limit) = (drop.tc.unwrap_or(0), drop.hoplimit.unwrap_or(0));
            write!(line, "TC={class} HOPLIMIT={limit} FLOWLBL={} ", drop.flowlbl.unwrap_or(0))
        }
        _ => Ok(()),
    }
}

fn transport(line: &mut String, record: &Record, drop: &Drop) -> std::fmt::Result {
    let Some(protocol) = record.proto.as_deref() else { return Ok(()) };
    let protocol = match protocol {
        "IPv6-ICMP" => "ICMPv6".to_owned(),
        // The kernel has no leading zeros.
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            number.trim_start_matches('0').to_owned()
        }
        name => harmless(name),
    };
    write!(line, "PROTO={protocol} ")?;
    if let (Some(from), Some(to)) = (record.src_port, record.dest_port) {
        write!(line, "SPT={from} DPT={to} ")?;
    }
    if let Some(window) = drop.tcpwin {
        // The kernel shows the bits as they stand in the header's word, shifted by 22.
        write!(line, "WINDOW={window} RES=0x{:02x} ", (drop.tcpres.unwrap_or(0) & 0x0f) << 2)?;
        for (flag, set) in [
            ("URG", drop.urg),
            ("ACK", drop.ack),
            ("PSH", drop.psh),
            ("RST", drop.rst),
            ("SYN", drop.syn),
            ("FIN", drop.fin),
        ] {
            if set == Some(true) {
                write!(line, "{flag} ")?;
            }
        }
        write!(line, "URGP={} ", drop.tcpurgp.unwrap_or(0))?;
    }
    if let Some(length) = drop.udplen {
        write!(line, "LEN={length} ")?;
    }
    if let (Some(kind), Some(code)) = (record.icmp_type, record.icmp_code) {
        write!(line, "TYPE={kind} CODE={code} ")?;
        if let (Some(id), Some(sequence)) = (drop.icmp_id, drop.icmp_seq) {
            write!(line, "ID={id} SEQ={sequence} ")?;
        }
    }
    Ok(())
}

/// A word that can't be taken for a part of the line, or for another line.
fn harmless(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    text.chars().take(64).map(|c| if safe(c) { c } else { '_' }).collect()
}

/// The kernel writes IPv6 addresses in full.
struct Padded(IpAddr);

impl std::fmt::Display for Padded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => {
                let groups = v6.segments().map(|group| format!("{group:04x}"));
                f.write_str(&groups.join(":"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{
        describe,
        sample::{EVERY, by, echo, malformed, monitored, tcp, udp},
    };

    #[test]
    fn lines_are_the_kernels() {
        let line = |event| kernel_line(&describe(&event, "id".to_owned()), Some([2, 0, 0, 0, 0, 1]));
        for (event, expected) in [
            (
                tcp("203.0.113.9", 40000, "192.0.2.1", 23),
                "portcullis DROP policy_input: IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:09:08:00 SRC=203.0.113.9 \
                 DST=192.0.2.1 LEN=60 TOS=0x08 PREC=0x00 TTL=57 ID=4660 PROTO=TCP SPT=40000 DPT=23 WINDOW=64240 RES=0x00 SYN URGP=0",
            ),
            (
                udp("2001:db8::7", 40000, "2001:db8:1::1", 161),
                "portcullis DROP policy_input: IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:09:86:dd SRC=2001:0db8:0000:0000:0000:0000:0000:0007 \
                 DST=2001:0db8:0001:0000:0000:0000:0000:0001 LEN=60 TC=8 HOPLIMIT=57 FLOWLBL=4660 PROTO=UDP SPT=40000 \
                 DPT=161 LEN=40",
            ),
            (
                monitored(by(EVERY, echo("203.0.113.9", "192.0.2.1"))),
                "portcullis WOULD-REJECT every: IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:09:08:00 SRC=203.0.113.9 \
                 DST=192.0.2.1 LEN=60 TOS=0x08 PREC=0x00 TTL=57 ID=4660 PROTO=ICMP TYPE=8 CODE=0 ID=17 SEQ=2",
            ),
            (malformed(), "portcullis DROP malformed_packet: IN=eth0 OUT= MAC= LEN=7"),
        ] {
            assert_eq!(line(event), expected);
        }
    }

    #[test]
    fn a_line_arrives_whole_and_names_cannot_forge_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut record = describe(&tcp("203.0.113.9", 40000, "192.0.2.1", 23), "id".to_owned());
        record.in_iface = Some("none0".to_owned());
        record.alert.signature = "x SRC=192.0.2.66\nkernel: IN=".to_owned();
        Syslog { zone: TimeZone::UTC, ..Syslog::at(&path).unwrap() }.send(&record).unwrap();
        let mut datagram = [0; 4096];
        let length = daemon.recv(&mut datagram).unwrap();
        let text = String::from_utf8_lossy(&datagram[..length]);
        let (start, rest) = text.split_once("] ").unwrap();
        let clock =
            start.strip_prefix("<4>Nov 23 08:26:45 kernel: [").map(|clock| clock.trim_start().parse::<f64>());
        assert!(clock.is_some_and(|clock| clock.is_ok()), "{text:?}");
        // This host has no such card.
        let line = "portcullis DROP x_SRC_192.0.2.66_kernel__IN_: IN=none0 OUT= MAC= SRC=203.0.113.9 ";
        assert!(rest.starts_with(line) && !text.contains('\n'), "{text:?}");
    }
}
