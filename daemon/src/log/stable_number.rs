//! Numbers that stay the same for the same thing, across restarts and machines.

use std::net::IpAddr;

use portcullis_rules::{Headers, Ports, Protocol};

/// Where rule numbers begin: far above the ranges that public rule sets use
/// (<https://sidallocation.org>), and within 31 bits.
const FIRST_SIGNATURE: u32 = 1_000_000_000;
const SIGNATURES: u64 = 1_000_000_000;
/// What fits a JSON number that a reader keeps as a double.
const FLOW_BITS: u64 = (1 << 53) - 1;

/// The number of a flow: the same in both directions.
pub(crate) fn flow_id(headers: &Headers) -> u64 {
    let Headers { source, destination, protocol, .. } = headers;
    let Ports { source: from, destination: to } =
        headers.ports().unwrap_or(Ports { source: 0, destination: 0 });
    let (a, b) = ((*source, from), (*destination, to));
    hash_flow(a.min(b), a.max(b), *protocol) & FLOW_BITS
}

/// The number of a rule's name, from 1,000,000,000 to 1,999,999,999.
pub(crate) fn signature_id(name: &str) -> u32 {
    let offset = fnv1a(name.bytes()) % SIGNATURES;
    u32::try_from(offset).map_or(FIRST_SIGNATURE, |offset| FIRST_SIGNATURE + offset)
}

fn hash_flow(low: (IpAddr, u16), high: (IpAddr, u16), protocol: Protocol) -> u64 {
    let octets = |(address, port): (IpAddr, u16)| {
        let address = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        address.octets().into_iter().chain(port.to_be_bytes())
    };
    fnv1a(octets(low).chain(octets(high)).chain([protocol.0]))
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): short, and the same everywhere.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sample;

    #[test]
    fn a_flow_has_one_number_in_both_directions() {
        let there = sample::tcp("203.0.113.9", 40000, "192.0.2.1", 23).headers.unwrap();
        let back = sample::tcp("192.0.2.1", 23, "203.0.113.9", 40000).headers.unwrap();
        let other = sample::tcp("203.0.113.9", 40001, "192.0.2.1", 23).headers.unwrap();
        assert_eq!(flow_id(&there), flow_id(&back));
        assert_ne!(flow_id(&there), flow_id(&other));
    }

    #[test]
    fn a_name_keeps_its_number() {
        assert_eq!(signature_id("policy input"), 1_231_294_067);
        assert_ne!(signature_id("web"), signature_id("web2"));
    }
}
