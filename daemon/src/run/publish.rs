//! What goes live: the configuration as it is read, and the same as time goes by.

use std::{mem, sync::Arc, time::Duration};

use jiff::Timestamp;
use portcullis_config::{Config, Loaded};
use tracing::{error, warn};

use super::{
    Live,
    health::first_line,
    start::{queue_numbers, workers},
};
use crate::{
    conntrack::{self, Marked},
    generation::Generation,
    hook::Plan,
    log::{self, Message},
    mark::Answer,
    source::Origin,
    trial::How,
    trouble::Trouble,
};

/// So long after a failure rules that should count, or no longer, are tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// What went live, and what was until then.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) summary: String,
    pub(super) before: Loaded,
    pub(super) origin: Origin,
}

impl Live {
    /// Reads the configuration again and publishes it.
    ///
    /// # Errors
    /// Why not; everything is as it was then.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        let outcome = self.try_reload();
        self.tidy_soon();
        self.last_reload_succeeded = outcome.is_ok();
        match &outcome {
            Ok(done) => log::tell(Message::Reloaded, done),
            Err(why) => {
                let text = format!("reload refused, the old rules stay:\n{why}");
                log::tell(Message::ReloadRefused, &text);
            }
        }
        if let Err(why) = &outcome {
            self.trouble(Trouble::ReloadRefused, Some(first_line(why).to_owned()));
        }
        self.tell_how_it_is();
        outcome
    }

    fn try_reload(&mut self) -> Result<String, String> {
        let (loaded, origin) = self.files_to_reload()?;
        let Published { summary, .. } = self.publish(loaded, origin)?;
        self.standing.held = None;
        self.settled(How::Reload);
        Ok(summary)
    }

    /// The time has come for some rules, or is over for them, or the clock was set: publishes what is loaded, as it
    /// is now. Files are not read; somebody may be writing them.
    pub(super) fn follow_time(&mut self) {
        let now = self.config.at(Timestamp::now());
        if now.ruleset == self.config.ruleset {
            self.config = now;
            self.wind_alarm();
            self.time_bans_anew();
            return;
        }
        let same = Loaded { config: now, sources: self.sources.clone() };
        match self.put_into_force(same, self.origin.clone()) {
            Ok(Published { summary, .. }) => {
                log::tell(Message::Reloaded, &format!("{summary}, by the time of day"))
            }
            Err(why) => {
                error!("rules that should count now, or no longer, can't be put into force: {why}");
                self.set_alarm(Some(Timestamp::now() + AGAIN));
            }
        }
        self.tell_systemd();
    }

    /// Sets the alarm to when other rules count.
    pub(super) fn wind_alarm(&self) {
        self.set_alarm(self.config.next_change());
    }

    fn set_alarm(&self, time: Option<Timestamp>) {
        if let Err(error) = self.wakers.alarm.set(time) {
            error!("schedules and expiry are not followed, because there is no timer: {error}");
        }
    }

    /// Makes another configuration what is live.
    ///
    /// # Errors
    /// Why not; everything is as it was then.
    pub(super) fn publish(&mut self, loaded: Loaded, origin: Origin) -> Result<Published, String> {
        let published = self.put_into_force(loaded, origin)?;
        for mended in [Trouble::ReloadRefused, Trouble::WayBackFailed] {
            self.trouble(mended, None);
        }
        Ok(published)
    }

    /// Makes this configuration what is live, as it is now: the table first, then the kernel's rules.
    /// Nothing else publishes a table.
    pub(super) fn put_into_force(&mut self, loaded: Loaded, origin: Origin) -> Result<Published, String> {
        let Loaded { config, sources } = loaded.at(Timestamp::now());
        self.refuse_what_needs_a_restart(&config)?;

        let layout = self.plan.layout();
        let mut plan = Plan::new(&config, queue_numbers(&config));
        if !self.plan.remembers() {
            plan.remember_nothing();
        }
        // Before a number is used again, no connection may carry it from its last time.
        let mark = layout.next_generation(self.mark);
        let walk = |answer| {
            let cleared = conntrack::clear(layout, Marked::With(answer));
            cleared.map_err(|error| format!("connections can't be walked: {error}"))
        };
        if plan.remembers() {
            walk(Answer::Accept(mark))?;
        }
        let before = self.generation.load_full();
        let workers = workers(queue_numbers(&config));
        let generation = Generation::compile(&config, Some(&before), workers);
        if plan.remembers() {
            generation.remember_as(mark);
        }
        let summary = format!(
            "generation {} is live: {} rules from {origin}",
            generation.number,
            config.ruleset.rules.len()
        );
        self.generation.store(Arc::new(generation));
        if let Err(error) = self.install_hook(&config, &plan, mark) {
            self.generation.store(before);
            return Err(error.to_string());
        }
        self.tally.retire(before);
        // Flows that the old rules cut are judged anew: the new ones may allow them again.
        if plan.remembers()
            && let Err(error) = walk(Answer::Cut)
        {
            warn!("flows that were cut stay cut: {error}");
        }
        if (&self.config.log, &self.config.detect) != (&config.log, &config.detect) {
            self.recorder.apply(&config.log, &config.detect);
        }
        self.sockets.keep_or_forget(&config);
        let opens = plan.opens() && !self.plan.opens();
        (self.plan, self.mark) = (plan, mark);
        if opens {
            self.begin_to_count_unjudged();
        }
        let before = Loaded {
            config: mem::replace(&mut self.config, config),
            sources: mem::replace(&mut self.sources, sources),
        };
        let origin = mem::replace(&mut self.origin, origin);
        self.wind_alarm();
        self.watch_lists();
        self.tidy_soon();
        Ok(Published { summary, before, origin })
    }

    /// Queues and mark bits are laid once.
    fn refuse_what_needs_a_restart(&self, new: &Config) -> Result<(), String> {
        let old = &self.config;
        let changed = [
            ("queue.numbers", queue_numbers(new) != queue_numbers(old)),
            ("queue.gso", new.queue.gso != old.queue.gso),
            ("queue.backend", new.queue.backend != old.queue.backend),
            ("hook.install", new.hook.install != old.hook.install),
            ("hook.mask", new.hook.mask != old.hook.mask),
        ];
        let keys: Vec<&str> =
            changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        Err(format!("a change of {} takes a restart, not a reload", keys.join(", ")))
    }

    /// Keeps what has just gone live for a start without usable files.
    pub(super) fn keep_as_last_good(&self) {
        if let Err(error) = self.snapshots.save(&self.sources) {
            warn!(file = %self.snapshots.file().display(), "cannot keep this configuration as the last good one: {error}");
        }
    }
}
