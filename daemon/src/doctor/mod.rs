//! `doctor`: whether this host has what the firewall needs, who else has a say in its packets, and
//! what to do about what is wrong. It looks and changes nothing.

mod finding;
mod kernel;
mod neighbours;
mod resources;
mod service;

use std::path::Path;

use portcullis_config::Config;

pub use finding::{Finding, Severity};

use crate::{
    control::{Command, Response, ask},
    queue, sessions, source,
};

/// Everything that was found, in the order in which a packet, and then an administrator, meets it.
pub fn examine(config: Option<&Path>, control: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    if !queue::may_administer_network() {
        found.push(Finding::problem(
            "permission",
            "not permitted to look at the kernel's rules, so most of what follows is unsure",
            "sudo portcullis doctor",
        ));
    }
    let (config, finding) = configuration(config);
    found.push(finding);
    found.extend(kernel::examine(&config));
    found.extend(service::examine(&config, control));
    found.extend(neighbours::examine(&config));
    found.extend(ssh(&config, control));
    found.extend(resources::examine(&config));
    found
}

/// What is configured; what is built in, where that is of no use.
fn configuration(file: Option<&Path>) -> (Config, Finding) {
    const CHECK: &str = "configuration";
    match source::load_checked(file) {
        Ok((loaded, origin)) => {
            let rules = loaded.config.ruleset.rules.len();
            (loaded.config, Finding::fine(CHECK, format!("{origin}: valid, {rules} rules")))
        }
        Err(report) => {
            let first = report.lines().next().unwrap_or_default().to_owned();
            let finding = Finding::problem(CHECK, first, "portcullis check shows all of it, and where it is");
            (built_in(), finding)
        }
    }
}

fn built_in() -> Config {
    let loaded = portcullis_config::load_text("built-in default", portcullis_config::DEFAULT);
    #[expect(clippy::expect_used, reason = "the tests load it")]
    loaded.map(|loaded| loaded.config).expect("the built-in default is valid")
}

/// Whether enforcing the rules would cut somebody off who is at work here.
fn ssh(config: &Config, control: &Path) -> Vec<Finding> {
    const CHECK: &str = "ssh";
    let mut enforced = config.clone();
    enforced.settle(true);
    let sessions = match sessions::open() {
        Ok(sessions) => sessions,
        Err(error) => {
            let what = format!("cannot see which ssh sessions are open: {error}");
            return vec![Finding::note(CHECK, what).with_fix("sudo portcullis doctor")];
        }
    };
    let banned = match ask(control, Command::Bans) {
        Ok(Response::Bans(list)) => list.bans.into_iter().map(|ban| ban.source).collect(),
        _ => Vec::new(),
    };
    let cut = sessions::cut_by(&enforced, &banned, &sessions).into_iter().map(|cut| {
        Finding::problem(
            CHECK,
            format!("the rules would cut the {cut}"),
            "write a rule that lets it in, with failsafe = true",
        )
    });
    let mut found: Vec<Finding> = cut.collect();
    if found.is_empty() {
        found.push(Finding::fine(
            CHECK,
            format!("open sessions: {}; the rules let all of them in", sessions.len()),
        ));
    }
    found
}
