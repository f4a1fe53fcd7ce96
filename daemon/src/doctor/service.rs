//! The daemon, its queues and its kernel rules: do they belong together?

use std::path::Path;

use portcullis_config::Config;

use super::Finding;
use crate::{
    control::{Command, ControlError, Response, ask},
    hook::Hook,
    queue,
    run::queue_numbers,
    status::Status,
};

pub(super) fn examine(config: &Config, control: &Path) -> Vec<Finding> {
    let (status, daemon) = daemon(control);
    let mut found = vec![daemon];
    found.extend(owners(config, status.as_ref()));
    found.extend(rules(status.as_ref()));
    found
}

fn daemon(control: &Path) -> (Option<Status>, Finding) {
    const CHECK: &str = "daemon";
    match ask(control, Command::Status) {
        Ok(Response::Status(status)) => {
            let finding = match status.degraded.first() {
                Some(why) => Finding::problem(CHECK, format!("it runs, but {why}"), "portcullis status"),
                None => Finding::fine(CHECK, format!("process {}: {}", status.pid, status.sentence())),
            };
            (Some(*status), finding)
        }
        Ok(_) => (None, Finding::problem(CHECK, "it is of another version", "systemctl restart portcullis")),
        Err(ControlError::NotRunning(_)) => {
            let fix = "systemctl enable --now portcullis, then journalctl -u portcullis";
            (None, Finding::note(CHECK, "it is not running").with_fix(fix))
        }
        Err(error) => (None, Finding::problem(CHECK, error.to_string(), "journalctl -u portcullis")),
    }
}

/// Who holds the queues that are ours.
fn owners(config: &Config, status: Option<&Status>) -> Vec<Finding> {
    const CHECK: &str = "queue";
    let (first, last) = queue_numbers(config);
    let held = queue::status().into_iter().filter(|queue| (first..=last).contains(&queue.number));
    // The daemon that answers holds the queues of its own configuration.
    let ours: Vec<u16> = status.iter().flat_map(|status| &status.queues).map(|queue| queue.number).collect();
    let taken: Vec<Finding> = held
        .filter(|queue| !ours.contains(&queue.number))
        .map(|queue| {
            Finding::problem(
                CHECK,
                format!("queue {} is held by {}", queue.number, queue.owner()),
                "stop that program, or set queue.numbers to others",
            )
        })
        .collect();
    if !taken.is_empty() {
        return taken;
    }
    let lost: u64 =
        status.iter().flat_map(|status| &status.queues).map(|q| q.dropped_full + q.dropped_unsent).sum();
    vec![match (status, lost) {
        (None, _) => Finding::fine(CHECK, format!("queues {first} to {last} are free")),
        (Some(_), 0) => {
            Finding::fine(CHECK, format!("queues {first} to {last} are the daemon's; no packet was lost"))
        }
        (Some(_), lost) => Finding::note(
            CHECK,
            format!("{lost} packets were lost since the queues were opened: it could not keep up"),
        )
        .with_fix("more queues (queue.numbers), or fewer packets that are judged (queue.inspect = \"new\")"),
    }]
}

/// Rules without a daemon are a shut door, a daemon without rules an open one.
fn rules(status: Option<&Status>) -> Option<Finding> {
    const CHECK: &str = "kernel rules";
    let by_hand = status.is_some_and(|status| status.hook_install == "the administrator");
    Some(match (Hook::existing(), status) {
        (Ok(Some(_)), Some(_)) => Finding::fine(CHECK, "they are in place"),
        (Ok(Some(_)), None) => Finding::problem(
            CHECK,
            "they are in place, but nobody judges: only open connections and failsafe rules pass, or what queue.on-exit says",
            "systemctl start portcullis, or take them away: portcullis disable",
        ),
        (Ok(None), Some(_)) if by_hand => Finding::note(CHECK, "hook.install is \"none\": they are yours"),
        (Ok(None), Some(_)) => Finding::problem(
            CHECK,
            "the daemon runs, but its kernel rules are gone: nothing is filtered. Somebody flushed all nft rules?",
            "portcullis reload puts them back",
        ),
        (Ok(None), None) => Finding::fine(CHECK, "none of ours are in the kernel"),
        (Err(_), _) => return None,
    })
}
