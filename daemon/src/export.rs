//! Rules as an nft ruleset, as near as nft can say them.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use portcullis_config::{Config, Mode, Validity};
use portcullis_rules::{
    Action, AddressSet, Field, Hook, Protocol, Rate, RatePeriod, RateScope, Rule, RuleId, Space, Standing,
};

use crate::{
    hook::{BUILTIN, Direction, Family, NftMatch, comment, nft_matches, set_name},
    log::Escaped,
    review::rule_in_words,
};

/// The table's name; not that of the daemon's own rules.
const TABLE: &str = "portcullis-export";
/// Sources that a rate tells apart, as many as the daemon does.
const SOURCES: u32 = 65_535;

/// The configuration's rules as a file for `nft -f`.
pub(crate) fn nft(config: &Config) -> String {
    let mut text = format!(
        "#!/usr/sbin/nft -f\n# The rules of Portcullis, in force on {}, made by: portcullis export --format nft\n\
         # Not in it: records, incidents and bans, and that a change of the rules cuts what they no longer allow.\n",
        config.time
    );
    if config.mode == Mode::Monitor {
        text += "# The configuration only monitors. This enforces.\n";
    }
    text += &format!("table inet {TABLE}\ndelete table inet {TABLE}\n\ntable inet {TABLE} {{\n");
    let export = Export { config, sets: sets(config), space: Space::of([&*config.ruleset]) };
    export.sets_and_limits(&mut text);
    line(&mut text, 1, "chain reject-packet {");
    line(&mut text, 2, "meta l4proto tcp reject with tcp reset");
    line(&mut text, 2, "reject with icmpx port-unreachable");
    line(&mut text, 1, "}");
    for hook in config.ruleset.policy.hooks().iter() {
        export.chain(&mut text, hook);
    }
    text + "}\n"
}

struct Export<'a> {
    config: &'a Config,
    /// Sets of addresses that rules share, by their names in the table.
    sets: BTreeMap<String, &'a Arc<AddressSet>>,
    space: Space,
}

/// Nft wants a name to begin with a letter.
fn sets(config: &Config) -> BTreeMap<String, &Arc<AddressSet>> {
    config.sets.iter().map(|(name, set)| (format!("set-{name}"), set)).collect()
}

