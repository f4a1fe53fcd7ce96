//! What is known of port numbers: which ones scanners ask for, and which belong together.

/// Ports from 1024 on that are probed all over the Internet: databases, remote desktops, proxies,
/// cameras, routers, and what botnets spread by.
const PROBED: [u16; 96] = [
    1080, 1099, 1194, 1433, 1434, 1521, 1604, 1723, 1883, 1900, 2000, 2049, 2082, 2083, 2086, 2087, 2181,
    2222, 2323, 2375, 2376, 2379, 3000, 3128, 3299, 3306, 3388, 3389, 3390, 3478, 4022, 4369, 4443, 4444,
    4500, 4786, 4899, 5000, 5001, 5038, 5060, 5061, 5222, 5353, 5357, 5432, 5555, 5601, 5672, 5683, 5800,
    5900, 5901, 5984, 5985, 5986, 6000, 6001, 6379, 6443, 6666, 6667, 7001, 7070, 7547, 8000, 8008, 8009,
    8080, 8081, 8088, 8089, 8090, 8181, 8291, 8443, 8545, 8728, 8834, 8883, 8888, 9000, 9001, 9042, 9090,
    9100, 9200, 9300, 9999, 10000, 11211, 27017, 37215, 50000, 52869, 60001,
];
const FIRST_REGISTERED: u16 = 1024;
/// Where ports for a client's own use begin on Linux (`net.ipv4.ip_local_port_range`).
pub(super) const FIRST_EPHEMERAL: u16 = 32768;

/// The same, and all below 1024, as a bit for each port: it is asked for every contact.
static IS_PROBED: [u64; 1024] = {
    let mut bits = [0; 1024];
    let mut word = 0;
    while word < FIRST_REGISTERED as usize / 64 {
        bits[word] = u64::MAX;
        word += 1;
    }
    let mut next = 0;
    while next < PROBED.len() {
        bits[PROBED[next] as usize / 64] |= 1 << (PROBED[next] % 64);
        next += 1;
    }
    bits
};

/// Whether scanners commonly ask for `port`: one that belongs to a service.
#[inline]
pub(super) fn is_probed(port: u16) -> bool {
    IS_PROBED[usize::from(port / 64)] & 1 << (port % 64) != 0
}

/// How much a closed door with this number says about who tries it.
pub(super) fn weight(port: u16) -> f32 {
    match port {
        _ if is_probed(port) => 1.0,
        ..FIRST_EPHEMERAL => 0.8,
        _ => 0.35,
    }
}

/// Whether a program that asks others may have `port`, and none that is asked does.
#[inline]
pub(super) fn is_nobodys(port: u16) -> bool {
    port >= FIRST_REGISTERED && !is_probed(port)
}

/// Whether honest clients by the hundred ask for `port`, and keep asking when nobody is there any more: mail and
/// who sends it (113), names, time, web, tunnels, messages, and what devices report to (162, 514, 1883, 8883).
pub(super) const fn is_public(port: u16) -> bool {
    matches!(
        port,
        25 | 53
            | 80
            | 110
            | 113
            | 123
            | 143
            | 162
            | 443
            | 465
            | 500
            | 514
            | 587
            | 853
            | 993
            | 995
            | 1194
            | 1883
            | 3478
            | 4500
            | 5222
            | 8883
    )
}

/// The family that `port` belongs to, as a bit; 0 when it has none: ports that one honest client tries one after
/// the other. An encrypted service and its plain twin, the ways into a mailbox, the two names of Windows' shares.
pub(super) const fn family(port: u16) -> u8 {
    match port {
        25 | 110 | 143 | 465 | 587 | 993 | 995 | 2525 | 4190 => 1,
        80 | 443 | 8000 | 8008 | 8080 | 8443 | 8888 => 1 << 1,
        137..=139 | 445 => 1 << 2,
        500 | 1194 | 1701 | 1723 | 4500 | 51820 => 1 << 3,
        53 | 853 | 5353 => 1 << 4,
        389 | 636 | 88 | 464 | 3268 | 3269 => 1 << 5,
        _ => 0,
    }
}

/// How many connections in some minutes are guesses of a password: for a service that asks for one.
/// Mail programs open several connections at once, sessions of a shell are opened one by one.
pub(super) const fn guesses(port: u16) -> Option<f32> {
    match port {
        22 | 23 | 2222 | 2323 | 512..=514 | 3389 | 5900 | 5901 | 5985 | 5986 => Some(15.0),
        21 | 445 | 139 | 1433 | 1521 | 3306 | 5432 | 6379 | 27017 | 1723 | 8291 | 8728 | 5060 | 5061 => {
            Some(20.0)
        }
        25 | 110 | 143 | 465 | 587 | 993 | 995 => Some(40.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probed_ports_are_known() {
        let known = (0..=u16::MAX).filter(|&port| is_probed(port)).count();
        assert_eq!(known, 1024 + PROBED.len(), "each of them once");
        assert!(is_probed(22) && is_probed(3389) && !is_probed(51413));
        assert_eq!(family(143), family(993));
        assert_eq!(family(22), 0);
    }
}
