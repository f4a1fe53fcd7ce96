//! The same judging step as `judge-*`, for kernels without nft's `queue` statement: chains of
//! the security table, the same for both families. Nobody else writes marks there, and
//! unlike the mangle table it never makes the kernel route a packet anew.

use portcullis_config::Unjudged;
use portcullis_rules::Hook;

use super::{Plan, TABLE};
use crate::mark::Answer;

/// The table that our chain is in.
pub(super) const IN_TABLE: &str = "security";

/// Our chains' names.
pub(super) fn chains() -> [String; 2] {
    [chain(Hook::Input), chain(Hook::Output)]
}

/// Whether this is the name of one of our chains.
pub(super) fn is_ours(chain: &str) -> bool {
    chains().iter().any(|ours| ours == chain)
}

/// The name of our chain at `hook`.
fn chain(hook: Hook) -> String {
    let name = TABLE.to_ascii_uppercase();
    match hook {
        Hook::Input | Hook::Forward => name,
        Hook::Output => name + "-OUT",
    }
}

/// Input of `iptables-restore --noflush`: creates or refills our chains, and touches no other; then `jumps`.
pub(super) fn script(plan: &Plan, jumps: &str) -> String {
    let layout = plan.layout;
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
    // The packet of an accepted flow, which nobody asks about, and one that comes by with its answer are
    // both through after one rule; nft's `after-*` see to the answer.
    let (bits, question) = layout.asked();
    let asks = format!("-m mark --mark {question:#010x}/{bits:#010x} -j NFQUEUE {queue}");
    // After its second way through the chain an outgoing packet is routed anew, by its mark: it has to be
    // what it was before the question.
    let routed_anew = [
        format!("-m mark --mark 0x0/{mask:#010x} -j RETURN"),
        asks.clone(),
        // Accepting ends this table: refused packets go on to our nft chain.
        format!("{} -j ACCEPT", answer(Answer::Reject)),
        format!("{} -j ACCEPT", answer(Answer::Cut)),
        format!("{} -j MARK --set-xmark 0x0/{mask:#010x}", answer(Answer::Pass)),
        // Unlike nft, this target copies bits from one mark to the other: exactly the generation
        // that the daemon answered.
        format!("{answered} -j CONNMARK --save-mark --nfmask {mask:#010x} --ctmask {mask:#010x}"),
        format!("{answered} -j MARK --set-xmark 0x0/{mask:#010x}"),
    ];
    let [chain, chain_out] = chains();
    let answers: String = routed_anew.iter().map(|rule| format!("-A {chain_out} {rule}\n")).collect();
    format!(
        "*{IN_TABLE}\n:{chain} - [0:0]\n:{chain_out} - [0:0]\n-A {chain} {asks}\n{answers}{jumps}COMMIT\n"
    )
}

/// What makes the jumps to our chains those that `plan` wants, where iptables-save shows these `lines`.
pub(super) fn jumps(plan: &Plan, lines: &[String]) -> String {
    let change = |hook| match (plan.hooks.contains(hook), lines.contains(&jump("-A", hook))) {
        (true, false) => jump("-I", hook) + "\n",
        (false, true) => jump("-D", hook) + "\n",
        _ => String::new(),
    };
    Hook::ALL.map(change).concat()
}

/// The arguments that add (`-I`), find (`-C`) or remove (`-D`) the jump to our chain at `hook`; `-A` is how
/// iptables-save shows it.
pub(super) fn jump(verb: &str, hook: Hook) -> String {
    format!("{verb} {} -j {}", hook.name().to_ascii_uppercase(), chain(hook))
}
