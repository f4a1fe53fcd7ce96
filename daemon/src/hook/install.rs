//! Putting the rules into the kernel, and taking exactly them out again.

use std::{collections::BTreeMap, fmt, path::Path, time::Duration};

use ipnet::IpNet;
use portcullis_config::Install;
use portcullis_rules::Hook as At;
use serde_json::Value;
use tracing::{debug, info, warn};

use super::{
    Dialect, Plan, TABLE, banned,
    command::{HookError, run},
    iptables, nft,
    notices::FAREWELL,
};
use crate::mark::{GenerationMark, MarkLayout};

/// The hook in the kernel. It is not tied to a process: it stays until it is removed.
#[derive(Debug)]
pub struct Hook {
    dialect: Dialect,
    /// What iptables was last asked for, by family, and how it shows it.
    laid: BTreeMap<&'static str, (String, Vec<String>)>,
}

/// What an earlier installation left in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Existing {
    /// The bits it used.
    pub layout: MarkLayout,
    /// The generation whose flows it lets pass.
    pub generation: GenerationMark,
    /// The first and the last queue it sends packets to.
    pub queues: (u16, u16),
}

/// What was there to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Our nft table.
    pub table: bool,
    /// Our iptables chain, in either family.
    pub chain: bool,
}

impl Hook {
    /// Finds out how packets can get to the queue here.
    ///
    /// # Errors
    /// When nft is missing, or not permitted, or the wanted dialect is not to be had.
    pub fn probe(install: Install) -> Result<Self, HookError> {
        let probe = "table inet portcullis-probe {\nchain probe {\nqueue to 7300\n}\n}\n";
        let nft_queue = || match run("nft", &["--check", "--file", "-"], probe) {
            Ok(_) => Ok(true),
            Err(HookError::Refused { stderr, .. }) if stderr.contains("No such file") => Ok(false),
            Err(HookError::Refused { stderr, .. }) if stderr.contains("not supported") => Ok(false),
            Err(error) => Err(error),
        };
        let dialect = match install {
            Install::Iptables => iptables_dialect()?,
            Install::Nft if !nft_queue()? => return Err(HookError::NoNftQueue),
            Install::Nft => Dialect::Nft,
            Install::Auto | Install::None if nft_queue()? => Dialect::Nft,
            Install::Auto | Install::None => iptables_dialect()?,
        };
        debug!(?dialect, "how packets get to the queue");
        Ok(Self { dialect, laid: BTreeMap::new() })
    }

    /// How packets get to the queue.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What stands in the kernel now, if anything of ours does.
    ///
    /// # Errors
    /// When nft is missing or not permitted.
    pub fn existing() -> Result<Option<Existing>, HookError> {
        Ok(table()?.as_deref().and_then(read_generation))
    }

    /// Makes the kernel's rules those of `plan`, and its bans those of `bans` (whom, and for how long
    /// from now), in one step for packets: whatever was there before judges until then.
    ///
    /// # Errors
    /// When the kernel refuses a rule; nothing has changed then.
    pub fn install(
        &mut self,
        plan: &Plan,
        generation: GenerationMark,
        bans: impl Iterator<Item = (IpNet, Duration)>,
    ) -> Result<(), HookError> {
        let bans = banned::fill(bans);
        let dialect = self.dialect;
        let script = |plan: &Plan| script(plan, dialect, generation).map(|script| script + &bans);
        let untapped = plan.without_tap();
        let mut plan = plan;
        if let Err(refused) = run("nft", &["--check", "--file", "-"], &script(plan)?) {
            plan = &untapped;
            run("nft", &["--check", "--file", "-"], &script(plan)?)?;
            warn!("the kernel can't log by nft, so scans of open hosts are found later: {refused}");
        }
        match self.dialect {
            Dialect::Nft => {
                // Left from a time when nft had no queue statement here, or when iptables was wanted.
                remove_chains()?;
            }
            Dialect::Iptables { .. } => {
                // First the way to the queue, then the rules that send packets on it.
                for tool in families() {
                    self.lay(tool, plan)?;
                }
            }
        }
        run("nft", &["--file", "-"], &script(plan)?)?;
        info!(hooks = %HookNames(plan), by = %self.dialect, "kernel rules are in place");
        Ok(())
    }