impl Export<'_> {
    fn sets_and_limits(&self, text: &mut String) {
        for (name, set) in &self.sets {
            for family in Family::ALL {
                let members = family.members(set);
                if members.is_empty() {
                    continue;
                }
                let kind = kind(family);
                line(text, 1, &format!("set {} {{", set_name(name, family)));
                line(text, 2, &format!("type {kind}; flags interval"));
                line(text, 2, "elements = {");
                members.iter().for_each(|member| line(text, 3, &format!("{member},")));
                line(text, 2, "}");
                line(text, 1, "}");
            }
        }
        for (id, rule) in self.rules() {
            let Some(rate) = rule.rate else { continue };
            let name = limit_name(id);
            match rate.scope {
                RateScope::Rule => line(text, 1, &format!("limit {name} {{ {} }}", over(&rate))),
                RateScope::Source => {
                    for family in Family::ALL {
                        let (set, kind) = (set_name(&name, family), kind(family));
                        // Who may come again with a whole burst need not be remembered.
                        let timeout = rate.refill().as_secs().saturating_add(1);
                        let kind = format!(
                            "type {kind}; size {SOURCES}; flags dynamic, timeout; timeout {timeout}s"
                        );
                        line(text, 1, &format!("set {set} {{ {kind}; }}"));
                    }
                }
            }
        }
    }

    fn chain(&self, text: &mut String, hook: Hook) {
        let policy = self.config.ruleset.policy.at(hook);
        let word = if policy == Some(Action::Accept) { "accept" } else { "drop" };
        line(text, 1, &format!("chain {hook} {{"));
        line(text, 2, &format!("type filter hook {hook} priority filter; policy {word};"));
        line(text, 2, "ct state established accept comment \"accepted flows\"");
        for pass in BUILTIN.iter().filter(|pass| pass.hooks.contains(&hook)) {
            line(text, 2, &format!("{} accept comment \"{}\"", pass.nft, pass.what));
        }
        // The kernel asks the failsafe ones before all others.
        for failsafe in [true, false] {
            for (id, rule) in self.rules().filter(|(_, rule)| rule.failsafe == failsafe) {
                if rule.hooks.contains(hook) {
                    self.rule(text, id, rule, hook);
                }
            }
        }
        if policy == Some(Action::Reject) {
            line(text, 2, "goto reject-packet");
        }
        line(text, 1, "}");
    }

    fn rule(&self, text: &mut String, id: RuleId, rule: &Rule, hook: Hook) {
        let named = rule_in_words(rule);
        let mut remark = |what: &str| line(text, 2, &format!("# {}{what}", Escaped(&named)));
        if let Some(Validity { expires, schedule }) = self.config.validity(id) {
            let times = [
                expires.map(|time| format!("until {time}")),
                schedule.as_ref().map(|schedule| format!("on schedule {schedule}")),
            ];
            let times: Vec<String> = times.into_iter().flatten().collect();
            let times = times.join(", ");
            if rule.standing != Standing::InForce {
                return remark(&format!(", {times}: not in force, left out"));
            }
            remark(&format!(", {times}: in force, and nft does not know until when"));
        } else {
            remark("");
        }
        let here = Rule { hooks: [hook].into_iter().collect(), ..rule.clone() };
        if self.space.matched(&here).is_empty() {
            return remark(": it matches nothing, left out");
        }
        let verdict = match rule.action {
            Action::Accept => "accept",
            Action::Drop => "drop",
            Action::Reject => "goto reject-packet",
        };
        let comment = comment(&rule.name);
        for NftMatch { family, text: matched } in self.matches(rule, hook) {
            for limit in rule.rate.iter().flat_map(|rate| limits(id, rate, family)) {
                line(text, 2, &joined(&[&matched, &limit, "drop", "comment \"rate exceeded\""]));
            }
            line(text, 2, &joined(&[&matched, "counter", verdict, &format!("comment \"{comment}\"")]));
        }
    }

    /// What the rule matches, with what failsafe rules can't name.
    fn matches(&self, rule: &Rule, hook: Hook) -> Vec<NftMatch> {
        let mut base = rule.matches.clone();
        let mut flags = vec![String::new()];
        if base.tcp_flags.is_some() {
            base.protocol = Some([Protocol::TCP.0].into_iter().collect());
            let words = rule.words().into_iter().filter(|words| words.field == Field::TcpFlags);
            flags = words.flat_map(|words| words.values).map(|text| tcp_flags(&text)).collect();
        }
        let state = base.state.map_or_else(String::new, |states| {
            let states: Vec<String> = states.iter().map(|state| state.to_string()).collect();
            format!("ct state {{ {} }}", states.join(", "))
        });
        let user = base.user.as_ref().map_or_else(String::new, |users| {
            let users: Vec<String> =
                users.ranges().iter().map(|(first, last)| format!("{first}-{last}")).collect();
            format!("meta skuid {{ {} }}", users.join(", "))
        });
        let name = |set: &Arc<AddressSet>| {
            self.sets.iter().find(|(_, known)| Arc::ptr_eq(known, set)).map(|(name, _)| name.clone())
        };
        let base = nft_matches(&base, hook, Direction::Forth, &name);
        let with_flags = base.iter().flat_map(|NftMatch { family, text }| {
            let with =
                |flags: &String| NftMatch { family: *family, text: joined(&[text, flags, &state, &user]) };
            flags.iter().map(with)
        });
        with_flags.collect()
    }

    fn rules(&self) -> impl Iterator<Item = (RuleId, &Rule)> {
        (0..).map(RuleId).zip(&self.config.ruleset.rules)
    }
}

const fn kind(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    }
}

fn limit_name(RuleId(number): RuleId) -> String {
    format!("rate-{}", u64::from(number) + 1)
}

fn over(Rate { count, period, burst, .. }: &Rate) -> String {
    let period = match period {
        RatePeriod::Second => "second",
        RatePeriod::Minute => "minute",
        RatePeriod::Hour => "hour",
    };
    format!("rate over {count}/{period} burst {burst} packets")
}

/// Statements that stop at what exceeds the rate. An IPv6 source is its /64.
fn limits(id: RuleId, rate: &Rate, family: Option<Family>) -> Vec<String> {
    let name = limit_name(id);
    if rate.scope == RateScope::Rule {
        return vec![format!("limit name \"{name}\"")];
    }
    let of_family = |of: Family| {
        let known = if family.is_none() {
            format!("meta nfproto {} ", if of == Family::V4 { "ipv4" } else { "ipv6" })
        } else {
            String::new()
        };
        let source = match of {
            Family::V4 => "ip saddr",
            Family::V6 => "ip6 saddr & ffff:ffff:ffff:ffff::",
        };
        format!("{known}add @{} {{ {source} limit {} }}", set_name(&name, of), over(rate))
    };
    Family::ALL.into_iter().filter(|of| family.is_none_or(|family| family == *of)).map(of_family).collect()
}

/// `syn/fin,syn` as nft writes it.
fn tcp_flags(text: &str) -> String {
    let (set, mask) = text.split_once('/').unwrap_or((text, text));
    let flags = |text: &str| {
        if text == "none" { "0x0".to_owned() } else { format!("({})", text.replace(',', " | ")) }
    };
    format!("tcp flags & {} == {}", flags(mask), flags(set))
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:1$}{text}", "", depth * 4);
}
