//! Who else has a say in this host's packets, and what that means.

use std::{collections::BTreeMap, fs, path::Path};

use portcullis_config::Config;
use portcullis_rules::Hook;
use serde_json::Value;

use super::Finding;
use crate::{
    hook::{TABLE, find_clashes, run_tool},
    mark::MarkLayout,
};

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let rules = Rules::listed();
    let mut found = programs(&rules, config);
    found.extend(rules.others());
    found.extend(clashes(config));
    if found.is_empty() {
        found.push(Finding::fine(
            "other firewalls",
            "there is none, and nobody else's rule touches our marks",
        ));
    }
    found
}

/// Chains and tables of others, and how many rules are in them.
#[derive(Debug, Default)]
struct Rules {
    /// By `iptables` or `ip6tables`, and chain.
    iptables: BTreeMap<(String, String), usize>,
    /// By nft's family and table.
    nft: BTreeMap<String, usize>,
}

impl Rules {
    fn listed() -> Self {
        let mut rules = Self::default();
        for family in ["iptables", "ip6tables"] {
            let saved = |tool: &str| run_tool(&format!("{tool}-save"), &[], "").unwrap_or_default();
            let version = run_tool(family, &["--version"], "").unwrap_or_default();
            rules.read_iptables(family, &saved(family));
            // Both kinds can be in use side by side, or be the same.
            if !version.contains("legacy") {
                let legacy = format!("{family}-legacy");
                rules.read_iptables(&legacy, &saved(&legacy));
            }
        }
        rules.read_nft(&run_tool("nft", &["--json", "list", "ruleset"], "").unwrap_or_default());
        rules
    }

    fn read_iptables(&mut self, tool: &str, listed: &str) {
        for line in listed.lines() {
            let mut words = line.split(' ');
            if words.next() != Some("-A") {
                continue;
            }
            let chain = words.next().unwrap_or_default();
            if !chain.starts_with(&TABLE.to_uppercase())
                && !line.contains(&format!("-j {}", TABLE.to_uppercase()))
            {
                *self.iptables.entry((tool.to_owned(), chain.to_owned())).or_default() += 1;
            }
        }
    }

    fn read_nft(&mut self, listed: &str) {
        let listed: Value = serde_json::from_str(listed).unwrap_or_default();
        let objects = listed["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
        for rule in objects.iter().filter_map(|object| object.get("rule")) {
            let name = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            // These are what iptables' own tables look like from here.
            let iptables = matches!(&*name("family"), "ip" | "ip6")
                && matches!(&*name("table"), "filter" | "nat" | "mangle" | "raw" | "security");
            if name("table") != TABLE && !iptables {
                *self.nft.entry(format!("{} {}", name("family"), name("table"))).or_default() += 1;
            }
        }
    }

    fn has_chain(&self, begins: &str) -> bool {
        self.iptables.keys().any(|(_, chain)| chain.starts_with(begins))
    }

    fn has_table(&self, part: &str) -> bool {
        self.nft.keys().any(|table| table.contains(part))
    }

    /// What belongs to none of the programs that have a finding of their own.
    fn others(&self) -> Vec<Finding> {
        const KNOWN: [&str; 4] = ["ufw", "DOCKER", "f2b-", "FORWARD"];
        let mut found = Vec::new();
        let strange = self
            .iptables
            .iter()
            .filter(|((_, chain), _)| !KNOWN.iter().any(|known| chain.starts_with(known)));
        let count: usize = strange.map(|(_, count)| count).sum();
        if count > 0 {
            found.push(
                Finding::note(
                    "iptables",
                    format!("{count} rules of others: a packet has to pass both them and these rules"),
                )
                .with_fix("portcullis import translates them: iptables-save | portcullis import"),
            );
        }
        let tables: Vec<&str> = self
            .nft
            .keys()
            .map(String::as_str)
            .filter(|table| !["firewalld", "f2b"].iter().any(|known| table.contains(known)))
            .collect();
        if !tables.is_empty() {
            let what = format!(
                "tables of others: {}; a packet has to pass both them and these rules",
                tables.join(", ")
            );
            found.push(Finding::note("nft", what).with_fix(
                "a \"flush ruleset\" in /etc/nftables.conf takes our rules away, too: leave it out",
            ));
        }
        found
    }
}

fn programs(rules: &Rules, config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let ufw = fs::read_to_string("/etc/ufw/ufw.conf").unwrap_or_default();
    if rules.has_chain("ufw-") || ufw.lines().any(|line| line.trim() == "ENABLED=yes") {
        found.push(
            Finding::note("ufw", "it is active: a packet has to pass both firewalls, and what ufw refuses is in no record here")
                .with_fix("iptables-save | portcullis import; then ufw disable"),
        );
    }
    if rules.has_table("firewalld") || Path::new("/run/firewalld").exists() {
        found.push(
            Finding::note(
                "firewalld",
                "it is active: a packet has to pass both firewalls, and what it refuses is in no record here",
            )
            .with_fix("systemctl disable --now firewalld, once the rules here say the same"),
        );
    }
    if rules.has_chain("DOCKER") || rules.has_table("docker") || Path::new("/sys/class/net/docker0").exists()
    {
        let forward = config.ruleset.policy.at(Hook::Forward).is_some();
        let what = if forward {
            "it publishes ports by forwarding: [policy] mentions forward, so its containers are judged, by the addresses and ports inside"
        } else {
            "it publishes ports by forwarding, past the rules for input: without forward in [policy] its containers are open to everybody"
        };
        let finding = Finding::note("Docker", what);
        found.push(if forward { finding } else { finding.with_fix("publish to 127.0.0.1 only, or write forward = \"drop\" into [policy] and rules for the containers") });
    }
    if rules.has_chain("f2b-") || rules.has_table("f2b") {
        found.push(Finding::note("fail2ban", "its bans work beside these rules: who is banned there is refused before or after, and is in no record here"));
    }
    found
}

fn clashes(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "marks of others";
    let finding = |clash: &crate::hook::Clash| match clash.is_fatal() {
        true => Finding::problem(CHECK, clash.to_string(), "set hook.mask to bits that nobody uses"),
        false => Finding::note(CHECK, format!("{clash}; accepted flows are judged again and again")),
    };
    find_clashes(MarkLayout::new(config.hook.mask)).iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn neighbours_are_told_by_their_chains() {
        let mut rules = Rules::default();
        rules.read_iptables("iptables", "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ufw-before-input\n-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n-A DOCKER -d 172.17.0.2 -j ACCEPT\n-A f2b-sshd -s 192.0.2.1 -j REJECT\n-A INPUT -j PORTCULLIS\n-A PORTCULLIS -j RETURN\n-A PORTCULLIS-OUT -j RETURN\nCOMMIT\n");
        rules.read_nft(r#"{"nftables":[{"rule":{"family":"inet","table":"firewalld"}},{"rule":{"family":"inet","table":"portcullis"}},{"rule":{"family":"ip","table":"filter"}},{"rule":{"family":"inet","table":"mine"}}]}"#);
        let config = portcullis_config::load_text("", "[policy]\ninput = \"drop\"").expect("valid").config;
        let checks: Vec<_> = programs(&rules, &config).iter().map(|finding| finding.check).collect();
        assert_eq!(checks, ["ufw", "firewalld", "Docker", "fail2ban"]);
        let others = rules.others();
        assert!(others[0].what.starts_with("1 rules of others"), "{others:?}");
        assert!(others[1].what.contains("inet mine") && !others[1].what.contains("portcullis"), "{others:?}");
        assert!(others.iter().all(|finding| finding.severity == Severity::Note));
    }
}