    /// Lays the way to the queue that iptables has to lay, unless it is there: a reload seldom changes it.
    fn lay(&mut self, tool: &'static str, plan: &Plan) -> Result<(), HookError> {
        let found = ours(tool)?;
        let (chains, jumps) = (iptables::script(plan, ""), iptables::jumps(plan, &found));
        let laid = self.laid.get(tool);
        if jumps.is_empty() && laid.is_some_and(|(laid, shown)| (laid, shown) == (&chains, &found)) {
            return Ok(());
        }
        run(&format!("{tool}-restore"), &["--wait", "--noflush"], &iptables::script(plan, &jumps))?;
        self.laid.insert(tool, (chains, ours(tool)?));
        Ok(())
    }

    /// What of ours stands in the kernel now, in a form that two looks can be compared by; `None` when our
    /// table is gone.
    ///
    /// # Errors
    /// When nft or iptables fail.
    pub fn look(&self) -> Result<Option<Standing>, HookError> {
        let Some(objects) = table()? else { return Ok(None) };
        let mut lines: Vec<String> = objects.into_iter().filter_map(lasting).collect();
        if self.dialect != Dialect::Nft {
            for tool in families() {
                lines.extend(ours(tool)?);
            }
        }
        Ok(Some(Standing(lines)))
    }

    /// Stops sending packets to the queue. Those in it can still be answered; all others pass.
    ///
    /// # Errors
    /// When nft fails, other than for want of our table.
    pub fn quiet() -> Result<(), HookError> {
        if table()?.is_some() {
            run("nft", &["--file", "-"], &nft::quiet_script())?;
        }
        Ok(())
    }

    /// Removes everything of ours, whoever installed it. Removing what is not there is no error.
    ///
    /// # Errors
    /// When nft or iptables fail.
    pub fn remove() -> Result<Removed, HookError> {
        // Without looking first: an nft that was built without JSON can do this, too.
        let farewell = format!("add chain inet {TABLE} {FAREWELL}\ndelete table inet {TABLE}\n");
        let table = match run("nft", &["--file", "-"], &farewell) {
            Ok(_) => true,
            Err(HookError::Refused { stderr, .. }) if stderr.contains("No such file") => false,
            Err(error) => return Err(error),
        };
        Ok(Removed { table, chain: remove_chains()? })
    }
}

/// The nft part, without the base chains of hooks that are no longer ours.
fn script(plan: &Plan, dialect: Dialect, generation: GenerationMark) -> Result<String, HookError> {
    let mut script = nft::script(plan, dialect, generation);
    let wanted = nft::base_chains(plan, dialect);
    let listed = table()?.unwrap_or_default();
    let base = listed
        .iter()
        .filter_map(|object| object.pointer("/chain"))
        .filter(|chain| chain.get("hook").is_some());
    let (mut stale, mut moved) = (String::new(), false);
    for chain in base {
        let name = chain["name"].as_str().unwrap_or_default();
        match wanted.iter().find(|(wanted, ..)| wanted == name) {
            Some((.., priority)) => moved |= chain["prio"] != *priority,
            None => stale.push_str(&format!("delete chain inet {TABLE} {name}\n")),
        }
    }
    if moved {
        // Left by the other dialect: a base chain can't change its priority.
        script.insert_str(0, &format!("delete table inet {TABLE}\n"));
    } else {
        script.push_str(&stale);
    }
    Ok(script)
}

/// The rules of ours that were in the kernel at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing(Vec<String>);

/// An object of our table, without what changes by itself: handles, counts, members of sets.
fn lasting(object: Value) -> Option<String> {
    if object.get("metainfo").is_some() {
        return None;
    }
    Some(still(object).to_string())
}

fn still(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let moves = |name: &str| matches!(name, "handle" | "packets" | "bytes" | "elem");
            fields
                .into_iter()
                .filter(|(name, _)| !moves(name))
                .map(|(name, value)| (name, still(value)))
                .collect()
        }
        Value::Array(values) => values.into_iter().map(still).collect(),
        other => other,
    }
}

struct HookNames<'a>(&'a Plan);

impl fmt::Display for HookNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.hooks.iter().map(At::name).collect();
        f.write_str(&names.join(", "))
    }
}

