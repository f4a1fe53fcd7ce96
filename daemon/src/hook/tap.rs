//! Rules that tell the recorder, through netfilter's log, what no queue shows.
//!
//! They decide nothing, and cost an accepted packet a comparison or two. The kernel limits how much they
//! tell; without a listener they tell nobody.

/// Before fragments are put together (`NF_IP_PRI_CONNTRACK_DEFRAG` is -400), and before the kernel looks
/// at the addresses.
pub(super) const ARRIVALS: (&str, &str, i32) = ("tap-arrivals", "prerouting", -401);
/// After everybody else: what goes out here goes out.
pub(super) const REFUSALS: (&str, &str, i32) = ("tap-refusals", "output", 250);

/// The chains' rules. Messages go to log group `group`.
pub(super) fn chains(group: u16) -> String {
    let log = format!("log group {group} snaplen 256 queue-threshold 1");
    format!(
        "    chain tap-arrivals {{
        ip frag-off & 0x3fff != 0 goto tap-odd
        ip6 nexthdr {{ 0, 43, 44, 60 }} goto tap-odd
        tcp flags & (fin | syn | rst | ack) == syn goto tap-syn
    }}
    chain tap-odd {{
        iifname \"lo\" accept
        limit rate 200/second burst 100 packets {log}
    }}
    chain tap-syn {{
        iifname \"lo\" accept
        ip saddr {{ 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3 }} limit rate 20/second {log} accept
        fib saddr type local limit rate 20/second {log}
    }}
    chain tap-refusals {{
        oifname \"lo\" accept
        tcp flags & (rst | ack) == rst limit rate 500/second burst 250 packets {log} accept
        tcp flags & (rst | ack) == rst | ack tcp sequence 0 limit rate 500/second burst 250 packets {log} accept
        icmp type destination-unreachable icmp code {{ 2, 3 }} limit rate 500/second burst 250 packets {log} accept
        icmpv6 type destination-unreachable icmpv6 code 4 limit rate 500/second burst 250 packets {log}
    }}
"
    )
}
