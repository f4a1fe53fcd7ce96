//! The same judging step as `judge-*`, for kernels without nft's `queue` statement: one chain of
//! the security table, the same for both families and all hooks. Nobody else writes marks there, and
//! unlike the mangle table it never makes the kernel route a packet anew.

use portcullis_config::Unjudged;
use portcullis_rules::Hook;

use super::{Plan, TABLE};
use crate::mark::Answer;

/// The table that our chain is in.
pub(super) const IN_TABLE: &str = "security";

/// Our chain's name.
pub(super) fn chain() -> String {
    TABLE.to_ascii_uppercase()
}

/// Input of `iptables-restore --noflush`: creates or refills our chain, and touches no other.
pub(super) fn script(plan: &Plan) -> String {
    let (chain, layout) = (chain(), plan.layout);
    let mask = layout.mask();
    let answer = |answer| format!("-m mark --mark {:#010x}/{mask:#010x}", layout.answer(answer));
    let answered = format!("-m mark --mark {0:#010x}/{0:#010x}", layout.answered());
    let (first, last) = plan.queues;
    let mut queue = if first == last {
        format!("--queue-num {first}")
    } else {
        format!("--queue-balance {first}:{last}")
    };
    if plan.on_exit == Unjudged::Accept {
        queue.push_str(" --queue-bypass");
    }
    let rules = [
        format!("-m mark --mark 0x0/{mask:#010x} -j RETURN"),
        // Accepting ends this table: refused packets go on to our nft chain.
        format!("{} -j ACCEPT", answer(Answer::Reject)),
        format!("{} -j ACCEPT", answer(Answer::Cut)),
        format!("{} -j MARK --set-xmark 0x0/{mask:#010x}", answer(Answer::Pass)),
        // Unlike nft, this target copies bits from one mark to the other: exactly the generation
        // that the daemon answered.
        format!("{answered} -j CONNMARK --save-mark --nfmask {mask:#010x} --ctmask {mask:#010x}"),
        format!("{answered} -j MARK --set-xmark 0x0/{mask:#010x}"),
        format!("-m mark --mark 0x0/{mask:#010x} -j RETURN"),
        format!("-j NFQUEUE {queue}"),
    ];
    let rules: String = rules.iter().map(|rule| format!("-A {chain} {rule}\n")).collect();
    format!("*{IN_TABLE}\n:{chain} - [0:0]\n{rules}COMMIT\n")
}

/// The arguments that add (`-I`), find (`-C`) or remove (`-D`) the jump to our chain at `hook`.
pub(super) fn jump(verb: &str, hook: Hook) -> String {
    format!("{verb} {} -j {}", hook.name().to_ascii_uppercase(), chain())
}
