//! The nft table, as the text of one transaction.

use std::fmt::Write as _;

use portcullis_config::{Inspect, Unjudged};
use portcullis_rules::{Hook, State};

use super::{BUILTIN, Dialect, Plan, TABLE, banned, failsafe, tap};
use crate::mark::{Answer, GenerationMark, MarkLayout, Question};

/// Begins the comment of the rule that holds the current generation; mask and queues follow.
pub(super) const GENERATION_COMMENT: &str = "current generation, mask ";

/// Counts the packets that should have been judged, and were not: nobody was at their queue, or it was full and
/// lets them pass then. The queue's own counters know nothing of those.
pub(super) const UNJUDGED: &str = "unjudged";

/// Where packets to this host get back the addresses that they were sent to or from.
const SOURCE_NAT: i32 = 100; // NF_IP_PRI_NAT_SRC

/// The chain that keeps our bits out of routing.
const PREROUTING: &str = "before-routing";

/// A transaction that leaves exactly the rules of `plan` in our table, whatever was there before.
/// Base chains that exist are kept, since the kernel drops every queued packet when one goes.
pub(super) fn script(plan: &Plan, dialect: Dialect, generation: GenerationMark) -> String {
    let mut out = format!("add table inet {TABLE}\n");
    for (name, hook, priority) in base_chains(plan, dialect) {
        let kind = format!("{{ type filter hook {hook} priority {priority}; policy accept; }}");
        line(&mut out, 0, &format!("add chain inet {TABLE} {name} {kind}"));
    }
    line(&mut out, 0, &format!("flush table inet {TABLE}"));
    line(&mut out, 0, &format!("table inet {TABLE} {{"));
    banned_sets(&mut out);
    line(&mut out, 1, &format!("counter {UNJUDGED} {{ }}"));
    generation_chain(&mut out, plan, generation);
    refusals(&mut out);
    prerouting(&mut out, plan.layout);
    if plan.tap {
        out.push_str(&tap::chains(plan.log_group()));
    }
    for hook in Hook::ALL {
        passes(&mut out, plan, hook);
        before(&mut out, plan, dialect, hook);
    }
    if dialect == Dialect::Nft {
        answered(&mut out, plan.layout, generation);
    }
    for hook in plan.hooks.iter() {
        if dialect == Dialect::Nft {
            judge(&mut out, plan, hook);
        }
        after(&mut out, plan, generation, hook);
    }
    line(&mut out, 0, "}");
    out
}

/// A transaction that asks no more questions; packets already queued still find their way out.
pub(super) fn quiet_script() -> String {
    Hook::ALL.iter().map(|hook| format!("flush chain inet {TABLE} before-{hook}\n")).collect()
}

/// The base chains of `plan`: name, the kernel's hook, priority.
///
/// Nobody else's rules may run between ours, or they could wipe a question or a refusal off the mark:
/// ours surround iptables' security table, where no marks are written. That is after mangle (-150),
/// destination NAT (-100) and filter (0), so a packet that goes out is judged by the interface and the
/// address that it really goes to, as its replies are.
pub(super) fn base_chains(plan: &Plan, dialect: Dialect) -> Vec<(String, &'static str, i32)> {
    let (before, after) = match dialect {
        Dialect::Nft => (47, 49),
        Dialect::Iptables { security } => (security - 1, security + 1),
    };
    let mut chains: Vec<_> = Hook::ALL.map(|hook| (format!("before-{hook}"), hook.name(), before)).to_vec();
    // Right after the mangle table (-150), before the packet is routed.
    chains.push((PREROUTING.to_owned(), "prerouting", -149));
    for (name, hook, priority) in [tap::ARRIVALS, tap::REFUSALS].into_iter().filter(|_| plan.tap) {
        chains.push((name.to_owned(), hook, priority));
    }
    for hook in plan.hooks.iter() {
        if dialect == Dialect::Nft {
            chains.push((format!("judge-{hook}"), hook.name(), before + 1));
        }
        chains.push((format!("after-{hook}"), hook.name(), after));
    }
    chains
}

/// Somebody's rule may put the connection's mark, with our generation in it, back on the packet, and
/// somebody's route or reverse path depend on the packet's whole mark: WireGuard's do.
fn prerouting(out: &mut String, layout: MarkLayout) {
    line(out, 1, &format!("chain {PREROUTING} {{"));
    line(out, 2, &format!("meta mark & {:#010x} != 0 {}", layout.mask(), clear(layout)));
    line(out, 1, "}");
}

