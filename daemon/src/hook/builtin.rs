//! What always passes, whatever the rules say: without these a host is not on the network at all.

use portcullis_rules::Hook;

/// One of the built-in passes.
#[derive(Debug, Clone, Copy)]
pub struct BuiltinPass {
    /// What passes, in plain words.
    pub what: &'static str,
    /// Why it has to.
    pub why: &'static str,
    /// The hooks where it passes.
    pub hooks: &'static [Hook],
    /// The kernel rule's match, in nft's words.
    pub nft: &'static str,
}

const LOCAL: &[Hook] = &[Hook::Input, Hook::Output];
const INPUT: &[Hook] = &[Hook::Input];
const OUTPUT: &[Hook] = &[Hook::Output];
const EVERY: &[Hook] = &Hook::ALL;

/// The built-in passes, in the order of the kernel rules.
pub const BUILTIN: [BuiltinPass; 12] = [
    BuiltinPass {
        what: "loopback",
        why: "programs of this host talk to each other over it",
        hooks: INPUT,
        nft: "iifname \"lo\"",
    },
    BuiltinPass {
        what: "loopback",
        why: "programs of this host talk to each other over it",
        hooks: OUTPUT,
        nft: "oifname \"lo\"",
    },
    BuiltinPass {
        what: "ICMP errors of known flows",
        why: "path MTU discovery and unreachable hosts (RFC 1122, 3.2.2)",
        hooks: EVERY,
        nft: "ct state related icmp type { destination-unreachable, time-exceeded, parameter-problem }",
    },
    BuiltinPass {
        what: "ICMPv6 errors of known flows",
        why: "path MTU discovery and unreachable hosts (RFC 4890, 4.3.1)",
        hooks: EVERY,
        nft: "ct state related icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
    },
    BuiltinPass {
        what: "resets that the kernel sends for a refused packet",
        why: "a reject or a cut must reach the one it is for",
        hooks: OUTPUT,
        nft: "ct state related meta l4proto tcp tcp flags & rst == rst",
    },
    BuiltinPass {
        what: "IPv6 neighbour and router discovery, hop limit 255",
        why: "IPv6 does not work without it (RFC 4861, 7.1)",
        hooks: LOCAL,
        nft: "ip6 hoplimit 255 icmpv6 type 133-137",
    },
    BuiltinPass {
        what: "IPv6 multicast listener discovery",
        why: "switches forward neighbour discovery by it (RFC 2710, RFC 3810)",
        hooks: LOCAL,
        nft: "ip6 saddr { ::, fe80::/10 } icmpv6 type { 130-132, 143 }",
    },
    BuiltinPass {
        what: "IGMP",
        why: "switches forward multicast by it (RFC 3376)",
        hooks: LOCAL,
        nft: "ip daddr 224.0.0.0/4 meta l4proto igmp",
    },
    BuiltinPass {
        what: "DHCPv4 replies to this host",
        why: "its address would expire (RFC 2131)",
        hooks: INPUT,
        nft: "meta nfproto ipv4 udp sport 67 udp dport 68",
    },
    BuiltinPass {
        what: "DHCPv4 requests of this host",
        why: "its address would expire (RFC 2131)",
        hooks: OUTPUT,
        nft: "meta nfproto ipv4 udp sport 68 udp dport 67",
    },
    BuiltinPass {
        what: "DHCPv6 replies to this host",
        why: "its address would expire (RFC 8415)",
        hooks: INPUT,
        nft: "ip6 saddr fe80::/10 udp sport 547 udp dport 546",
    },
    BuiltinPass {
        what: "DHCPv6 requests of this host",
        why: "its address would expire (RFC 8415)",
        hooks: OUTPUT,
        nft: "ip6 saddr fe80::/10 udp sport 546 udp dport 547",
    },
];