/// The objects of our table, as nft lists them; `None` when there is no such table.
fn table() -> Result<Option<Vec<Value>>, HookError> {
    let listed = match run("nft", &["--json", "--numeric", "--terse", "list", "table", "inet", TABLE], "") {
        Ok(listed) => listed,
        Err(HookError::Refused { stderr, .. }) if stderr.contains("No such file") => return Ok(None),
        Err(error) => return Err(error),
    };
    let objects =
        serde_json::from_str::<Value>(&listed).ok().and_then(|mut value| match value["nftables"].take() {
            Value::Array(objects) => Some(objects),
            _ => None,
        });
    objects
        .map(Some)
        .ok_or_else(|| HookError::Refused { command: "nft --json list".to_owned(), stderr: listed })
}

/// Reads the rule that [`nft::GENERATION_COMMENT`] marks.
fn read_generation(objects: &[Value]) -> Option<Existing> {
    let rules = objects.iter().filter_map(|object| object.get("rule"));
    rules.into_iter().find_map(|rule| {
        let comment = rule["comment"].as_str()?.strip_prefix(nft::GENERATION_COMMENT)?;
        let (mask, queues) = comment.strip_prefix("0x")?.split_once(", queues ")?;
        let (first, last) = queues.split_once('-')?;
        let layout = MarkLayout::new(u32::from_str_radix(mask, 16).ok()?);
        let mark = rule["expr"].as_array()?.iter().find_map(|expr| expr.pointer("/match/right")?.as_u64())?;
        let generation = layout.read_generation(u32::try_from(mark).ok()?)?;
        Some(Existing { layout, generation, queues: (first.parse().ok()?, last.parse().ok()?) })
    })
}

/// The kernel's own security table has priority 50 (`NF_IP_PRI_SECURITY`); the one that iptables
/// makes of nft chains has 150.
fn iptables_dialect() -> Result<Dialect, HookError> {
    let version = run("iptables", &["--version"], "")?;
    Ok(Dialect::Iptables { security: if version.contains("nf_tables") { 150 } else { 50 } })
}

/// The iptables commands of the families that this host has. Where that can't be seen, it has both: packets of one that
/// is left out are asked about, and by nobody answered.
fn families() -> impl Iterator<Item = &'static str> {
    let network = Path::new("/proc/self/net");
    let v6 = !network.exists() || network.join("if_inet6").exists();
    ["iptables", "ip6tables"].into_iter().take(if v6 { 2 } else { 1 })
}

/// What iptables has of ours, as it shows it: rules of our chains, and jumps to them.
fn ours(tool: &str) -> Result<Vec<String>, HookError> {
    let saved = run(&format!("{tool}-save"), &["-t", iptables::IN_TABLE], "")?;
    let [ours, ..] = iptables::chains();
    let ours = saved.lines().filter(|line| line.starts_with("-A") && line.contains(&ours));
    Ok(ours.map(str::to_owned).collect())
}

/// Runs an iptables command on the table that our chain is in.
fn in_table(tool: &str, rest: &str) -> Result<String, HookError> {
    let words: Vec<&str> =
        ["--wait", "--table", iptables::IN_TABLE].into_iter().chain(rest.split(' ')).collect();
    run(tool, &words, "")
}

/// Removes our chains and the jumps to them from both families, where they are.
fn remove_chains() -> Result<bool, HookError> {
    let mut found = false;
    for tool in families() {
        let ours = |rest: &str| in_table(tool, rest);
        for chain in iptables::chains() {
            let listed = match ours(&format!("-S {chain}")) {
                Ok(listed) => listed,
                // No iptables on this host: then nothing of ours is in it.
                Err(HookError::Missing { .. }) => return Ok(found),
                Err(_) => continue,
            };
            debug!(tool, listed, "removing our chain");
            found = true;
            for base in At::ALL.map(|at| at.name().to_ascii_uppercase()) {
                let mut found = false;
                while ours(&format!("-D {base} -j {chain}")).is_ok() {
                    found = true;
                }
                if found
                    && ours(&format!("-S {base}"))
                        .is_ok_and(|rules| rules.trim() == format!("-P {base} ACCEPT"))
                {
                    // iptables-nft made this chain for our jump; it is refused where somebody has rules in it.
                    let _ = ours(&format!("-X {base}"));
                }
            }
            ours(&format!("-F {chain}"))?;
            ours(&format!("-X {chain}"))?;
        }
    }
    Ok(found)
}