/// The one rule that holds the current generation: accepted flows leave the way to the queue here.
fn generation_chain(out: &mut String, plan: &Plan, generation: GenerationMark) {
    let layout = plan.layout;
    let accepted = is("ct mark", layout, layout.answer(Answer::Accept(generation)));
    line(out, 1, "chain generation {");
    let (first, last) = plan.queues;
    let comment = format!("{GENERATION_COMMENT}{:#010x}, queues {first}-{last}", layout.mask());
    line(out, 2, &format!("{accepted} accept comment \"{comment}\""));
    line(out, 1, "}");
}

fn refusals(out: &mut String) {
    line(out, 1, "chain reject-packet {");
    line(out, 2, "meta l4proto tcp reject with tcp reset");
    line(out, 2, "reject with icmpx port-unreachable");
    line(out, 1, "}");
    line(out, 1, "chain cut-flow {");
    line(out, 2, "meta l4proto tcp counter reject with tcp reset");
    line(out, 2, "counter drop");
    line(out, 1, "}");
}

fn banned_sets(out: &mut String) {
    for (set, kind) in [(banned::V4, "ipv4_addr"), (banned::V6, "ipv6_addr")] {
        line(out, 1, &format!("set {set} {{ type {kind}; flags timeout; size 65536; }}"));
    }
    line(out, 1, &format!("counter {} {{ }}", banned::COUNTER));
}

/// What passes without a question, even from a banned source: what the host can't be without, and the
/// failsafe rules.
fn passes(out: &mut String, plan: &Plan, hook: Hook) {
    line(out, 1, &format!("chain passes-{hook} {{"));
    for pass in BUILTIN.iter().filter(|pass| pass.hooks.contains(&hook)) {
        line(out, 2, &format!("{} accept comment \"{}\"", pass.nft, pass.what));
    }
    for rule in &plan.failsafe {
        for text in failsafe::rules(rule, hook) {
            line(out, 2, &format!("{text} accept comment \"failsafe: {}\"", comment(&rule.name)));
        }
    }
    line(out, 1, "}");
    if bans(plan, hook) {
        line(out, 1, &format!("chain banned-{hook} {{"));
        line(out, 2, &format!("jump passes-{hook}"));
        line(out, 2, &format!("counter name \"{}\" drop", banned::COUNTER));
        line(out, 1, "}");
    }
}

fn bans(plan: &Plan, hook: Hook) -> bool {
    plan.bans && plan.hooks.contains(hook) && banned::HOOKS.contains(&hook)
}

fn before(out: &mut String, plan: &Plan, dialect: Dialect, hook: Hook) {
    let layout = plan.layout;
    let ours = plan.hooks.contains(hook);
    line(out, 1, &format!("chain before-{hook} {{"));
    if ours {
        // A mark that came with the packet must not look like ours.
        let bits = format!("meta mark & {:#010x} != 0", layout.mask());
        line(out, 2, &format!("{bits} {}", clear(layout)));
        if bans(plan, hook) {
            // Before accepted flows: a ban ends those, too.
            line(out, 2, &format!("ip saddr @{} goto banned-{hook}", banned::V4));
            line(out, 2, &format!("ip6 saddr & ffff:ffff:ffff:ffff:: @{} goto banned-{hook}", banned::V6));
        }
        if plan.inspect == Inspect::New {
            line(out, 2, "ct state established jump generation");
        }
    }
    let cut = layout.answer(Answer::Cut);
    if !ours {
        // Nearly all of them: one comparison, not all that follow.
        line(out, 2, &format!("ct mark & {:#010x} != {cut:#010x} accept", layout.mask()));
    }
    line(out, 2, &format!("jump passes-{hook}"));
    line(out, 2, &format!("{} goto cut-flow", is("ct mark", layout, cut)));
    if ours {
        if hook == Hook::Input && matches!(dialect, Dialect::Iptables { security } if security > SOURCE_NAT) {
            // An answer to what a NAT rule of the output hook sent elsewhere bears here, unlike there, the
            // address that was asked for. Packets of the other direction tell what becomes of its flow.
            let translated = "ct state established ct direction reply ct status dnat";
            line(out, 2, &format!("{translated} accept comment \"answers from a translated address\""));
        }
        for question in Question::ALL {
            let ask = format!("meta mark set meta mark | {:#010x} accept", layout.question(question));
            line(out, 2, &format!("{} {ask}", asks(question, layout)));
        }
    }
    line(out, 1, "}");
}

/// The match of the packets that a question is about.
fn asks(question: Question, layout: MarkLayout) -> String {
    let Question { state, reply, expected, accepted } = question;
    let direction = if reply { "reply" } else { "original" };
    match state {
        // What is cut has left before; another mark of ours is that of a generation.
        State::New => {
            let accepted = if accepted { "!=" } else { "==" };
            format!("ct state new ct mark & {:#010x} {accepted} 0", layout.mask())
        }
        State::Invalid | State::Untracked => format!("ct state {state}"),
        State::Related => format!("ct state related ct direction {direction}"),
        State::Established => {
            let expected = if expected { "!= 0" } else { "== 0" };
            format!("ct state established ct direction {direction} ct status & expected {expected}")
        }
    }
}

