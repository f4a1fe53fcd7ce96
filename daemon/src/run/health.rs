//! How the daemon is: what it tells systemd, its clients, and its log.

use std::process;

use jiff::Timestamp;
use portcullis_config::Install;
use sd_notify::NotifyState;
use tracing::{info, warn};

use super::{Live, start::queue_numbers};
use crate::{
    counters::Totals,
    queue::{self, QueueStatus},
    source::Origin,
    status::Status,
    trouble::Trouble,
};

impl Live {
    /// How the daemon is.
    pub fn status(&self) -> Status {
        let generation = self.generation.load();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            mode: self.mode().to_owned(),
            generation: generation.number,
            configuration: self.origin.to_string(),
            trial: self.standing.trial.as_ref().map(|trial| trial.until),
            last_reload_succeeded: self.last_reload_succeeded,
            degraded: self.troubles.list(),
            rules: generation.ruleset().rules.len(),
            hooks: generation.ruleset().policy.hooks().iter().map(|hook| hook.name().to_owned()).collect(),
            lists: self.lists.status(),
            hook_install: match (self.config.hook.install, self.hook.dialect()) {
                (Install::None, _) => "the administrator".to_owned(),
                (_, dialect) => dialect.to_string(),
            },
            hook_restored: self.guard.restored(),
            unjudged: None,
            packets: Totals::of(self.counters.iter().map(AsRef::as_ref)),
            records: self.recorder.records(),
            queues: self.queues(),
        }
    }

    pub(super) fn queues(&self) -> Vec<QueueStatus> {
        let (first, last) = queue_numbers(&self.config);
        queue::status().into_iter().filter(|queue| (first..=last).contains(&queue.number)).collect()
    }

    /// Looks at everything that may be wrong.
    pub(super) fn take_stock(&mut self) {
        let held = self.standing.held.as_ref().map(ToString::to_string);
        let not_the_files = match &self.origin {
            Origin::LastGood { because } => {
                Some(format!("the last good configuration runs, because: {}", first_line(because)))
            }
            _ => held,
        };
        let news = self.trouble(Trouble::NotTheFiles, not_the_files);
        self.look_for_unjudged();
        let queues = self.queues();
        let sum = |count: fn(&QueueStatus) -> u64| queues.iter().map(count).sum();
        let totals = Totals::of(self.counters.iter().map(AsRef::as_ref));
        let counted = [
            (Trouble::HookChanged, self.guard.restored()),
            (Trouble::QueueFull, sum(|queue| queue.dropped_full)),
            (Trouble::QueueUnsent, sum(|queue| queue.dropped_unsent)),
            (Trouble::PassedUnjudged, self.unjudged.packets),
            (Trouble::RecordsUnwritten, self.recorder.records().errors),
            (Trouble::ReportsLost, totals.events_lost),
        ];
        let now = Timestamp::now();
        let changed = counted.map(|(trouble, count)| {
            let changed = self.troubles.count(trouble, count, now);
            self.tell_of(trouble, changed)
        });
        if news || changed.contains(&true) {
            self.tell_systemd();
        }
    }

    /// After a change: what it has mended is not told any more.
    pub(super) fn tell_how_it_is(&mut self) {
        self.take_stock();
        self.tell_systemd();
    }

    /// This is wrong, or with `None` it isn't any more; both are told once. Whether that is news.
    pub(super) fn trouble(&mut self, trouble: Trouble, detail: Option<String>) -> bool {
        let changed = self.troubles.set(trouble, detail, Timestamp::now());
        self.tell_of(trouble, changed)
    }

    fn tell_of(&self, trouble: Trouble, changed: bool) -> bool {
        if changed {
            match self.troubles.list().iter().find(|degraded| degraded.reason == trouble) {
                Some(degraded) => warn!("degraded: {degraded}"),
                None => info!("no longer degraded: {trouble}"),
            }
        }
        changed
    }

    pub(super) fn tell_systemd(&self) {
        let sentence = self.status().sentence();
        // Without systemd there is nobody to tell.
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&sentence)]);
    }

    /// Ticks when it is time; systemd ends a daemon that is not fed.
    pub(super) fn feed_watchdog(&mut self) {
        let Some(watchdog) = &mut self.watchdog else { return };
        if watchdog.due() > std::time::Instant::now() {
            return;
        }
        let judged = self.counters.iter().map(|counters| counters.judged()).collect();
        let healthy = watchdog.tick(&self.sockets.waiting(), judged);
        if healthy {
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        let news = self.trouble(Trouble::QueueStuck, (!healthy).then(String::new));
        self.take_stock();
        if news {
            self.tell_systemd();
        }
    }
}

pub(super) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
