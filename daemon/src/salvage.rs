//! What the kernel keeps to on a host whose configuration is not valid and never was: there is no last
//! good one, so there is no daemon.

use std::{path::Path, sync::Arc};

use portcullis_config::{Config, Mode, load_text, salvage};
use portcullis_rules::{Hook, Protocol, Rule};

use crate::{hook::run_tool, source::FILE};

/// Of the file named, else of the usual one: its policies that refuse and its failsafe rules, and a rule
/// for those of sshd's ports that none of these lets anybody in at. `None` if it shuts nothing.
pub fn for_the_kernel_alone(file: Option<&Path>, enabled: bool) -> Option<Config> {
    let mut config = salvage(file.unwrap_or_else(|| Path::new(FILE)))?;
    config.settle(enabled);
    if config.mode == Mode::Monitor {
        return None;
    }
    let rules = &mut Arc::make_mut(&mut config.ruleset).rules;
    let shut: Vec<u16> =
        sshd_ports().into_iter().filter(|&port| !rules.iter().any(|rule| lets_in(rule, port))).collect();
    if config.ruleset.policy.input.is_some() && !shut.is_empty() {
        Arc::make_mut(&mut config.ruleset).rules.push(way_in(&shut)?);
    }
    Some(config)
}

/// Whether a rule that is kept lets somebody in at `port` of TCP.
fn lets_in(rule: &Rule, port: u16) -> bool {
    rule.hooks.contains(Hook::Input)
        && rule.matches.protocol.is_none_or(|protocols| protocols.contains(Protocol::TCP.0))
        && rule.matches.port.as_ref().is_none_or(|ports| ports.contains(port))
}

/// Those that sshd's configuration names: it need not run yet. 22, where there is none.
fn sshd_ports() -> Vec<u16> {
    let settings = run_tool("sshd", &["-T"], "").unwrap_or_default();
    let ports: Vec<u16> =
        settings.lines().filter_map(|line| line.strip_prefix("port ")?.parse().ok()).collect();
    if ports.is_empty() { vec![22] } else { ports }
}

fn way_in(ports: &[u16]) -> Option<Rule> {
    let text = format!(
        "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"sshd's own ports\"\nhook = \"input\"\nprotocol = \"tcp\"\n\
         port = {ports:?}\naction = \"accept\"\nfailsafe = true\n"
    );
    let loaded = load_text("sshd", &text).ok()?;
    loaded.config.ruleset.rules.first().cloned()
}