/// Outgoing packets that come by a second time, with the daemon's answer in their mark. They are routed anew
/// after that, by their mark: it has to be what it was before the question.
fn answered(out: &mut String, layout: MarkLayout, generation: GenerationMark) {
    line(out, 1, "chain answered {");
    accepted(out, layout, generation);
    for answer in [Answer::Reject, Answer::Cut] {
        line(out, 2, &format!("{} accept", is("meta mark", layout, layout.answer(answer))));
    }
    line(out, 2, &format!("{} accept", clear(layout)));
    line(out, 1, "}");
}

/// Accepted packets: remembered in their connection, and gone from here with the mark that they had.
fn accepted(out: &mut String, layout: MarkLayout, generation: GenerationMark) {
    // One rule with a constant for each live generation: never "whatever is current", or a packet
    // judged just before a reload would count as accepted by the new rules.
    for generation in [generation, layout.previous_generation(generation)] {
        let code = layout.answer(Answer::Accept(generation));
        let answered = is("meta mark", layout, code);
        line(out, 2, &format!("{answered} {} {} accept", save(layout, code), clear(layout)));
    }
}

/// Packets with a question go to the queue; those that come by a second time, with their answer, go on.
fn judge(out: &mut String, plan: &Plan, hook: Hook) {
    let (first, last) = plan.queues;
    let mut flags = Vec::new();
    if plan.on_exit == Unjudged::Accept {
        flags.push("bypass");
    }
    if first != last {
        flags.push("fanout");
    }
    let flags = if flags.is_empty() { String::new() } else { format!(" flags {}", flags.join(",")) };
    let queues = if first == last { first.to_string() } else { format!("{first}-{last}") };
    line(out, 1, &format!("chain judge-{hook} {{"));
    let (bits, question) = plan.layout.asked();
    let ask = format!("meta mark & {bits:#010x} == {question:#010x} queue{flags} to {queues}");
    if hook == Hook::Output {
        line(out, 2, &format!("meta mark & {:#010x} == 0 accept", plan.layout.mask()));
        line(out, 2, &ask);
        // Neither: somebody has changed our bits. Only answers are carried out.
        line(out, 2, &format!("meta mark & {:#010x} == 0 accept", plan.layout.answered()));
        line(out, 2, "goto answered");
    } else {
        line(out, 2, &ask);
    }
    line(out, 1, "}");
}

/// What became of a question: the answer is carried out, and our bits leave the packet's mark.
fn after(out: &mut String, plan: &Plan, generation: GenerationMark, hook: Hook) {
    let layout = plan.layout;
    let cut = layout.answer(Answer::Cut);
    line(out, 1, &format!("chain after-{hook} {{"));
    line(out, 2, &format!("meta mark & {:#010x} == 0 accept", layout.mask()));
    accepted(out, layout, generation);
    line(out, 2, &format!("{} goto reject-packet", is("meta mark", layout, layout.answer(Answer::Reject))));
    line(out, 2, &format!("{} {} goto cut-flow", is("meta mark", layout, cut), save(layout, cut)));
    // It passes without being remembered, or was accepted by a generation that is gone, or somebody's rule put
    // the connection's mark, with our generation in it, back on the packet.
    line(out, 2, &format!("meta mark & {:#010x} != 0 {} accept", layout.answered(), clear(layout)));
    let fate = match plan.unanswered {
        Unjudged::Accept => format!("{} accept", clear(layout)),
        Unjudged::Drop => "drop".to_owned(),
    };
    line(out, 2, &format!("counter name \"{UNJUDGED}\" {fate} comment \"nobody judged it\""));
    line(out, 1, "}");
}

/// Whether our bits of `mark` hold this code.
fn is(mark: &str, layout: MarkLayout, code: u32) -> String {
    format!("{mark} & {:#010x} == {code:#010x}", layout.mask())
}

fn save(layout: MarkLayout, code: u32) -> String {
    format!("ct mark set ct mark & {:#010x} | {code:#010x}", layout.foreign())
}

fn clear(layout: MarkLayout) -> String {
    format!("meta mark set meta mark & {:#010x}", layout.foreign())
}

/// Text that is safe inside nft's quotes, cut so that a comment is short enough for nft (128 bytes)
/// whatever script it is written in.
pub(crate) fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).take(28).collect()
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:1$}{text}", "", depth * 4);
}
