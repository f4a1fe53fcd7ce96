//! What the kernel can do: queue, remember, mark.

use std::{fs, path::Path};

use portcullis_config::Config;

use super::Finding;
use crate::{
    conntrack,
    generation::connections,
    hook::{Dialect, Hook, HookError, run_tool},
    mark::MarkLayout,
    queue,
};

/// Older ones have no JSON with numbers, or no `inet` reject.
const OLDEST_NFT: (u32, u32, u32) = (0, 9, 6);

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut found = vec![nft_version(), way_to_the_queue(config), queue_module(queue::STATUS), marks(config)];
    found.extend([connection_of_a_packet(config), conntrack_room()].into_iter().flatten());
    found
}

fn nft_version() -> Finding {
    const CHECK: &str = "nft";
    let said = match run_tool("nft", &["--version"], "") {
        Ok(said) => said,
        Err(error) => return Finding::problem(CHECK, error.to_string(), "apt-get install nftables"),
    };
    let version = said.split_whitespace().find_map(|word| word.strip_prefix('v')).unwrap_or_default();
    let mut numbers = version.split('.').map_while(|part| part.parse().ok());
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_NFT {
        let what = format!("nftables {version} is older than what the kernel rules are written for");
        return Finding::problem(CHECK, what, "upgrade nftables to 0.9.6 or later");
    }
    Finding::fine(CHECK, format!("nftables {version}"))
}

fn way_to_the_queue(config: &Config) -> Finding {
    const CHECK: &str = "hook";
    match Hook::probe(config.hook.install).map(|hook| hook.dialect()) {
        Ok(Dialect::Nft) => Finding::fine(CHECK, "packets get to the queue by nft's own queue statement"),
        Ok(Dialect::Iptables { .. }) => Finding::fine(
            CHECK,
            "packets get to the queue by iptables' NFQUEUE target: this kernel's nft has no queue statement",
        ),
        Err(error @ HookError::Missing { .. }) => {
            Finding::problem(CHECK, error.to_string(), "apt-get install nftables iptables")
        }
        Err(error @ HookError::NoNftQueue) => {
            Finding::problem(CHECK, error.to_string(), "hook.install = \"auto\"")
        }
        Err(error) => Finding::problem(
            CHECK,
            error.to_string(),
            "a kernel with nftables and NFQUEUE (CONFIG_NFT_QUEUE, or CONFIG_NETFILTER_XT_TARGET_NFQUEUE)",
        ),
    }
}

fn queue_module(queues: &str) -> Finding {
    const CHECK: &str = "module";
    if Path::new(queues).exists() {
        return match fs::read_to_string(queues) {
            Ok(_) => Finding::fine(CHECK, "nfnetlink_queue is there"),
            Err(error) => {
                Finding::problem(CHECK, format!("cannot read {queues}: {error}"), "sudo portcullis doctor")
            }
        };
    }
    Finding::note(CHECK, "nfnetlink_queue is not loaded yet; the kernel loads it with the first queue")
        .with_fix("modprobe nfnetlink_queue, if a start fails")
}

/// Whether connections can be found by their marks, and changed.
fn marks(config: &Config) -> Finding {
    const CHECK: &str = "marks";
    match conntrack::count_marked(MarkLayout::new(config.hook.mask)) {
        Ok(count) => {
            Finding::fine(CHECK, format!("connections can be walked; {count} carry marks within hook.mask"))
        }
        Err(error) => Finding::problem(
            CHECK,
            format!("connections can't be walked, so none is remembered and every packet is judged: {error}"),
            "modprobe nf_conntrack_netlink; a kernel with CONFIG_NF_CONNTRACK_MARK",
        ),
    }
}

/// Whether a queued packet can come with its connection (`CONFIG_NETFILTER_NETLINK_GLUE_CT`).
fn connection_of_a_packet(config: &Config) -> Option<Finding> {
    const CHECK: &str = "translated packets";
    if !connections(&config.ruleset) || !queue::may_administer_network() {
        return None;
    }
    Some(match queue::original_destinations_untold(config) {
        Some(untold) => Finding::note(CHECK, untold),
        None => {
            Finding::fine(CHECK, "what they were sent to is recorded, beside what they were translated to")
        }
    })
}

/// A full table drops new connections, whatever the rules say.
fn conntrack_room() -> Option<Finding> {
    const CHECK: &str = "connections";
    let number = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/sys/net/netfilter/nf_conntrack_{name}")).ok()?;
        text.trim().parse().ok()
    };
    let (count, most) = (number("count")?, number("max")?);
    let what = format!("{count} of at most {most} connections are tracked");
    Some(if count * 10 >= most * 9 {
        let fix = format!("sysctl net.netfilter.nf_conntrack_max={}", most * 2);
        Finding::problem(CHECK, format!("{what}: when it is full, the kernel drops new ones"), fix)
    } else {
        Finding::fine(CHECK, what)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    #[test]
    fn a_module_that_is_not_loaded_is_no_problem_yet() {
        let absent = queue_module("/proc/nobody");
        assert_eq!(absent.severity, Severity::Note);
        assert_eq!(absent.fix.as_deref(), Some("modprobe nfnetlink_queue, if a start fails"));
        assert_eq!(queue_module("/proc/self/status").severity, Severity::Fine);
        let unreadable = queue_module("/proc/self");
        assert_eq!(unreadable.fix.as_deref(), Some("sudo portcullis doctor"));
    }
}
