//! `hook` and `disable`: the kernel rules, without the daemon.

use std::{path::Path, process::Command};

use jiff::Timestamp;
use portcullis_config::{Config, Install};

use super::{Outcome, fail};
use crate::{
    ban::Bans,
    cli::{HookCommand, HookConfigArgs},
    conntrack::{self, Marked},
    hook::{Existing, Hook, HookError, Plan},
    mark::MarkLayout,
    queue,
    run::queue_numbers,
    salvage,
    snapshot::Snapshots,
    source,
    trial::Standing,
};

/// The services of the package.
const UNITS: [&str; 2] = ["portcullis.service", "portcullis-hook.service"];

pub(super) fn run(command: &HookCommand) -> Outcome {
    match command {
        HookCommand::Install(args) => install_or_salvage(args),
        HookCommand::Show(args) => with_configuration(args, show),
        HookCommand::Remove => remove(),
    }
}

fn with_configuration(args: &HookConfigArgs, act: fn(&Config, &Path) -> Result<(), HookError>) -> Outcome {
    let snapshots = Snapshots::new(args.state.clone());
    let standing = Standing::load(&args.state);
    let config = match source::load_for_start(args.config.config.as_deref(), &snapshots, &standing) {
        Ok((loaded, _)) => loaded.config,
        Err(report) => return fail(Outcome::Invalid, report),
    };
    ended(act(&config, &args.state))
}

/// Where no configuration can be had, the kernel keeps to what is left of it; that is not success.
fn install_or_salvage(args: &HookConfigArgs) -> Outcome {
    let enabled = Standing::load(&args.state).enabled;
    let outcome = with_configuration(args, install);
    let file = args.config.config.as_deref();
    if outcome == Outcome::Invalid
        && let Some(left) = salvage::for_the_kernel_alone(file, enabled)
    {
        let kept: Vec<_> = left.ruleset.rules.iter().map(|rule| format!("{:?}", rule.name)).collect();
        eprintln!(
            "portcullis: until this is mended and portcullis started, the kernel lets in what the failsafe rules that can be read say ({}), and no other new connection",
            kept.join(", ")
        );
        if let Err(error) = install(&left, &args.state) {
            eprintln!("portcullis: {error}");
        }
    }
    outcome
}

/// Leaves the base table in the kernel. What is queued waits for the daemon, or follows on-exit.
fn install(config: &Config, state: &Path) -> Result<(), HookError> {
    if config.hook.install == Install::None {
        eprintln!(
            "hook.install is \"none\": the kernel rules are the administrator's; see portcullis hook show"
        );
        return Ok(());
    }
    let layout = MarkLayout::new(config.hook.mask);
    let generation = match Hook::existing()? {
        Some(Existing { layout: old, generation, .. }) if old == layout => generation,
        _ => layout.first_generation(),
    };
    let now = Timestamp::now();
    let (plan, bans) = (Plan::new(config, queue_numbers(config)), Bans::load(state, now));
    Hook::probe(config.hook.install)?.install(&plan, generation, bans.remaining(now))
}

fn show(config: &Config, _state: &Path) -> Result<(), HookError> {
    let hook = Hook::probe(config.hook.install)?;
    let layout = MarkLayout::new(config.hook.mask);
    print!(
        "{}",
        Plan::new(config, queue_numbers(config)).shell_script(hook.dialect(), layout.first_generation())
    );
    Ok(())
}

fn remove() -> Outcome {
    let removed = || {
        // Not knowing what was there is no reason to leave it there.
        let existing = Hook::existing().unwrap_or(None);
        let removed = Hook::remove()?;
        if let Some(Existing { layout, .. }) = existing
            && let Err(error) = conntrack::clear(layout, Marked::Any)
        {
            eprintln!("connections keep their marks: {error}");
        }
        match (removed.table, removed.chain) {
            (false, false) => println!("nothing of Portcullis is in the kernel"),
            _ => println!("the kernel rules of Portcullis are removed"),
        }
        Ok(())
    };
    ended(removed())
}

pub(super) fn disable() -> Outcome {
    // sd_booted(3)
    if Path::new("/run/systemd/system").exists() {
        let disable = |units: &[&str]| {
            let disabled =
                Command::new("systemctl").args(["disable", "--now", "--quiet"]).args(units).status();
            disabled.is_ok_and(|status| status.success())
        };
        // Both at once, unless one is not there: that one is as disabled as can be.
        if !disable(&UNITS) {
            UNITS.iter().for_each(|unit| _ = disable(&[unit]));
        }
        println!("the services of Portcullis are stopped, and don't start by themselves any more");
    }
    remove()
}

fn ended(result: Result<(), HookError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Fine,
        Err(error) if !queue::may_administer_network() => {
            fail(Outcome::NotPermitted, format!("{error}\nthis needs root, or the capability CAP_NET_ADMIN"))
        }
        Err(error) => fail(Outcome::No, error),
    }
}
