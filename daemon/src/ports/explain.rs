//! What a door is, for somebody who has never thought about it.

use std::fmt::Write as _;

use portcullis_config::port_name;
use portcullis_rules::Protocol;

use super::{DoorName, Doors, show};

/// What the best-known services do.
const PURPOSES: [(&str, &str); 20] = [
    ("ssh", "remote logins and file copies"),
    ("http", "web pages without encryption"),
    ("https", "web pages over TLS, and over UDP as HTTP/3"),
    ("smtp", "mail from other mail servers"),
    ("submission", "mail from a person's mail program"),
    ("submissions", "mail from a person's mail program, over TLS"),
    ("imap", "reading mail"),
    ("imaps", "reading mail, over TLS"),
    ("domain", "questions for names (DNS)"),
    ("ntp", "the time"),
    ("mysql", "a database, rarely meant for strangers"),
    ("postgresql", "a database, rarely meant for strangers"),
    ("redis", "a store that often asks for no password"),
    ("rdp", "remote desktops"),
    ("vnc", "remote desktops"),
    ("smb", "Windows file shares, rarely meant for strangers"),
    ("telnet", "logins that anybody on the way can read"),
    ("ftp", "file copies that anybody on the way can read"),
    ("mdns", "finding devices on the same wire"),
    ("wireguard", "a private network (VPN)"),
];

/// Three sentences: what the number stands for, who stands behind it here, and who may come in.
pub(super) fn explain(doors: &Doors, name: DoorName) -> String {
    let protocol = if name.protocol == Protocol::TCP { "TCP" } else { "UDP" };
    let class = match name.port {
        0..1024 => "a well-known number, which only root may listen at",
        1024..49152 => "a registered number",
        49152.. => "a number for temporary use",
    };
    let mut text = format!("Port {} of {protocol} is {class}", name.port);
    // Writing to a string does not fail.
    let _ = match port_name(name.port) {
        Some(service) => {
            let purpose = PURPOSES.iter().find(|(known, _)| *known == service);
            let purpose = purpose.map(|(_, purpose)| format!(": {purpose}")).unwrap_or_default();
            write!(text, "; it usually stands for {service}{purpose}.")
        }
        None => write!(text, "; no service is known by it."),
    };
    let here: Vec<_> = doors.doors.iter().filter(|door| door.name == name).collect();
    if here.is_empty() {
        let rule = doors.idle.iter().find(|idle| idle.name == name);
        text += " Nobody on this host listens there, so a knock that is let in is answered by the kernel: closed.";
        let _ = match rule {
            Some(idle) => write!(
                text,
                " Rule \"{}\" ({}) would let somebody in, for nothing.",
                show::safe(&idle.rule),
                idle.place
            ),
            None => write!(text, " No rule names it."),
        };
        return text + "\n";
    }
    for door in here {
        let _ = write!(text, " Here {} listens at {}.", show::who(door), show::addresses(door));
        let _ = write!(text, " Open to: {}.", show::open_to(doors, door, 8));
        if let Some(knocks) = show::knocked(door) {
            let _ = write!(text, " In the last {} days it was tried {knocks}.", super::DAYS);
        }
    }
    text + "\n"
}
